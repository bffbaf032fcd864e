"""The settings by section, as pydantic reads them; `app.settings.settings.Settings` is all of them together.

Names are one flat list, `KINORAY_<NAME>`: a section is a heading in `docs/settings.md`, nothing that is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, SecretStr

from app.settings.captions import Captions
from app.settings.field import setting
from app.settings.frames import Frames
from app.settings.ingress import Ingress
from app.settings.limits import DAY_S, Limiting
from app.settings.model_entry import BUILT_IN, ModelEntry
from app.settings.narration import Narration
from app.settings.prepare import Preparing
from app.settings.storyboards import StoryboardLimits
from app.settings.uploads import Uploads

MIB, GIB = 2**20, 2**30


class Storage(BaseModel):
    """Where things are kept, and for how long"""

    redis_url: SecretStr | None = setting(
        None,
        "Redis for jobs, events and caches, also redis+sentinel://host:port,host:port/service/0",
        unset="Kinoray starts its own",
    )
    cache_redis_url: SecretStr | None = setting(None, "Another Redis for the caches alone", unset="the same")
    redis_prefix: str = setting("kinoray", "Every Redis key starts with this")
    redis_timeout_s: float = setting(2.0, "A Redis call that takes longer counts as failed", "s", gt=0)
    redis_fsync: Literal["always", "everysec"] = setting(
        "always",
        "When the Redis that Kinoray starts has what it answered on the disk: `always` before it answers, "
        "`everysec` up to two seconds later, which is for a disk that is slow to write",
        since="0.3",
    )
    durability: Literal["local", "replicated"] = setting(
        "local",
        "What an accepted job survives: `local` a crash of its Redis, `replicated` the loss of "
        "its machine, too: a replica has the job before it is accepted (503 `not_replicated` while none keeps up)",
        since="0.2",
    )
    durability_replicas: int = setting(
        1,
        "How many replicas must have a job, with `replicated`: all there are, to survive any failover",
        since="0.2",
        ge=1,
    )
    durability_timeout_s: float = setting(
        1.0, "How long a replica is waited for, with `replicated`", "s", since="0.2", gt=0
    )
    state_dir: Path = setting(Path("~/.kinoray"), "Folder for own Redis data, artifacts and logs")
    calibration_dir: Path | None = setting(
        None, "Folder of what `kinoray calibrate` found for other models", unset="`<state_dir>/calibration`"
    )
    artifacts_url: str | None = setting(
        None, "Where files are kept, an fsspec URL", unset="the folder `<state_dir>/artifacts`"
    )
    artifact_timeout_s: float = setting(
        30.0, "A call to the artifact store (a file written, 1 MiB read) that takes longer failed", "s", gt=0
    )
    retention_s: float = setting(7 * DAY_S, "Records of completed jobs and storyboards are kept this long", "s", gt=0)
    failed_retention_s: float | None = setting(
        None, "Records of failed and cancelled jobs and storyboards are kept this long", "s", "as completed ones", gt=0
    )
    artifact_retention_s: float | None = setting(
        None, "Files, and cached results that refer to them, are kept this long", "s", "as records", gt=0
    )
    orphan_grace_s: float = setting(
        DAY_S,
        "Files that no record names, left by a process that died, are removed after so long",
        "s",
        ge=0,
    )


class Webhooks(BaseModel):
    """Who is told of the end of a job or storyboard"""

    webhook_url: str | None = setting(
        None, "Told of the end of every job and storyboard, unless the request names its own URL", unset="nobody is"
    )
    webhook_urls: dict[str, str] = setting({}, "The same by tenant; comes first", unset="none")
    webhook_secret: SecretStr | None = setting(
        None,
        "Signs webhooks: whsec_ and base64 of 24 to 64 bytes; several with blanks between all sign",
        unset="only those of `webhook_secrets` are sent",
    )
    webhook_secrets: dict[str, SecretStr] = setting(
        {}, "The same by tenant, so that none can sign for another; comes first", unset="none"
    )
    webhook_allow_private: bool = setting(False, "Webhooks may go to private addresses")
    webhook_allow_http: bool = setting(False, "Webhooks may go to http:// URLs")
    webhook_timeout_s: float = setting(10.0, "A receiver that takes longer has not been told", "s", gt=0, le=60)
    notify_urls: list[SecretStr] = setting(
        [],
        "Told when the service mended something by itself, once per cause and cool-down, and when it is over; "
        "signed as webhooks are, but for Slack's, whose addresses are secrets",
        unset="nobody is",
        since="0.3",
    )
    notify_format: Literal["auto", "slack", "event"] = setting(
        "auto",
        "How they are told. `slack`: a line of text, as Slack, Mattermost and Discord (`…/slack`) take it; `event`: "
        "JSON; `auto`: the first for Slack's addresses and those that end in `/slack`, the second for others",
        since="0.3",
    )


class Front(BaseModel):
    """The front: addresses, keys, what is refused"""

    host: str = setting("127.0.0.1", "Address the HTTP server binds")
    port: int = setting(8000, "Port of the HTTP server", ge=1, le=65535)
    public_url: str | None = setting(
        None,
        "Where clients reach the service, such as https://video.example.com/kinoray: addresses in answers begin so",
        unset="as each request came, see `trusted_proxies`",
        since="0.2",
    )
    trusted_proxies: list[str] = setting(
        [],
        'Addresses and networks, such as ["10.0.0.0/8"], whose `Forwarded`, `X-Forwarded-*` are believed; ["*"]: all',
        unset="none are",
        since="0.2",
    )
    dashboard_host: str = setting("127.0.0.1", "Address that the dashboard of a Ray of our own binds")
    ray_metrics_port: int | None = setting(
        None, "Port of that Ray's figures for Prometheus", unset="a free one", ge=1, le=65535
    )
    metrics_videos: int = setting(
        50, "Jobs under way that `/metrics` names one by one, for the dashboard of one job; 0: none", since="0.3", ge=0
    )
    web_vitals: bool = setting(
        True, "Whether `POST /api/vitals` keeps sums of what browsers measured of the page", since="0.3"
    )
    api_keys: dict[str, SecretStr] = setting(
        {}, "Tenant name to API key; tenants never see each other's jobs", unset="everyone is the tenant `public`"
    )
    api_keys_file: Path | None = setting(
        None,
        "A file (YAML or JSON) or folder of more keys, such as a mounted secret; read again when it changes",
        unset="none",
        since="0.3",
    )
    api_key_scopes: dict[str, list[str]] = setting(
        {},
        'Tenant to the scopes of its key in `api_keys`, such as {"alice": ["videos:read", "stats"]}',
        unset="all but `operate`, and that for `operators`",
        since="0.3",
    )
    open: bool = setting(
        False, "Answer everyone on any address while there is no key; else only this machine is", since="0.3"
    )
    audit_most: int = setting(
        100_000, "The audit log keeps so many of the newest entries", "entries", since="0.3", ge=1
    )
    audit_retention_s: float = setting(
        90 * DAY_S, "Entries of the audit log are kept this long", "s", since="0.3", gt=0
    )
    cors_origins: list[str] = setting(
        [],
        "Origins whose pages may ask this server, such as https://app.example; * for all",
        unset="its own page alone",
        since="0.2",
    )
    max_body_bytes: int = setting(20 * MIB, "Larger request bodies are refused with 413", "bytes", gt=0)
    max_prompt_chars: int = setting(4000, "Longer prompts are refused", "characters", gt=0)
    max_image_bytes: int = setting(10 * MIB, "Larger pictures to begin with are refused", "bytes", gt=0)
    max_image_pixels: int = setting(40_000_000, "Pictures of more pixels are refused", "pixels", gt=0, le=150_000_000)
    fetch_images: bool = setting(True, "Pictures may be named by an http address, which is then fetched")
    fetch_private: bool = setting(False, "Fetch from private and local addresses, too: who asks is trusted")
    max_wait_s: float = setting(1800.0, "A longer predicted wait is answered with 429 and `Retry-After`", "s", gt=0)
    max_queued: int = setting(
        1000,
        "More waiting jobs than this are refused with 429; the last tenth is for tenants with few",
        "jobs",
        ge=1,
    )
    idempotency_ttl_s: float = setting(DAY_S, "How long an Idempotency-Key is remembered", "s", gt=0)
    tenant_max_jobs: int | None = setting(
        None, "A tenant's most jobs waiting and running; 429 beyond", "jobs", "any", ge=1
    )
    tenant_max_running: int | None = setting(None, "A tenant's most jobs running; the others wait", "jobs", "any", ge=1)
    tenant_step_seconds: float | None = setting(
        None, "What a tenant may ask for in a window", "step-seconds", "any", gt=0
    )
    tenant_window_s: float = setting(3600.0, "That window, which rolls", "s", ge=60)
    tenant_weights: dict[str, Annotated[float, Field(gt=0, le=1000)]] = setting(
        {},
        'Tenant to the weight of its fair share, such as {"studio": 4}: while both wait in one class, it gets '
        "four times the step-seconds of a tenant that is not named",
        unset="1 for each",
        since="0.3",
    )
    tenant_borrow_s: float = setting(
        2.0,
        "Device time that a tenant which comes beside others may have before its fair share of it; it pays back by "
        "waiting, so that in the long run each has its share. 0: none",
        "s",
        ge=0,
        le=3600,
        since="0.3",
    )
    sync_timeout_s: float = setting(600.0, "How long POST /v1/videos/sync waits", "s", gt=0)
    poll_after_s: float = setting(0.5, "Smallest openai-poll-after-ms, in seconds", "s", gt=0)


class Models(BaseModel):
    """The models and the plan"""

    models: tuple[ModelEntry, ...] = setting(
        (BUILT_IN,), "The models to serve; see docs/models.md", unset="the built-in one", min_length=1
    )
    default_model: str = setting("kinoray-shapes", "Model of requests that name none")
    model_aliases: dict[str, str] = setting({}, 'Other name to model, e.g. {"sora-2": "kinoray-shapes"}', unset="none")
    price_per_device_hour: float | None = setting(None, "Price of one device", "money per hour", "no costs", ge=0)
    device_watts: float | None = setting(
        None, "Power of one device at work, where NVML cannot read it", "W", "no energy figures", ge=0
    )
    pools: dict[str, str] = setting(
        {}, 'Pool of a tier or of "model:tier", such as {"preview": "draft"}', unset="the model's own"
    )
    mag_ratios: dict[str, list[Annotated[float, Field(gt=0, lt=100)]]] = setting(
        {}, "Model to MagCache's magnitudes, one for each step; `kinoray calibrate magnitudes` prints it", unset="none"
    )


class Replicas(BaseModel):
    """Replicas; their resources are the config file's"""

    replicas: dict[str, tuple[int, int]] = setting(
        {},
        'Least and most replicas of each pool that scales with its work, such as {"main": [0, 3]}',
        unset="the numbers of the config file",
    )
    scale_drain_s: float = setting(60.0, "A pool has replicas enough to do its backlog within this", "s", gt=0)
    scale_idle_s: float = setting(300.0, "A pool's last replica goes after so long without a job", "s", ge=0)
    scale_lower_s: float = setting(30.0, "Replicas go when fewer have been enough for so long", "s", ge=0)
    replica_start_s: float = setting(
        30.0, "What a first replica is expected to take to come, until one has been seen to come", "s", ge=0
    )
    pretend_step_s: float | None = setting(
        None,
        "TESTS AND BENCHMARKS ONLY: no model; each forward sleeps so long, as for a device",
        "s",
        "a real model",
        gt=0,
    )
    pretend_further_share: float = setting(
        0.0,
        "TESTS AND BENCHMARKS ONLY: each job of such a forward after the first makes it longer by this share",
        ge=0,
    )


