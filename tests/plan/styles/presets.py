"""Presets for tests, made in one line."""

from __future__ import annotations

from app.plan.styles.presets import Preset, new_id
from app.plan.styles.styles import Style


def a_preset(
    tenant: str = "ann", name: str = "Night", created_at: float = 100.0, shared_at: float | None = None
) -> Preset:
    return Preset(Style(new_id(), name, after="at night", guidance=4.5, fps=8), tenant, created_at, shared_at)
