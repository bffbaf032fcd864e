"""The panels of Grafana's dashboards as rows of data: what each asks Prometheus, and how its answer reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from cluster.kpis import COMPLETED, COST, DEVICE, ENDED, FAILED, HITS, KPIS, LATENCY, MISSES, OBJECTIVES
from cluster.kpis import quantile as over

RATE = "$__rate_interval"
VIDEO = '{video_id=~"$video"}'
MODE = Literal["lines", "heatmap"]


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: its queries as (expression, legend); `unit` is Grafana's name of it.

    `kpi`: the figure whose threshold is drawn in it.
    """

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    about: str = ""
    kpi: str = ""
    mode: MODE = "lines"

    @property
    def threshold(self) -> float | None:
        """Where its figure breaches."""
        return KPIS[self.kpi].threshold if self.kpi else None


def quantile(share: float, metric: str, by: str = "") -> str:
    """The quantile of a histogram over the rate interval."""
    return over(share, metric, RATE, by)


def per_second(metric: str, by: str = "") -> str:
    """The rate of a counter, summed, by a label if one is given."""
    return f"sum{f' by ({by})' if by else ''} (rate({metric}[{RATE}]))"


def each(part: str, whole: str, by: str = "") -> str:
    """One counter's rate for each of another's."""
    return f"{per_second(part, by)} / {per_second(whole, by)}"


def quantiles(metric: str) -> tuple[tuple[str, str], ...]:
    """P50, P95 and P99."""
    return tuple((quantile(share, metric), name) for share, name in ((0.5, "P50"), (0.95, "P95"), (0.99, "P99")))


HTTP = "ray_serve_http_request_latency_ms"
WAIT = "kinoray_queue_wait_seconds"
BATCH = "kinoray_batch_size"

PERFORMANCE = (
    Panel(
        "Time to a video",
        "s",
        quantiles(LATENCY),
        "From acceptance to the end of a job: made, answered by a cache, failed or cancelled.",
        "P50",
    ),
    Panel("P95 by class", "s", ((quantile(0.95, LATENCY, "priority"), "{{priority}}"),), kpi="P95"),
    Panel("P95 by tier", "s", ((quantile(0.95, LATENCY, "tier"), "{{tier}}"),), kpi="P95"),
    Panel("P95 by model", "s", ((quantile(0.95, LATENCY, "model"), "{{model}}"),), kpi="P95"),
    Panel(
        "Time to a video, all of them",
        "s",
        ((f"sum by (le) (increase({LATENCY}_bucket[{RATE}]))", "{{le}}"),),
        mode="heatmap",
    ),
    Panel("Wait in the line", "s", quantiles(WAIT), "From acceptance to the first attempt."),
    Panel("P95 of the wait by class", "s", ((quantile(0.95, WAIT, "priority"), "{{priority}}"),)),
    Panel(
        "Waits as promised",
        "percentunit",
        ((each('kinoray_promises_total{kept="yes"}', "kinoray_promises_total"), "kept"),),
        "Of the jobs that were promised a wait when they were accepted.",
    ),
    Panel("Videos completed", "reqps", ((per_second(COMPLETED), "completed"),), "With those that a cache answered."),
    Panel("Jobs ended, by how", "reqps", ((f"{per_second(ENDED, 'outcome')} > 0", "{{outcome}}"),)),
    Panel("Share that fails", "percentunit", ((each(FAILED, ENDED), "failed"),), kpi="error rate"),
    Panel(
        "Error budgets",
        "percentunit",
        tuple((f"({each(one.bad, one.total)}) / {one.budget:g}", name) for name, one in OBJECTIVES.items()),
        "How many times faster than allowed each budget of 30 days burns; 100 % uses it up just in time.",
    ),
    Panel("Storyboards accepted", "reqps", ((per_second("kinoray_storyboards_created_total"), "accepted"),)),
    Panel(
        "Storyboards ended, by how",
        "reqps",
        ((f"{per_second('kinoray_storyboards_ended_total', 'outcome')} > 0", "{{outcome}}"),),
    ),
    Panel(
        "Time to a film",
        "s",
        quantiles("kinoray_storyboard_latency_seconds"),
        "From acceptance to the film, of storyboards that were not changed meanwhile.",
    ),
    Panel(
        "Errors answered, by code",
        "reqps",
        ((f"{per_second('kinoray_error_answers_total', 'code')} > 0", "{{code}}"),),
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
        kpi="hit rate",
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
        "Jobs in a batch",
        "short",
        (
            (each(f"{BATCH}_sum", f"{BATCH}_count", "model"), "{{model}} mean"),
            (quantile(0.95, BATCH, "model"), "{{model}} P95"),
        ),
    ),
    Panel(
        "Steps saved by planning",
        "percentunit",
        ((f"1 - {each('kinoray_steps_planned_total', 'kinoray_steps_fixed_default_total')}", "saved"),),
    ),
    Panel(
        "Evaluations skipped",
        "ops",
        ((per_second("kinoray_evaluations_skipped_total", "reason"), "{{reason}}"),),
    ),
    Panel("Web Vitals", "s", ((quantile(0.75, "kinoray_web_vital_seconds", "vital"), "{{vital}} P75"),)),
    Panel("Layout shift", "none", ((quantile(0.75, "kinoray_web_vital_shift"), "CLS P75"),)),
    Panel(
        "Web Vitals that are good",
        "percentunit",
        (
            (
                each('kinoray_web_vital_ratings_total{rating="good"}', "kinoray_web_vital_ratings_total", "vital"),
                "{{vital}}",
            ),
        ),
    ),
)

