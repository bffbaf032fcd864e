"""One validated Settings, read from `KINORAY_*` or the builder's arguments, passed down; never made at import time."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import Self

from app.settings.captions import Captions
from app.settings.ingress import Ingress
from app.settings.limits import Limiting
from app.settings.narration import Narration
from app.settings.notify import is_slack
from app.settings.placement import Placement, chosen, parallel_of
from app.settings.proxies import checked_proxies, checked_public_url
from app.settings.secret_values import SecretFiles, resolved
from app.settings.sections import Caches, Engine, Feedback, Front, Models, Observed, Replicas, Storage, Webhooks
from app.settings.storyboards import StoryboardLimits
from app.settings.uploads import Uploads

PREFIX = "KINORAY_"
REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[^\s/?#@:\[\]]+)(:[0-9]{1,5})?")


class Settings(
    StoryboardLimits,
    Narration,
    Captions,
    Uploads,
    Observed,
    Caches,
    Engine,
    Feedback,
    Replicas,
    Models,
    Limiting,
    Ingress,
    Front,
    Webhooks,
    Storage,
    BaseSettings,
):
    """Every setting of a Kinoray service. Each can be set as `KINORAY_<NAME>`; lists and maps are JSON.

    What there is stands in `app.settings.sections`; here are the rules between them, and what follows from them.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def from_args(cls, args: Mapping[str, Any]) -> Self:
        """The settings of the environment, under the `args` of a config. Raises LiteralSecret for secrets in `args`."""
        return cls(**resolved(args, cls.model_fields, PREFIX))

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """As `from_args`, since Ray makes what `build` is given this way."""
        return cls.from_args(obj) if isinstance(obj, Mapping) else super().model_validate(obj, **options)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, then variables, then the files that variables name."""
        return init_settings, env_settings, SecretFiles(settings_cls)

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

    @field_validator("redis_url", "cache_redis_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and (why := _redis_fault(value.get_secret_value())):
            raise ValueError(f"it must be such as redis://host:6379/0, and {why}")
        return value

    @field_validator("webhook_url", "webhook_urls")
    @classmethod
    def _web(cls, value: Any) -> Any:
        for url in value.values() if isinstance(value, dict) else [value] if value else []:
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
                raise ValueError(f"it must be an address such as https://example.org/hook, not {url!r}")
        return value

    @field_validator("notify_urls")
    @classmethod
    def _notified(cls, value: list[SecretStr]) -> list[SecretStr]:
        for place, url in enumerate(value):
            parts = urlsplit(url.get_secret_value())
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"number {place + 1} must be an address such as https://example.org/hook")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: list[str]) -> list[str]:
        origins = [origin.rstrip("/").lower() for origin in value]
        for origin in origins:
            if origin != "*" and _ORIGIN.fullmatch(origin) is None:
                raise ValueError(f"{origin!r} is no origin: scheme://host or scheme://host:port, or * for all")
        return origins

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str | None) -> str | None:
        return checked_public_url(value)

    @field_validator("trusted_proxies")
    @classmethod
    def _trusted(cls, value: list[str]) -> list[str]:
        return checked_proxies(value)

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

    @model_validator(mode="after")
    def _notifications_signed(self) -> Settings:
        plain = [url for url in self.notify_urls if not is_slack(url.get_secret_value(), self.notify_format)]
        if plain and not self.webhook_keys(""):
            raise ValueError("notifications, but for Slack's, are signed: set KINORAY_WEBHOOK_SECRET")
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
            raise ValueError(_order("host_memory", self.host_memory_warning, self.host_memory_critical))
        if self.device_memory_warning >= self.device_memory_critical:
            raise ValueError(_order("device_memory", self.device_memory_warning, self.device_memory_critical))
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
    def traces_folder(self) -> Path:
        """Where spans are written to, with `traces` = "file"."""
        return self.traces_dir or self.state_dir / "traces"

    @property
    def artifact_root(self) -> str:
        """fsspec URL of the folder that holds every artifact."""
        return self.artifacts_url or (self.state_dir / "artifacts").as_uri()


def _order(what: str, warning: float, critical: float) -> str:
    return f"{what}_warning={warning:g} must be less than {what}_critical={critical:g}"


def _redis_fault(url: str) -> str | None:
    """What is wrong with the address of a Redis or its sentinels; None: nothing that can be seen."""
    parts = urlsplit(url)
    if parts.scheme not in REDIS_SCHEMES:
        return f"begin with one of {', '.join(f'{scheme}://' for scheme in REDIS_SCHEMES)}"
    if parts.scheme == "unix":
        return None if parts.path else "name a socket"
    for host in parts.netloc.rpartition("@")[2].split(","):
        try:
            one = urlsplit(f"//{host.strip()}")
            if not one.hostname or one.port == 0:
                return "name a host" if not one.hostname else "have a port from 1 to 65535"
        except ValueError:
            return "have a port from 1 to 65535"
    return None


def _is_secret(key: str) -> bool:
    """Whether it is a secret as the Standard Webhooks specification has them."""
    try:
        return key.startswith("whsec_") and 24 <= len(base64.b64decode(key[6:], validate=True)) <= 64
    except binascii.Error:
        return False
