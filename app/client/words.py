"""Words that options take, for help and for completion by the shell."""

from __future__ import annotations

from typing import get_args

from app.client.options import Tier

TIERS = "auto, preview, standard, premium or ultra."


def tiers(begun: str) -> list[str]:
    """The tiers that begin so."""
    return [tier for tier in get_args(Tier) if tier.startswith(begun)]