SCALE = (
    Panel("Waiting jobs", "short", (("kinoray_waiting_jobs", "{{pool}}"),)),
    Panel("Running jobs", "short", (("kinoray_running_jobs", "{{pool}}"),)),
    Panel("Open storyboards", "short", (("kinoray_storyboards_open", "open"),)),
    Panel("Predicted wait", "s", (("kinoray_predicted_wait_seconds", "{{pool}}"),), kpi="queue depth"),
    Panel("Tenants", "short", (("kinoray_pool_tenants", "{{pool}}"),), "That wait or run."),
    Panel(
        "Fairness",
        "percentunit",
        (("kinoray_largest_tenant_share", "largest share"),),
        "Of the recent step-seconds, the part that one tenant was given.",
    ),
    Panel("Wait of a newcomer", "s", (("kinoray_newcomer_wait_seconds", "{{pool}} {{priority}}"),)),
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
        "Replicas wanted",
        "short",
        (
            ("kinoray_pool_wanted_replicas", "{{pool}} wanted"),
            ("kinoray_pool_replicas", "{{pool}} there"),
            ("kinoray_scaling_reason", "{{pool}}: {{because}}"),
        ),
    ),
    Panel(
        "Pools",
        "short",
        (
            ("kinoray_pool_ready", "{{pool}} ready"),
            ("kinoray_pool_asleep", "{{pool}} asleep"),
            ("kinoray_pool_unplaced", "{{pool}} without a place"),
            ("kinoray_pool_start_failed", "{{pool}} cannot start"),
        ),
    ),
    Panel(
        "Replicas healthy", "short", (("sum by (deployment) (ray_serve_deployment_replica_healthy)", "{{deployment}}"),)
    ),
    Panel("Nodes", "short", (("kinoray_nodes", "there"), ("kinoray_nodes_lost_total", "lost"))),
    Panel("Attempts lost", "short", (("increase(kinoray_attempts_lost_total[5m])", "in 5 min"),)),
    Panel("Retries", "ops", ((per_second("kinoray_retries_total", "reason"), "{{reason}}"),)),
    Panel(
        "Preemptions and refused writes",
        "ops",
        (
            (per_second("kinoray_preemptions_total", "reason"), "{{reason}}"),
            (per_second("kinoray_fences_refused_total", "write"), "{{write}} refused"),
        ),
    ),
    Panel(
        "GPU",
        "percent",
        (("ray_node_gpus_utilization", "{{instance}} {{GpuIndex}}"),),
        kpi="GPU use",
    ),
    Panel("GPU memory", "decmbytes", (("ray_node_gram_used", "{{instance}} {{GpuIndex}}"),)),
    Panel("GPU of each replica", "percentunit", (("kinoray_replica_gpu_use", "{{pool}} {{replica}}"),)),
    Panel(
        "GPU memory of each replica",
        "bytes",
        (("kinoray_replica_gpu_memory_bytes", "{{pool}} {{replica}} {{memory}}"),),
        "Of all processes on that GPU.",
    ),
    Panel("CPU", "percent", (("ray_node_cpu_utilization", "{{instance}}"),)),
    Panel("Node memory", "percentunit", (("ray_node_mem_used / ray_node_mem_total", "{{instance}}"),)),
    Panel("Replica memory", "bytes", (("kinoray_replica_memory_bytes", "{{pool}} {{replica}}"),)),
    Panel(
        "Memory shares and levels",
        "percentunit",
        (
            ("kinoray_replica_memory_share", "{{pool}} {{replica}} {{memory}}"),
            ("kinoray_replica_memory_level", "{{pool}} {{replica}} level"),
        ),
    ),
    Panel("Redis memory", "bytes", (("redis_memory_used_bytes", "used"), ("redis_memory_max_bytes", "most"))),
    Panel("Cache bytes", "bytes", (("kinoray_cache_size_bytes", "{{level}}"),)),
    Panel("Is it there", "short", (("kinoray_up", "jobs"), ("kinoray_cache_up", "caches"), ("redis_up", "Redis"))),
    Panel(
        "Webhooks and removed files",
        "ops",
        (
            (per_second("kinoray_webhooks_total", "outcome"), "webhook {{outcome}}"),
            (per_second("kinoray_artifacts_removed_total", "reason"), "files {{reason}}"),
        ),
    ),
)