class Feedback(BaseModel):
    """What people think of videos, and better prompts"""

    feedback_half_life_s: float = setting(14 * DAY_S, "A rating weighs half after this long", "s", gt=0)
    feedback_prior: float = setting(4.0, "What the planner's own budget is worth", "ratings", gt=0)
    feedback_tenant_cap: float = setting(4.0, "What one tenant's users weigh at most together", "ratings", gt=0)
    feedback_bound: float = setting(
        1.25, "Ratings move a budget by this factor at most, up or down; 1: not at all", ge=1, le=2
    )
    operators: list[str] = setting(
        [], "Tenants whose keys of the settings and their file have the scope `operate`", unset="none"
    )
    enhancer_model: str | None = setting(
        None, "Folder or name of a transformers text-generation model that expands prompts", unset="rules do"
    )
    enhancer_local: bool = setting(True, "Never download the enhancer model")
    enhancer_tokens: int = setting(160, "Most that the enhancer model writes", "tokens", ge=8, le=1024)
    enhancer_timeout_s: float = setting(4.0, "After this long the rules expand the prompt instead", "s", gt=0, le=9)


class Engine(BaseModel):
    """The engine"""

    dtype: str = setting(
        "float32", "Weights and activations of the denoiser: float32 or bfloat16", pattern="^(float32|bfloat16)$"
    )
    preset: str | None = setting(
        None, "How the model is laid out: throughput, latency or memory", unset="in `dtype`, as it is"
    )
    placement: dict[str, Any] = setting(
        {},
        'Single overrides of the preset, e.g. {"offload": "model", "quantise": "int8"}; see app/settings/placement.py',
        unset="none",
    )
    max_batch: int = setting(4, "Most that share one denoiser forward", "jobs", ge=1, le=64)
    packing: str = setting(
        "auto",
        "Whether jobs of different sizes and lengths share a forward, packed into one sequence: where the model can "
        "and it was measured to pay (`auto`), or never (`off`)",
        since="0.3",
        pattern="^(auto|off)$",
    )
    slots: int = setting(8, "Most that one replica holds at a time", "jobs", ge=1, le=256)
    max_paused: int = setting(16, "Most that a replica holds paused for more urgent ones", "jobs", ge=0, le=256)
    age_s: float = setting(120.0, "Waiting so long lifts a job by one priority class", "s", gt=0)
    preview_every: int = setting(4, "Between previews, where a request wants them", "steps", ge=1)
    checkpoint_every: int = setting(
        0, "Between checkpoints; 0: as often as 1 % of a job's device time pays for", "steps", ge=0
    )
    checkpoint_max_bytes: int = setting(64 * MIB, "Larger checkpoints are not kept; 0: none are", "bytes", ge=0)
    text_encoder: str = setting(
        "replica",
        "Who encodes prompts: each Diffuser `replica`, or a deployment that a model's replicas share (`shared`)",
        pattern="^(replica|shared)$",
    )
    parallel: dict[str, dict[str, int]] = setting(
        {},
        'Pool to the ranks that share each forward, such as {"large": {"ulysses": 4}} or {"ring": 2}; '
        "a replica needs a GPU for each",
        unset="none",
    )
    host_memory_warning: float = setting(0.92, "Part of host memory from which no job joins", "share", gt=0, lt=1)
    host_memory_critical: float = setting(
        0.96, "Part from which the least urgent jobs are checkpointed and handed back", "share", gt=0, le=1
    )
    device_memory_warning: float = setting(0.92, "Part of GPU memory from which no job joins", "share", gt=0, lt=1)
    device_memory_critical: float = setting(
        0.97, "Part from which the least urgent jobs move to host memory", "share", gt=0, le=1
    )
    threads: int | None = setting(None, "Torch threads of a CPU replica", "threads", "all cores", ge=1)
    lease_s: float = setting(30.0, "A replica silent for longer loses its jobs", "s", gt=0)
    max_attempts: int = setting(3, "Lost replicas after which a job fails as worker_lost", "attempts", ge=1)
    dispatchers: int = setting(
        1,
        "Dispatchers that share the pools between them; each pool has one at a time",
        "processes",
        since="0.3",
        ge=1,
        le=64,
    )
    retry_first_s: float = setting(1.0, "A job whose replica was lost waits so long; then doubling", "s", ge=0)
    retry_most_s: float = setting(60.0, "Longest such wait", "s", ge=0)
    job_timeout_s: float = setting(3600.0, "A running job older than this fails as timeout", "s", gt=0)


