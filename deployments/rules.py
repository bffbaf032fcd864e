"""The order's policy from Settings: the dispatcher and every replica decide by the same rules."""

from __future__ import annotations

from app.line.pressure import Limits
from app.line.rules import Rules
from app.line.scaling import ScaleRules
from app.settings import Settings


def limits_of(settings: Settings) -> tuple[Limits, Limits]:
    """When memory is short: the host's, the device's."""
    return (
        Limits(settings.host_memory_warning, settings.host_memory_critical),
        Limits(settings.device_memory_warning, settings.device_memory_critical),
    )


def rules_of(settings: Settings) -> Rules:
    """The rules of one replica."""
    return Rules(
        max_batch=settings.max_batch,
        slots=settings.slots,
        max_paused=settings.max_paused,
        gain=settings.layout.batch_gain,
        age_s=settings.age_s,
        checkpoint_every=settings.checkpoint_every,
        most_of_tenant=settings.tenant_max_running,
        pause_most_s=settings.retry_most_s,
    )


def scale_rules_of(settings: Settings) -> dict[str, ScaleRules]:
    """By pool, for those that scale."""
    return {
        pool: ScaleRules(least, most, settings.scale_drain_s, settings.scale_idle_s, settings.scale_lower_s)
        for pool, (least, most) in settings.replicas.items()
    }
