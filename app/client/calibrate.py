"""`kinoray calibrate`: hands its words to what measures a model offline, which needs torch and no service."""

from __future__ import annotations

from importlib import import_module

import typer

KINDS = {
    "masks": "app.calibrate_masks",
    "budgets": "app.calibrate",
    "similar": "app.calibrate_similar",
    "magnitudes": "app.calibrate_magnitudes",
}
"""What is measured, and the module whose `main` does it; imported only then, for no other command needs torch."""


def calibrate(context: typer.Context) -> None:
    """Measure a model: `masks` (steps that a budget runs), `budgets` (how many it takes), `similar`, `magnitudes`."""
    words = list(context.args)
    kind = words.pop(0) if words[:1] and words[0] in KINDS else "masks"
    import_module(KINDS[kind]).main(words)