class Caches(BaseModel):
    """The caches"""

    result_ttl_s: float = setting(7 * DAY_S, "How long a result answers its repeats", "s", gt=0)
    similar_ttl_s: float = setting(2 * DAY_S, "How long a latent is kept for similar starts", "s", gt=0)
    embedding_ttl_s: float = setting(30 * DAY_S, "How long a prompt embedding is kept", "s", gt=0)
    cache_memory_bytes: int = setting(
        256 * MIB, "Memory of a replica of the Cache deployment, in front of Redis", "bytes", ge=0
    )
    cache_redis_bytes: int = setting(GIB, "Of each cache level in Redis", "bytes", gt=0)
    share_results: bool = setting(False, "Tenants are answered with each other's videos: one public pool")
    share_embeddings: bool = setting(False, "Tenants share cached prompt embeddings: one public pool")


class Observed(BaseModel):
    """Logs and traces"""

    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "Lines of Kinoray's own below this level are not written", since="0.3"
    )
    log_format: Literal["json", "console"] | None = setting(
        None, "A line is an object (`json`) or text for people (`console`)", unset="console on a terminal", since="0.3"
    )
    log_prompts: bool = setting(False, "Lines may say what people asked for", since="0.3")
    log_max_bytes: int = setting(64 * MIB, "A process's log file is put aside at this size", "bytes", since="0.3", gt=0)
    log_files: int = setting(
        4, "So many files that were put aside are kept for each process", "files", since="0.3", ge=1
    )
    traces: Literal["otlp", "file", "off"] | None = setting(
        None,
        "Where OpenTelemetry spans go: `otlp`, as OTEL_EXPORTER_OTLP_* say; `file`: a folder of this machine",
        unset="otlp where an OTEL_EXPORTER_OTLP_ENDPOINT is set, else off",
        since="0.3",
    )
    traces_dir: Path | None = setting(
        None, "That folder: a file of OTLP JSON for each process", unset="`<state_dir>/traces`", since="0.3"
    )
    ray_dashboard_url: str | None = setting(
        None,
        "Where browsers find Ray's dashboard: the control room links to it",
        unset="no link",
        since="0.3",
        pattern=r"^https?://\S+$",
    )
    grafana_url: str | None = setting(
        None, "The same of Grafana", unset="no link", since="0.3", pattern=r"^https?://\S+$"
    )


SECTIONS: tuple[type[BaseModel], ...] = (
    *(Storage, Webhooks, Front, Ingress, Limiting, Uploads, Preparing, StoryboardLimits, Narration, Captions, Frames),
    *(Models, Replicas, Feedback, Engine, Caches, Observed),
)
