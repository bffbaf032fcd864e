"""`kinoray calibrate`: hands its words to what measures a model offline, which needs torch and no service."""

from __future__ import annotations

from importlib import import_module

import typer

KINDS = {
    "masks": "app.calibration.masks",
    "budgets": "app.calibration.budgets",
    "similar": "app.calibration.similar",
    "magnitudes": "app.calibration.magnitudes",
}
"""What is measured, and the module whose `main` does it; imported only then, for no other command needs torch."""


def calibrate(context: typer.Context) -> None:
    """Measure a model: `masks` (steps that a budget runs), `budgets` (how many it takes), `similar`, `magnitudes`."""
    words = list(context.args)
    kind = words.pop(0) if words[:1] and words[0] in KINDS else "masks"
    import_module(KINDS[kind]).main(words)
