"""What operators go by, as data: figures with thresholds, and objectives with error budgets; rules are made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
Severity = Literal["critical", "warning", "info"]

ENDED = "kinoray_jobs_ended_total"
COMPLETED = f'{ENDED}{{outcome="completed"}}'
NO_FAULT = "completed|cancelled|dependency_failed"
FAILED = f'{ENDED}{{outcome!~"{NO_FAULT}"}}'
COUNTED = f'{ENDED}{{outcome!~"cancelled|dependency_failed"}}'
LATENCY = "kinoray_job_latency_seconds"
HITS, MISSES = "kinoray_cache_hits_total", "kinoray_cache_misses_total"
DEVICE = "kinoray_device_seconds_total"
COST = "kinoray_cost_total"
WAITING, RUNNING = "kinoray_waiting_jobs", "kinoray_running_jobs"


def quantile(share: float, metric: str, window: str, by: str = "") -> str:
    """The quantile of a classic histogram over a window."""
    return f"histogram_quantile({share:g}, sum by (le{by and f', {by}'}) (rate({metric}_bucket[{window}])))"


def ratio(part: str, whole: str, window: str) -> str:
    """One counter's increase over a window as a share of another's."""
    return f"sum(rate({part}[{window}])) / sum(rate({whole}[{window}]))"


@dataclass(frozen=True, slots=True)
class Kpi:
    """A figure with a threshold. `expression` is over the window that stands in it; `unit` is Grafana's name of it.

    `only_if`: what else has to be so, mostly that there is enough to judge by.
    """

    alert: str
    expression: str
    breach: Literal[">", "<", "=="]
    threshold: float
    unit: str
    for_s: float
    summary: str
    severity: Severity = "warning"
    cool_s: float = 15 * MINUTE
    only_if: str = ""

    def condition(self, times: float = 1.0) -> str:
        """The alert's expression; a threshold in seconds is reached sooner where time runs so many times faster."""
        breach = f"{self.expression} {self.breach} {self.threshold / (times if self.unit == 's' else 1):g}"
        return f"({breach}) and on() {self.only_if}" if self.only_if else breach


KPIS: Final = {
    "P50": Kpi(
        *("KinoraySlowP50", quantile(0.5, LATENCY, "15m"), ">", 120, "s", 10 * MINUTE),
        "Half of the videos take longer than {{ $value | humanizeDuration }}.",
    ),
    "P95": Kpi(
        *("KinoraySlowP95", quantile(0.95, LATENCY, "15m"), ">", 600, "s", 10 * MINUTE),
        "One video of twenty takes longer than {{ $value | humanizeDuration }}.",
    ),
    "throughput": Kpi(
        *("KinorayNothingCompleted", f"sum(increase({COMPLETED}[30m]))", "==", 0, "short", 15 * MINUTE),
        "Jobs are there, and none was completed for half an hour: throughput is nil.",
        severity="critical",
        cool_s=5 * MINUTE,
        only_if=f"(sum({WAITING}) + sum({RUNNING}) > 0)",
    ),
    "hit rate": Kpi(
        "KinorayLowHitRate",
        f'sum(rate({HITS}{{level="results"}}[6h])) / '
        f'(sum(rate({HITS}{{level="results"}}[6h])) + sum(rate({MISSES}{{level="results"}}[6h])))',
        *(
            "<",
            0.02,
            "percentunit",
            HOUR,
            "Only {{ $value | humanizePercentage }} of requests are answered by a cache.",
        ),
        severity="info",
        only_if=f'(sum(increase({MISSES}{{level="results"}}[6h])) > 200)',
    ),
    "GPU use": Kpi(
        *("DevicesIdle", "avg(ray_node_gpus_utilization)", "<", 20, "percent", 15 * MINUTE),
        "GPUs are {{ $value | humanize }} % busy while jobs wait.",
        severity="info",
        only_if=f"(sum({WAITING}) > 0)",
    ),
    "error rate": Kpi(
        *("KinorayErrors", ratio(FAILED, ENDED, "30m"), ">", 0.05, "percentunit", 5 * MINUTE),
        "{{ $value | humanizePercentage }} of the jobs fail.",
        severity="critical",
        cool_s=5 * MINUTE,
        only_if=f"(sum(increase({ENDED}[30m])) > 20)",
    ),
    "queue depth": Kpi(
        *("KinorayQueueLong", "max by (pool) (kinoray_predicted_wait_seconds)", ">", 600, "s", 10 * MINUTE),
        "A new job of pool {{ $labels.pool }} would wait {{ $value | humanizeDuration }}.",
    ),
    "cost per video": Kpi(
        "KinorayCostly",
        f"sum(increase({COST}[6h])) / sum(increase({COMPLETED}[6h]))",
        *(">", 0.10, "short", HOUR, 'A video costs {{ $value | printf "%.2f" }}.'),
        severity="info",
    ),
}
"""Thresholds to begin with: set those of latency and cost to what you promise and pay."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A service-level objective: the share of `total` that must not be `bad`, both counters."""

    alert: str
    target: float
    bad: str
    total: str
    summary: str

    @property
    def budget(self) -> float:
        """The share that may be bad."""
        return round(1 - self.target, 6)


OBJECTIVES: Final = {
    "availability": Objective(
        *("KinorayAvailabilityBurn", 0.99, FAILED, COUNTED),
        "Accepted jobs fail so fast that the error budget of 1 % is gone in {left}.",
    ),
    "wait kept": Objective(
        *("KinorayPromisesBurn", 0.95, 'kinoray_promises_total{kept="no"}', "kinoray_promises_total"),
        "Jobs start later than they were promised, so often that the budget of 5 % is gone in {left}.",
    ),
}


@dataclass(frozen=True, slots=True)
class Burn:
    """A pair of windows and how many times faster than allowed the budget of 30 days may burn in both."""

    short: str
    long: str
    rate: float


@dataclass(frozen=True, slots=True)
class Pace:
    """An alert of each objective: any of its pairs of windows. https://sre.google/workbook/alerting-on-slos"""

    name: str
    burns: tuple[Burn, ...]
    left: str
    severity: Severity
    least: tuple[int, str]  # so many in that window, or there is nothing to judge by
    cool_s: float


PACES: Final = (
    Pace(
        *("Fast", (Burn("5m", "1h", 14.4), Burn("30m", "6h", 6)), "a few days", "critical", (10, "6h"), 5 * MINUTE),
    ),
    Pace(*("Slow", (Burn("2h", "1d", 3), Burn("6h", "3d", 1)), "a month", "warning", (20, "3d"), 15 * MINUTE)),
)
