"""The table of all metrics: what each is called, measured in, labelled by and means; the one list of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

from app.telemetry import names
from app.telemetry.codes import CLIENT, SERVER, codes, fault_of, outcomes
from app.types.words import PRIORITIES as CLASSES

PREFIX = "kinoray_"
Kind = Literal["counter", "gauge", "histogram"]

LATENCY_BOUNDS_S = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)
VITAL_BOUNDS_S = (0.05, 0.1, 0.2, 0.5, 0.8, 1.2, 1.8, 2.5, 3.0, 4.0, 6.0, 10.0)
VITALS: Final = ("CLS", "FCP", "INP", "LCP", "TTFB")
RATINGS: Final = ("good", "needs-improvement", "poor")


@dataclass(frozen=True, slots=True)
class Label:
    """A label with all its values, or, where those are a service's own, with what it names: model, pool, tier …"""

    name: str
    values: tuple[str, ...] = ()
    of: str = ""

    def known(self, service: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
        """The values that are known before anything has happened."""
        return self.values or tuple(service.get(self.of, ()))


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `figure`: the name under which the meter sums it; without one it is read when Prometheus asks.

    `seldom`: when it is there, where that is not always.
    """

    name: str  # after the prefix, without the `_total` of counters
    kind: Kind
    unit: str
    about: str
    labels: tuple[Label, ...] = ()
    figure: str = ""
    buckets: tuple[float, ...] = ()
    native: bool = False
    seldom: str = ""
    rows: tuple[tuple[str, ...], ...] = ()  # the series that can be, where not all combinations of labels can

    def series(self, service: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ...]]:
        """The labels' values of every series that is known before anything has happened.

        `service`: the values of labels that are a service's own, by what they name.
        """
        return iter(self.rows or product(*(label.known(service) for label in self.labels)))

    @property
    def full_name(self) -> str:
        """As Prometheus has it."""
        return f"{PREFIX}{self.name}{'_total' if self.kind == 'counter' else ''}"

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)


MODEL, POOL, TIER = Label("model", of="model"), Label("pool", of="pool"), Label("tier", of="tier")
PRIORITY = Label("priority", CLASSES)
REPLICA = (Label("replica", of="replica"), POOL, MODEL)
VIDEO = (Label("video_id", of="video"), POOL)
LEVEL = Label("level", ("embeddings", "flight", "results", "similar"))
FAULTS = tuple((code, fault_of(status)) for code, status in codes().items())

JOBS = (
    Metric("jobs_created", "counter", "jobs", "Jobs accepted", figure=names.JOBS_CREATED),
    Metric(
        "jobs_ended",
        "counter",
        "jobs",
        "Jobs ended, by how: completed, or the code of the error",
        (Label("outcome", outcomes()),),
        names.JOBS_ENDED,
    ),
    Metric("tier_jobs", "counter", "jobs", "Jobs accepted, by tier", (TIER,), names.TIERS),
    Metric(
        "job_latency_seconds",
        "histogram",
        "seconds",
        "From acceptance to the end of a job, however it ended and whatever answered it",
        (PRIORITY, TIER, MODEL),
        names.JOB_LATENCY,
        LATENCY_BOUNDS_S,
        native=True,
    ),
    Metric(
        "queue_wait_seconds",
        "histogram",
        "seconds",
        "From acceptance to the first attempt of a job",
        (PRIORITY, TIER, MODEL),
        names.QUEUE_WAIT,
        LATENCY_BOUNDS_S,
        native=True,
    ),
    Metric("job_seconds", "counter", "seconds", "From acceptance to the end, summed over jobs", (), names.JOB_SECONDS),
    Metric(
        "promises",
        "counter",
        "jobs",
        "Jobs that were promised a wait when they were accepted, by whether they started within it",
        (Label("kept", ("no", "yes")),),
        names.PROMISES,
    ),
    Metric("attempts_lost", "counter", "attempts", "Attempts whose replica went silent", (), names.ATTEMPTS_LOST),
    Metric(
        "retries",
        "counter",
        "attempts",
        "Jobs put back into the line after an attempt without a result, by why",
        (Label("reason", ("handed_back", "not_started", "replica_lost")),),
        names.RETRIES,
    ),
    Metric(
        "fences_refused",
        "counter",
        "writes",
        "Writes of attempts that had lost their job to another, by what was written",
        (Label("write", ("attempt", "checkpoint", "lease")),),
        names.FENCES_REFUSED,
    ),
    Metric(
        "webhooks",
        "counter",
        "attempts",
        "Attempts to tell of the end of a job or storyboard, by outcome",
        (Label("outcome", ("delivered", "disabled", "failed", "retried")),),
        names.WEBHOOKS,
    ),
    Metric(
        "artifacts_removed",
        "counter",
        "jobs",
        "Jobs, storyboards and narrations whose files were removed, by reason",
        (Label("reason", ("expired", "orphaned")),),
        names.ARTIFACTS_REMOVED,
    ),
    Metric(
        "error_answers",
        "counter",
        "answers",
        "HTTP answers that were an error, by its code and by whose fault it is",
        (Label("code", tuple(codes())), Label("fault", (CLIENT, SERVER))),
        names.ERROR_ANSWERS,
        rows=FAULTS,
    ),
)

STORYBOARDS = (
    Metric("storyboards_created", "counter", "storyboards", "Storyboards accepted", figure=names.STORIES_CREATED),
    Metric(
        "storyboards_ended",
        "counter",
        "storyboards",
        "Ends of storyboards, by how: completed, or the code of the error; one that is changed ends again",
        (Label("outcome", outcomes()),),
        names.STORIES_ENDED,
    ),
    Metric(
        "storyboard_latency_seconds",
        "histogram",
        "seconds",
        "From acceptance to the completed film of storyboards that were not changed meanwhile",
        (PRIORITY,),
        names.STORY_LATENCY,
        LATENCY_BOUNDS_S,
        native=True,
    ),
    Metric("storyboards_open", "gauge", "storyboards", "Storyboards that have not ended"),
)

WORK = (
    Metric("denoiser_evaluations", "counter", "evaluations", "Runs of the denoiser", (), names.EVALUATIONS),
    Metric(
        "evaluations_skipped",
        "counter",
        "evaluations",
        "Runs of the denoiser that full runs would have had: forecast or planned away, begun with a similar video, "
        "or answered whole from a cache",
        (Label("reason", ("planned", "repeat", "similar")),),
        names.EVALUATIONS_SKIPPED,
    ),
    Metric(
        "steps_planned",
        "counter",
        "evaluations",
        "Planned evaluations of the denoiser of completed jobs",
        (),
        names.STEPS_PLANNED,
    ),
    Metric(
        "steps_fixed_default",
        "counter",
        "evaluations",
        "Evaluations that full runs of the same jobs would have taken",
        (),
        names.STEPS_FIXED,
    ),
    Metric(
        "step_seconds_saved",
        "counter",
        "step-seconds",
        "Denoiser seconds spared by caches",
        (),
        names.STEP_SECONDS_SAVED,
    ),
    Metric(
        "batch_size",
        "histogram",
        "jobs",
        "Jobs that shared a forward of the denoiser",
        (MODEL,),
        names.BATCH_SIZE,
        (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0),
    ),
    Metric(
        "preemptions",
        "counter",
        "jobs",
        "Jobs that gave up their slot: to more urgent ones, or because memory was short",
        (Label("reason", ("memory", "urgent")),),
        names.PREEMPTIONS,
    ),
    Metric(
        "device_seconds", "counter", "seconds", "Device time of completed jobs", (TIER, MODEL), names.DEVICE_SECONDS
    ),
    Metric(
        "cost",
        "counter",
        "money",
        "Device time of completed jobs at its price",
        (TIER, MODEL),
        names.COST,
        seldom="with KINORAY_PRICE_PER_DEVICE_HOUR",
    ),
    Metric(
        "energy_joules",
        "counter",
        "joules",
        "Energy of completed jobs: device time at the device's power, 0 where nobody knows that",
        (TIER, MODEL),
        names.ENERGY,
    ),
    Metric("price_per_device_hour", "gauge", "money per hour", "What one device costs", seldom="where it is set"),
)

CACHES = (
    Metric("cache_hits", "counter", "answers", "Answers from a cache", (LEVEL,)),
    Metric("cache_misses", "counter", "questions", "Questions a cache could not answer", (LEVEL,)),
    Metric("cache_evictions", "counter", "entries", "Entries that left the shared tier for lack of room", (LEVEL,)),
    Metric(
        "cache_near_evictions",
        "counter",
        "entries",
        "Entries that left a memory in front for lack of room",
        (LEVEL,),
    ),
    Metric("cache_saved_step_seconds", "counter", "step-seconds", "What hits have saved", (LEVEL,)),
    Metric(
        "cache_saved_money",
        "counter",
        "money",
        "The same at the price of a device",
        (LEVEL,),
        seldom="with KINORAY_PRICE_PER_DEVICE_HOUR",
    ),
    Metric("cache_entries", "gauge", "entries", "Entries of a cache", (LEVEL,)),
    Metric("cache_size_bytes", "gauge", "bytes", "Bytes of a cache, compressed", (LEVEL,)),
    Metric("cache_up", "gauge", "0 or 1", "1 when the caches' Redis answers"),
)

POOLS = (
    Metric("up", "gauge", "0 or 1", "1 when the job store answered"),
    Metric("waiting_jobs", "gauge", "jobs", "Jobs in the line", (POOL,)),
    Metric("running_jobs", "gauge", "jobs", "Jobs being made", (POOL,)),
    Metric("backlog_step_seconds", "gauge", "step-seconds", "Denoiser seconds ahead, waiting and running", (POOL,)),
    Metric(
        "predicted_wait_seconds",
        "gauge",
        "seconds",
        "How long a new job would wait",
        (POOL,),
        seldom="where it is known",
    ),
    Metric("pool_tenants", "gauge", "tenants", "Tenants that wait or run", (POOL,)),
    Metric(
        "newcomer_wait_seconds",
        "gauge",
        "seconds",
        "How long a new job of a tenant would wait that has nothing in the pool",
        (POOL, PRIORITY),
    ),
    Metric(
        "largest_tenant_share", "gauge", "share", "The largest part of recent step-seconds that one tenant was given"
    ),
    Metric("pool_replicas", "gauge", "replicas", "Replicas that take jobs", (POOL,)),
    Metric(
        "pool_wanted_replicas",
        "gauge",
        "replicas",
        "Replicas that the scaling policy asks for",
        (POOL,),
        seldom="of pools that scale",
    ),
    Metric(
        "scaling_reason",
        "gauge",
        "1",
        "What decided the replicas wanted",
        (POOL, Label("because", of="because")),
        seldom="of pools that scale",
    ),
    Metric("pool_ready", "gauge", "0 or 1", "1 when the pool takes jobs, or would wake for one", (POOL, MODEL)),
    Metric(
        "pool_asleep", "gauge", "0 or 1", "1 when it has no replica by design: the next job wakes one", (POOL, MODEL)
    ),
    Metric(
        "pool_start_failed",
        "gauge",
        "0 or 1",
        "1 when no replica is there because the last could not start",
        (POOL, MODEL),
    ),
    Metric(
        "pool_unplaced",
        "gauge",
        "0 or 1",
        "1 when a replica is wanted and the cluster has no place for it",
        (POOL, MODEL),
    ),
    Metric("replica_slots", "gauge", "jobs", "Most jobs the replica holds", REPLICA),
    Metric("replica_running_jobs", "gauge", "jobs", "Jobs the replica holds", REPLICA),
    Metric("replica_step_seconds", "gauge", "seconds", "A guided step at the default shape", REPLICA),
    Metric("replica_memory_bytes", "gauge", "bytes", "Resident memory of the replica's process", REPLICA),
    Metric("replica_memory_level", "gauge", "0, 1, 2", "0 ok, 1 nobody joins, 2 jobs make room", REPLICA),
    Metric(
        "replica_memory_share",
        "gauge",
        "share",
        "Share of a memory in use",
        (*REPLICA, Label("memory", ("device", "host"))),
    ),
    Metric(
        "replica_gpu_use",
        "gauge",
        "share",
        "Share of the last second in which the replica's GPU was at work, as NVML says",
        REPLICA,
        seldom="with a GPU and nvidia-ml-py",
    ),
    Metric(
        "replica_gpu_memory_bytes",
        "gauge",
        "bytes",
        "Memory of the replica's GPU, of all its processes, as NVML says",
        (*REPLICA, Label("memory", ("total", "used"))),
        seldom="with a GPU and nvidia-ml-py",
    ),
    Metric(
        "replica_gpu_watts",
        "gauge",
        "watts",
        "Mean power of the replica's GPU at work",
        REPLICA,
        seldom="with a GPU and nvidia-ml-py",
    ),
    Metric("nodes", "gauge", "nodes", "Nodes of the Ray cluster that are there"),
    Metric("nodes_lost", "counter", "nodes", "Nodes that went without having been told to, since Ray's head started"),
)

VIDEOS = (
    Metric("video_progress", "gauge", "share", "Steps done of a job under way, of its schedule", VIDEO),
    Metric("video_steps_done", "gauge", "steps", "The same as a count", VIDEO),
    Metric("video_eta_seconds", "gauge", "seconds", "Until a job under way is done, as predicted", VIDEO),
    Metric("video_waited_seconds", "gauge", "seconds", "From its acceptance to its last attempt", VIDEO),
    Metric("video_age_seconds", "gauge", "seconds", "Since its acceptance", VIDEO),
    Metric("video_attempts", "gauge", "attempts", "Attempts at it so far", VIDEO),
)
"""Of jobs under way, the `KINORAY_METRICS_VIDEOS` oldest leases of them: what the dashboard for one job shows."""

PAGE = (
    Metric(
        "web_vital_seconds",
        "histogram",
        "seconds",
        "Web Vitals that browsers report of the page",
        (Label("vital", tuple(each for each in VITALS if each != "CLS")),),
        names.VITAL_SECONDS,
        VITAL_BOUNDS_S,
    ),
    Metric(
        "web_vital_shift",
        "histogram",
        "score",
        "Cumulative Layout Shift of the page",
        (),
        names.VITAL_SHIFT,
        (0.01, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0),
    ),
    Metric(
        "web_vital_ratings",
        "counter",
        "reports",
        "Web Vitals by web.dev's thresholds",
        (Label("vital", VITALS), Label("rating", RATINGS)),
        names.VITAL_RATINGS,
    ),
)

SECTIONS: Final[Mapping[str, tuple[Metric, ...]]] = {
    "Jobs": JOBS,
    "Storyboards": STORYBOARDS,
    "Work, time and money": WORK,
    "Caches": CACHES,
    "Line, pools and replicas": POOLS,
    "Jobs under way": VIDEOS,
    "The page in browsers": PAGE,
}
TABLE: Final = tuple(metric for section in SECTIONS.values() for metric in section)
BY_NAME: Final[Mapping[str, Metric]] = {metric.name: metric for metric in TABLE}
METERED: Final[Mapping[str, Metric]] = {metric.figure: metric for metric in TABLE if metric.figure}