_MONEY = "in the unit of the price"
COSTS = (
    Panel(
        "Device seconds of a video",
        "s",
        ((each(DEVICE, COMPLETED), "device seconds"),),
        "Over all completed videos, those from a cache too.",
    ),
    Panel(
        "Cost of a video",
        "short",
        ((each(COST, COMPLETED), _MONEY),),
        "Needs KINORAY_PRICE_PER_DEVICE_HOUR.",
        "cost per video",
    ),
    Panel("Cost by tier", "short", ((f"3600 * {per_second(COST, 'tier')}", "{{tier}}, an hour"),)),
    Panel("Cost by model", "short", ((f"3600 * {per_second(COST, 'model')}", "{{model}}, an hour"),)),
    Panel(
        "Spent an hour",
        "short",
        (
            (f"3600 * {per_second(COST)}", "at work"),
            ("count(kinoray_replica_slots) * scalar(kinoray_price_per_device_hour)", "for all replicas that are there"),
        ),
    ),
    Panel(
        "Energy of a video",
        "joule",
        ((each("kinoray_energy_joules_total", COMPLETED), "energy"),),
        "Where the power is known: NVML, or KINORAY_DEVICE_WATTS.",
    ),
    Panel(
        "Power",
        "watt",
        (
            (per_second("kinoray_energy_joules_total", "model"), "{{model}}"),
            ("kinoray_replica_gpu_watts", "{{pool}} {{replica}} at work"),
        ),
    ),
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


def _beside(metric: str) -> str:
    """A metric of the pool that the chosen job is in."""
    return f"{metric} and on (pool) kinoray_video_progress{VIDEO}"


VIDEO_PANELS = (
    Panel("Progress", "percentunit", ((f"kinoray_video_progress{VIDEO}", "{{video_id}}"),)),
    Panel("Steps done", "short", ((f"kinoray_video_steps_done{VIDEO}", "{{video_id}}"),)),
    Panel("Predicted time left", "s", ((f"kinoray_video_eta_seconds{VIDEO}", "{{video_id}}"),)),
    Panel(
        "Age and wait",
        "s",
        (
            (f"kinoray_video_age_seconds{VIDEO}", "{{video_id}} since acceptance"),
            (f"kinoray_video_waited_seconds{VIDEO}", "{{video_id}} until its last attempt"),
        ),
    ),
    Panel("Attempts", "short", ((f"kinoray_video_attempts{VIDEO}", "{{video_id}}"),)),
    Panel("Steps a second", "ops", ((f"deriv(kinoray_video_steps_done{VIDEO}[{RATE}])", "{{video_id}}"),)),
    Panel("Line of its pool", "short", ((_beside("kinoray_waiting_jobs"), "{{pool}} waiting"),)),
    Panel("Steps of its pool", "s", ((_beside("kinoray_replica_step_seconds"), "{{pool}} {{replica}}"),)),
    Panel("Jobs beside it", "short", ((_beside("kinoray_replica_running_jobs"), "{{pool}} {{replica}}"),)),
)

DASHBOARDS: Final[Mapping[str, Sequence[Panel]]] = {
    "performance": PERFORMANCE,
    "scale": SCALE,
    "cost": COSTS,
    "job": VIDEO_PANELS,
}
