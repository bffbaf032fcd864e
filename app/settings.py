"""One validated Settings, read from `KINORAY_*` or the builder's arguments, passed down; never made at import time."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


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
    artifacts_url: str | None = Field(
        None, description="fsspec URL of the artifact store; unset: <state_dir>/artifacts"
    )
    retention_s: float = Field(7 * 86400.0, gt=0, description="Finished jobs and artifacts are kept this long")

    # the front
    host: str = Field("127.0.0.1", description="Address the HTTP server binds")
    port: int = Field(8000, ge=1, le=65535, description="Port of the HTTP server")
    api_keys: dict[str, SecretStr] = Field(
        default_factory=dict, description="Tenant name to API key; empty: everyone is the tenant 'public'"
    )
    max_body_bytes: int = Field(20 * 2**20, gt=0, description="Larger request bodies are refused with 413")
    max_prompt_chars: int = Field(4000, gt=0, description="Longer prompts are refused")
    max_wait_s: float = Field(1800.0, gt=0, description="A predicted wait above this is answered with 429")
    max_queued: int = Field(1000, ge=1, description="More waiting jobs than this are refused with 429")
    sync_timeout_s: float = Field(600.0, gt=0, description="How long POST /v1/videos/sync waits")
    poll_after_s: float = Field(0.5, gt=0, description="Smallest openai-poll-after-ms, in seconds")

    # the models and the plan
    default_model: str = Field("kinoray-shapes", description="Model of requests that name none")
    model_aliases: dict[str, str] = Field(default_factory=dict, description='Other names, e.g. {"sora-2": "…"}')
    price_per_device_hour: float | None = Field(None, ge=0, description="Money per hour of one device; unset: no costs")
    device_watts: float | None = Field(
        None, ge=0, description="Power of one device at work, where NVML cannot read it; unset: no energy figures"
    )
    pools: dict[str, str] = Field(
        default_factory=dict, description='Pool of a tier or "model:tier", such as {"preview": "draft"}'
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
    max_batch: int = Field(4, ge=1, le=64, description="Most jobs that share one denoiser forward")
    slots: int = Field(8, ge=1, le=256, description="Most jobs one replica holds at a time")
    max_paused: int = Field(16, ge=0, le=256, description="Most jobs that a replica holds paused for more urgent ones")
    age_s: float = Field(120.0, gt=0, description="Waiting so long lifts a job by one priority class")
    preview_every: int = Field(4, ge=1, description="Steps between previews, where a request wants them")
    checkpoint_every: int = Field(
        0, ge=0, description="Steps between checkpoints; 0: as often as 1 % of a job's device time pays for"
    )
    checkpoint_max_bytes: int = Field(64 * 2**20, ge=0, description="Larger checkpoints are not kept; 0: none are")
    threads: int | None = Field(None, ge=1, description="Torch threads of a CPU replica; unset: all cores")
    lease_s: float = Field(30.0, gt=0, description="A replica silent for longer loses its jobs")
    max_attempts: int = Field(3, ge=1, description="Attempts at one job before it fails as worker_lost")
    job_timeout_s: float = Field(3600.0, gt=0, description="A running job older than this fails as timeout")

    # the caches
    result_ttl_s: float = Field(7 * 86400.0, gt=0, description="How long a result answers its repeats")
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

    @property
    def artifact_root(self) -> str:
        """fsspec URL of the folder that holds every artifact."""
        return self.artifacts_url or (self.state_dir / "artifacts").as_uri()
