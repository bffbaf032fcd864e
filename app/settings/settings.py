"""One validated Settings, read from `KINORAY_*` or the builder's arguments, passed down; never made at import time."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from typing_extensions import Self

from app.settings.model_entry import BUILT_IN, ModelEntry
from app.settings.placement import Placement, chosen, parallel_of


class Settings(BaseSettings):
    """Every setting of a Kinoray service. Each can be set as `KINORAY_<NAME>`; lists and maps are JSON."""

    model_config = SettingsConfigDict(env_prefix="KINORAY_", extra="forbid", frozen=True)

    # where things are kept
    redis_url: str | None = Field(
        None,
        description="Redis for jobs, events and caches, also redis+sentinel://host:port,host:port/service/0; "
        "unset: Kinoray starts its own",
    )
    cache_redis_url: str | None = Field(None, description="Another Redis for the caches alone; unset: the same")
    redis_prefix: str = Field("kinoray", description="Every Redis key starts with this")
    redis_timeout_s: float = Field(2.0, gt=0, description="A Redis call that takes longer counts as failed")
    state_dir: Path = Field(Path("~/.kinoray"), description="Folder for own Redis data, artifacts and logs")
    calibration_dir: Path | None = Field(
        None, description="Folder of what `kinoray calibrate` found for other models; unset: <state_dir>/calibration"
    )
    artifacts_url: str | None = Field(
        None, description="fsspec URL of the artifact store; unset: <state_dir>/artifacts"
    )
    artifact_timeout_s: float = Field(
        30.0,
        gt=0,
        description="A call to the artifact store (a file written, 1 MiB read) that takes longer failed",
    )
    retention_s: float = Field(7 * 86400.0, gt=0, description="Records of completed jobs are kept this long")
    failed_retention_s: float | None = Field(
        None, gt=0, description="Records of failed and cancelled jobs are kept this long; unset: as completed ones"
    )
    artifact_retention_s: float | None = Field(
        None, gt=0, description="Files, and cached results that refer to them, are kept this long; unset: as records"
    )
    orphan_grace_s: float = Field(
        86400.0, ge=0, description="Files that no job names, left by a process that died, are removed after so long"
    )

    # who is told of a job's end
    webhook_url: str | None = Field(None, description="Told of every job's end, unless the request names its own URL")
    webhook_urls: dict[str, str] = Field(default_factory=dict, description="The same by tenant; comes first")
    webhook_secret: SecretStr | None = Field(
        None, description="Signs webhooks: whsec_ and base64 of 24 to 64 bytes; several with blanks between all sign"
    )
    webhook_secrets: dict[str, SecretStr] = Field(
        default_factory=dict, description="The same by tenant, so that none can sign for another; comes first"
    )
    webhook_allow_private: bool = Field(False, description="Webhooks may go to private addresses")
    webhook_allow_http: bool = Field(False, description="Webhooks may go to http:// URLs")
    webhook_timeout_s: float = Field(10.0, gt=0, le=60, description="A receiver that takes longer has not been told")

    # the front
    host: str = Field("127.0.0.1", description="Address the HTTP server binds")
    port: int = Field(8000, ge=1, le=65535, description="Port of the HTTP server")
    dashboard_host: str = Field("127.0.0.1", description="Address that the dashboard of a Ray of our own binds")
    ray_metrics_port: int | None = Field(
        None, ge=1, le=65535, description="Port of that Ray's figures for Prometheus; unset: a free one"
    )
    api_keys: dict[str, SecretStr] = Field(
        default_factory=dict, description="Tenant name to API key; empty: everyone is the tenant 'public'"
    )
    max_body_bytes: int = Field(20 * 2**20, gt=0, description="Larger request bodies are refused with 413")
    max_prompt_chars: int = Field(4000, gt=0, description="Longer prompts are refused")
    max_image_bytes: int = Field(10 * 2**20, gt=0, description="Larger pictures to begin with are refused")
    max_image_pixels: int = Field(40_000_000, gt=0, le=150_000_000, description="Pictures of more pixels are refused")
    fetch_images: bool = Field(True, description="Pictures may be named by an http address, which is then fetched")
    fetch_private: bool = Field(False, description="Fetch from private and local addresses, too: who asks is trusted")
    max_wait_s: float = Field(1800.0, gt=0, description="A predicted wait above this is answered with 429")
    max_queued: int = Field(1000, ge=1, description="More waiting jobs than this are refused with 429")
    idempotency_ttl_s: float = Field(86400.0, gt=0, description="How long an Idempotency-Key is remembered")
    tenant_max_jobs: int | None = Field(None, ge=1, description="A tenant's most jobs waiting and running; unset: any")
    tenant_max_running: int | None = Field(None, ge=1, description="A tenant's most jobs running; the others wait")
    tenant_step_seconds: float | None = Field(
        None, gt=0, description="Step-seconds a tenant may ask for in a window; unset: any"
    )
    tenant_window_s: float = Field(3600.0, ge=60, description="That window, which rolls; in seconds")
    sync_timeout_s: float = Field(600.0, gt=0, description="How long POST /v1/videos/sync waits")
    poll_after_s: float = Field(0.5, gt=0, description="Smallest openai-poll-after-ms, in seconds")

    # the models and the plan
    models: tuple[ModelEntry, ...] = Field(
        (BUILT_IN,),
        min_length=1,
        description="The models to serve, see app/settings/model_entry.py; unset: the built-in one",
    )
    default_model: str = Field("kinoray-shapes", description="Model of requests that name none")
    model_aliases: dict[str, str] = Field(default_factory=dict, description='Other names, e.g. {"sora-2": "…"}')
    price_per_device_hour: float | None = Field(None, ge=0, description="Money per hour of one device; unset: no costs")
    device_watts: float | None = Field(
        None, ge=0, description="Power of one device at work, where NVML cannot read it; unset: no energy figures"
    )
    pools: dict[str, str] = Field(
        default_factory=dict, description='Pool of a tier or "model:tier", such as {"preview": "draft"}'
    )

    mag_ratios: dict[str, list[Annotated[float, Field(gt=0, lt=100)]]] = Field(
        default_factory=dict, description="Model to MagCache's magnitudes, one for each step; see `step_cache`"
    )
    # replicas; resources are the config file's
    replicas: dict[str, tuple[int, int]] = Field(
        default_factory=dict,
        description='Least and most replicas of each pool that scales with its work, such as {"main": [0, 3]}; '
        "others keep the number of the config file",
    )
    scale_drain_s: float = Field(60.0, gt=0, description="A pool has replicas enough to do its backlog within this")
    scale_idle_s: float = Field(300.0, ge=0, description="A pool's last replica goes after so long without a job")
    scale_lower_s: float = Field(30.0, ge=0, description="Replicas go when fewer have been enough for so long")
    replica_start_s: float = Field(
        30.0, ge=0, description="What a first replica is expected to take to come, until one has been seen to come"
    )
    pretend_step_s: float | None = Field(
        None, gt=0, description="TESTS AND BENCHMARKS ONLY: no model; each forward sleeps so long, as for a device"
    )

    # what people think of videos, and better prompts
    feedback_half_life_s: float = Field(14 * 86400.0, gt=0, description="A rating weighs half after this long")
    feedback_prior: float = Field(4.0, gt=0, description="Ratings that the planner's own budget is worth")
    feedback_tenant_cap: float = Field(4.0, gt=0, description="Ratings that one tenant's users weigh at most together")
    feedback_bound: float = Field(
        1.25, ge=1, le=2, description="Ratings move a budget by this factor at most, up or down; 1: not at all"
    )
    operators: list[str] = Field(
        default_factory=list, description="Tenants that may reset everyone's feedback; others reset their own"
    )
    enhancer_model: str | None = Field(
        None, description="Folder or name of a transformers text-generation model that expands prompts; unset: rules do"
    )
    enhancer_local: bool = Field(True, description="Never download the enhancer model")
    enhancer_tokens: int = Field(160, ge=8, le=1024, description="Most tokens that the enhancer model writes")
    enhancer_timeout_s: float = Field(
        4.0, gt=0, le=9, description="After this long the rules expand the prompt instead"
    )

    # the engine
    dtype: str = Field("float32", pattern="^(float32|bfloat16)$", description="Weights and activations of the denoiser")
    preset: str | None = Field(
        None, description="How the model is laid out: throughput, latency or memory; unset: in `dtype`, as it is"
    )
    placement: dict[str, Any] = Field(
        default_factory=dict,
        description='Single overrides of the preset, e.g. {"offload": "model", "quantise": "int8"}; '
        "see app/settings/placement.py",
    )
    max_batch: int = Field(4, ge=1, le=64, description="Most jobs that share one denoiser forward")
    slots: int = Field(8, ge=1, le=256, description="Most jobs one replica holds at a time")
    max_paused: int = Field(16, ge=0, le=256, description="Most jobs that a replica holds paused for more urgent ones")
    age_s: float = Field(120.0, gt=0, description="Waiting so long lifts a job by one priority class")
    preview_every: int = Field(4, ge=1, description="Steps between previews, where a request wants them")
    checkpoint_every: int = Field(
        0, ge=0, description="Steps between checkpoints; 0: as often as 1 % of a job's device time pays for"
    )
    checkpoint_max_bytes: int = Field(64 * 2**20, ge=0, description="Larger checkpoints are not kept; 0: none are")
    text_encoder: str = Field(
        "replica",
        pattern="^(replica|shared)$",
        description="Who encodes prompts: each Diffuser replica, or a deployment that a model's replicas share",
    )
    parallel: dict[str, dict[str, int]] = Field(
        default_factory=dict,
        description='Pool to the ranks that share each forward, such as {"large": {"ulysses": 4}} or {"ring": 2}; '
        "a replica needs a GPU for each",
    )
    host_memory_warning: float = Field(0.92, gt=0, lt=1, description="Share of host memory from which no job joins")
    host_memory_critical: float = Field(
        0.96, gt=0, le=1, description="Share from which the least urgent jobs are checkpointed and handed back"
    )
    device_memory_warning: float = Field(0.92, gt=0, lt=1, description="Share of GPU memory from which no job joins")
    device_memory_critical: float = Field(
        0.97, gt=0, le=1, description="Share from which the least urgent jobs move to host memory"
    )
    threads: int | None = Field(None, ge=1, description="Torch threads of a CPU replica; unset: all cores")
    lease_s: float = Field(30.0, gt=0, description="A replica silent for longer loses its jobs")
    max_attempts: int = Field(3, ge=1, description="Lost replicas after which a job fails as worker_lost")
    retry_first_s: float = Field(1.0, ge=0, description="A job whose replica was lost waits so long; then doubling")
    retry_most_s: float = Field(60.0, ge=0, description="Longest such wait")
    job_timeout_s: float = Field(3600.0, gt=0, description="A running job older than this fails as timeout")

    # the caches
    result_ttl_s: float = Field(7 * 86400.0, gt=0, description="How long a result answers its repeats")
    similar_ttl_s: float = Field(2 * 86400.0, gt=0, description="How long a latent is kept for similar starts")
    embedding_ttl_s: float = Field(30 * 86400.0, gt=0, description="How long a prompt embedding is kept")
    cache_memory_bytes: int = Field(256 * 2**20, ge=0, description="Memory of the Cache deployment in front of Redis")
    cache_redis_bytes: int = Field(2**30, gt=0, description="Bytes of each cache level in Redis")
    share_results: bool = Field(False, description="Tenants are answered with each other's videos: one public pool")
    share_embeddings: bool = Field(False, description="Tenants share cached prompt embeddings: one public pool")

    @field_validator("replicas")
    @classmethod
    def _bounded(cls, value: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
        for pool, (least, most) in value.items():
            if not (0 <= least <= most and most >= 1):
                raise ValueError(f"pool {pool}: 0 <= least <= most, and most >= 1")
        return value

    @field_validator("state_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("webhook_secret", "webhook_secrets")
    @classmethod
    def _secrets(cls, value: Any) -> Any:
        for secret in value.values() if isinstance(value, dict) else [value] if value else []:
            keys = secret.get_secret_value().split()
            if not keys or not all(_is_secret(key) for key in keys):
                raise ValueError("a webhook secret must be whsec_ followed by base64 of 24 to 64 bytes")
        return value

    @model_validator(mode="after")
    def _signed(self) -> Settings:
        tenants = [None] if self.webhook_url else list(self.webhook_urls)
        if not all(self.webhook_keys(tenant or "") for tenant in tenants):
            raise ValueError("webhooks are always signed: set KINORAY_WEBHOOK_SECRET, or _SECRETS for each tenant")
        return self

    def webhook_keys(self, tenant: str) -> tuple[str, ...]:
        """The secrets that sign a tenant's webhooks; none: it gets none."""
        secret = self.webhook_secrets.get(tenant, self.webhook_secret)
        return () if secret is None else tuple(secret.get_secret_value().split())

    @property
    def failed_kept_s(self) -> float:
        """Seconds for which records of failed jobs are kept."""
        return self.failed_retention_s or self.retention_s

    @property
    def artifacts_kept_s(self) -> float:
        """Seconds for which files are kept."""
        return self.artifact_retention_s or self.retention_s

    @model_validator(mode="after")
    def _placeable(self) -> Self:
        chosen(self.preset, self.placement)
        for wish in self.parallel.values():
            parallel_of(wish)
        if self.host_memory_warning >= self.host_memory_critical:
            raise ValueError("host_memory_warning is below host_memory_critical")
        if self.device_memory_warning >= self.device_memory_critical:
            raise ValueError("device_memory_warning is below device_memory_critical")
        return self

    @property
    def layout(self) -> Placement:
        """How the model is laid out; a `dtype` that was set comes before the preset's."""
        said = self.preset is None or "dtype" in self.model_fields_set
        return chosen(self.preset, self.placement, self.dtype if said else None)

    @property
    def default_name(self) -> str:
        """The model of requests that name none: the setting, or, where that says nothing, the first model."""
        ids = [entry.id for entry in self.models]
        unsaid = "default_model" not in self.model_fields_set
        return ids[0] if unsaid and self.default_model not in ids else self.default_model

    @property
    def aliases(self) -> dict[str, str]:
        """Other name to model: those of the models and those of `model_aliases`, which win."""
        return {alias: entry.id for entry in self.models for alias in entry.aliases} | self.model_aliases

    @property
    def calibration_folder(self) -> Path:
        """Where tables of the operator's own models are."""
        return self.calibration_dir or self.state_dir / "calibration"

    @property
    def artifact_root(self) -> str:
        """fsspec URL of the folder that holds every artifact."""
        return self.artifacts_url or (self.state_dir / "artifacts").as_uri()


def _is_secret(key: str) -> bool:
    """Whether it is a secret as the Standard Webhooks specification has them."""
    try:
        return key.startswith("whsec_") and 24 <= len(base64.b64decode(key[6:], validate=True)) <= 64
    except binascii.Error:
        return False
