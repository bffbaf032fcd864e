"""What runs came to and how they compare: percentiles, throughput, cost, and per cent better than the baseline."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from app.client.bench.runner import Ran, Run


@dataclass(frozen=True, slots=True)
class Figures:
    """Of the jobs that were completed; None where none was. Seconds, videos a minute, money, shares."""

    name: str
    jobs: int
    failed: int
    latency_p50_s: float | None
    latency_p95_s: float | None
    latency_mean_s: float | None
    throughput_per_min: float
    device_s_per_video: float | None
    cost_per_video: float | None
    hit_rate: float | None
    bottleneck: str | None
    failures: dict[str, int]


@dataclass(frozen=True, slots=True)
class StageFigures:
    """A stage, or a wait within one (`wait:…`): seconds a job; `share` of all time of all jobs."""

    name: str
    p50_s: float
    p95_s: float
    share: float


BETTER_IF_LESS = ("latency_p50_s", "latency_p95_s", "latency_mean_s", "device_s_per_video", "cost_per_video")
BETTER_IF_MORE = ("throughput_per_min", "hit_rate")
ROW_NAMES = (*BETTER_IF_LESS, *BETTER_IF_MORE)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies, interpolated between neighbours. Raises ValueError of none."""
    if not values:
        raise ValueError("there is no percentile of nothing")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def figures_of(run: Run) -> Figures:
    """The figures of a run."""
    made = [job for job in run.jobs if job.failure is None]
    latencies = [job.latency_s for job in made]
    failures = Counter(job.failure for job in run.jobs if job.failure is not None)
    bottlenecks = Counter(job.report.bottleneck.name for job in made if job.report is not None)
    return Figures(
        name=run.config.name,
        jobs=len(run.jobs),
        failed=len(run.jobs) - len(made),
        latency_p50_s=percentile(latencies, 0.5) if made else None,
        latency_p95_s=percentile(latencies, 0.95) if made else None,
        latency_mean_s=fmean(latencies) if made else None,
        throughput_per_min=60 * len(made) / run.wall_s if run.wall_s else 0.0,
        device_s_per_video=fmean(job.device_seconds for job in made) if made else None,
        cost_per_video=fmean(job.cost for job in made) if made else None,
        hit_rate=sum(job.hit for job in made) / len(made) if made else None,
        bottleneck=bottlenecks.most_common(1)[0][0] if bottlenecks else None,
        failures=dict(failures),
    )


def improvement(baseline: Figures, other: Figures, name: str) -> float | None:
    """How much better than the baseline in a figure, per cent; negative: worse; None where that says nothing."""
    before, after = getattr(baseline, name), getattr(other, name)
    if not isinstance(before, (int, float)) or not isinstance(after, (int, float)) or not before:
        return None
    return 100.0 * ((after - before) if name in BETTER_IF_MORE else (before - after)) / before


def stages_of(jobs: Sequence[Ran]) -> list[StageFigures]:
    """Stages and waits by the time that they took in all, the longest first; what a job has not took it 0 s."""
    reports = [job.report for job in jobs if job.report is not None and job.failure is None]
    spent: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(reports))
    for place, report in enumerate(reports):
        for stage in report.stages:
            if stage.name not in ("received", "webhook"):
                spent[stage.name][place] += stage.duration_s or 0.0
        for wait in report.waits:
            if wait.cause != "line":  # which is a stage, too
                spent[f"wait:{wait.cause}"][place] += wait.duration_s or 0.0
    total_s = sum(report.total_s for report in reports)
    rows = [
        StageFigures(name, percentile(each, 0.5), percentile(each, 0.95), sum(each) / total_s if total_s else 0.0)
        for name, each in spent.items()
    ]
    return sorted(rows, key=lambda row: -row.share)
