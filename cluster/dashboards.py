"""Grafana's dashboards as rows of data: `python -m cluster.dashboards` writes the files that compose provisions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "monitoring" / "grafana" / "dashboards"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
WIDTH, HEIGHT, ACROSS = 8, 7, 24  # of a panel and of the page, in Grafana's units
RATE = "$__rate_interval"


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: its queries as (expression, legend); `unit` is Grafana's name of it."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    about: str = ""


def quantile(share: float, metric: str, by: str = "le") -> str:
    """The quantile of a histogram over the rate interval."""
    return f"histogram_quantile({share:g}, sum by ({by}) (rate({metric}_bucket[{RATE}])))"


def per_second(metric: str, by: str = "") -> str:
    """The rate of a counter, summed, by a label if one is given."""
    return f"sum{f' by ({by})' if by else ''} (rate({metric}[{RATE}]))"


LATENCY = "kinoray_job_latency_seconds"
HTTP = "ray_serve_http_request_latency_ms"
ENDED = "kinoray_jobs_ended_total"
COMPLETED = f'{ENDED}{{outcome="completed"}}'
FAILED = f'{ENDED}{{outcome!~"completed|cancelled"}}'
HITS, MISSES = "kinoray_cache_hits_total", "kinoray_cache_misses_total"
DEVICE = "kinoray_device_seconds_total"
PRICE = "scalar(kinoray_price_per_device_hour) / 3600"

PERFORMANCE = (
    Panel(
        "Time to a video",
        "s",
        tuple((quantile(share, LATENCY), name) for share, name in ((0.5, "P50"), (0.95, "P95"), (0.99, "P99"))),
        "From acceptance to the end of a job: made, answered by a cache, failed or cancelled.",
    ),
    Panel("Videos completed", "reqps", ((per_second(COMPLETED), "completed"),), "With those that a cache answered."),
    Panel("Jobs ended, by how", "reqps", ((per_second(ENDED, "outcome"), "{{outcome}}"),)),
    Panel(
        "Share that fails",
        "percentunit",
        ((f"{per_second(FAILED)} / {per_second(ENDED)}", "failed"),),
    ),
    Panel(
        "Cache hit rate",
        "percentunit",
        (
            (
                f"{per_second(HITS, 'level')} / ({per_second(HITS, 'level')} + {per_second(MISSES, 'level')})",
                "{{level}}",
            ),
        ),
    ),
    Panel(
        "HTTP answers",
        "ms",
        ((quantile(0.5, HTTP), "P50"), (quantile(0.95, HTTP), "P95")),
        "With event streams and sync requests, which last as long as their job.",
    ),
    Panel(
        "HTTP errors",
        "reqps",
        ((per_second("ray_serve_num_http_error_requests_total", "error_code"), "{{error_code}}"),),
    ),
    Panel("Seconds of a step", "s", (("kinoray_replica_step_seconds", "{{pool}} {{replica}}"),)),
    Panel(
        "Steps saved by planning",
        "percentunit",
        (
            (
                f"1 - {per_second('kinoray_steps_planned_total')} / {per_second('kinoray_steps_fixed_default_total')}",
                "saved",
            ),
        ),
    ),
)

SCALE = (
    Panel("Waiting jobs", "short", (("kinoray_waiting_jobs", "{{pool}}"),)),
    Panel("Running jobs", "short", (("kinoray_running_jobs", "{{pool}}"),)),
    Panel("Predicted wait", "s", (("kinoray_predicted_wait_seconds", "{{pool}}"),)),
    Panel("Backlog", "s", (("kinoray_backlog_step_seconds", "{{pool}}"),), "Seconds of denoising ahead."),
    Panel(
        "Replicas and their jobs",
        "short",
        (
            ("count by (pool) (kinoray_replica_slots)", "{{pool}} replicas"),
            ("sum by (pool) (kinoray_replica_slots)", "{{pool}} slots"),
            ("sum by (pool) (kinoray_replica_running_jobs)", "{{pool}} jobs"),
        ),
    ),
    Panel(
        "Replicas healthy", "short", (("sum by (deployment) (ray_serve_deployment_replica_healthy)", "{{deployment}}"),)
    ),
    Panel("Attempts lost", "short", (("increase(kinoray_attempts_lost_total[5m])", "in 5 min"),)),
    Panel(
        "GPU",
        "percent",
        (("ray_node_gpus_utilization", "{{instance}} {{GpuIndex}}"),),
    ),
    Panel("GPU memory", "decmbytes", (("ray_node_gram_used", "{{instance}} {{GpuIndex}}"),)),
    Panel("CPU", "percent", (("ray_node_cpu_utilization", "{{instance}}"),)),
    Panel("Node memory", "percentunit", (("ray_node_mem_used / ray_node_mem_total", "{{instance}}"),)),
    Panel("Replica memory", "bytes", (("kinoray_replica_memory_bytes", "{{pool}} {{replica}}"),)),
    Panel(
        "Redis memory",
        "bytes",
        (("redis_memory_used_bytes", "used"), ("redis_memory_max_bytes", "most")),
    ),
    Panel("Cache bytes", "bytes", (("kinoray_cache_size_bytes", "{{level}}"),)),
    Panel("Is it there", "short", (("kinoray_up", "jobs"), ("kinoray_cache_up", "caches"), ("redis_up", "Redis"))),
)

COST = (
    Panel(
        "Device seconds of a video",
        "s",
        ((f"{per_second(DEVICE)} / {per_second(COMPLETED)}", "device seconds"),),
        "Over all completed videos, those from a cache too.",
    ),
    Panel(
        "Cost of a video",
        "short",
        ((f"{per_second(DEVICE)} / {per_second(COMPLETED)} * {PRICE}", "in the unit of the price"),),
        "Needs KINORAY_PRICE_PER_DEVICE_HOUR.",
    ),
    Panel("Spent an hour", "short", ((f"{per_second(DEVICE)} * {PRICE} * 3600", "at work"),)),
    Panel("Saved by the caches", "short", (("kinoray_cache_saved_money_total", "{{level}}"),)),
    Panel("Step-seconds saved", "s", (("kinoray_cache_saved_step_seconds_total", "{{level}}"),)),
    Panel("Denoiser runs", "ops", ((per_second("kinoray_denoiser_evaluations_total"), "evaluations"),)),
    Panel("Jobs by tier", "reqps", ((per_second("kinoray_tier_jobs_total", "tier"), "{{tier}}"),)),
    Panel("Evictions", "ops", ((per_second("kinoray_cache_evictions_total", "level"), "{{level}}"),)),
    Panel(
        "Devices at work",
        "percentunit",
        ((f"{per_second(DEVICE)} / count(kinoray_replica_slots)", "share of the replicas' time"),),
    ),
)

DASHBOARDS: Mapping[str, Sequence[Panel]] = {"performance": PERFORMANCE, "scale": SCALE, "cost": COST}


def dashboard(name: str) -> dict[str, Any]:
    """A dashboard as Grafana reads it from a file."""
    return {
        "uid": f"kinoray-{name}",
        "title": f"Kinoray: {name}",
        "tags": ["kinoray"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": []},
        "links": [{"type": "dashboards", "tags": ["kinoray"], "title": "Kinoray", "asDropdown": False}],
        "panels": list(_panels(DASHBOARDS[name])),
    }


def as_text(name: str) -> str:
    """The file's content."""
    return json.dumps(dashboard(name), indent=1) + "\n"


def _panels(panels: Sequence[Panel]) -> Iterator[dict[str, Any]]:
    for number, panel in enumerate(panels):
        row, column = divmod(number, ACROSS // WIDTH)
        yield {
            "id": number + 1,
            "type": "timeseries",
            "title": panel.title,
            "description": panel.about,
            "datasource": SOURCE,
            "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
            "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
            "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
            "targets": [
                {"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
                for at, (expression, legend) in enumerate(panel.queries)
            ],
        }


if __name__ == "__main__":
    for each in DASHBOARDS:
        (FOLDER / f"{each}.json").write_text(as_text(each))
