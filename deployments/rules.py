"""The order's policy from Settings: the dispatcher and every replica decide by the same rules."""

from __future__ import annotations

from app.line.rules import Rules
from app.line.scaling import ScaleRules
from app.settings import Settings


def rules_of(settings: Settings) -> Rules:
    """The rules of one replica."""
    return Rules(
        max_batch=settings.max_batch,
        slots=settings.slots,
        max_paused=settings.max_paused,
        age_s=settings.age_s,
        checkpoint_every=settings.checkpoint_every,
    )


def scale_rules_of(settings: Settings) -> dict[str, ScaleRules]:
    """By pool, for those that scale."""
    return {
        pool: ScaleRules(least, most, settings.scale_drain_s, settings.scale_idle_s, settings.scale_lower_s)
        for pool, (least, most) in settings.replicas.items()
    }
