"""A request's wish for a step cache comes in; whether its model can have it, and alone, is decided here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from app.errors import InvalidRequest
from app.plan.adapters import said_of
from app.plan.suggest import did_you_mean
from app.types import STEP_CACHES, ModelProfile, VideoRequest


def step_cache(
    request: VideoRequest,
    model: ModelProfile,
    ratios: Mapping[str, Sequence[float]],
    worn: tuple[tuple[str, float], ...] = (),
) -> str:
    """The cache's name, or nothing. `ratios`: MagCache's magnitudes, by the models for which they were measured.

    `worn` are the LoRA adapters that act: caches are measured for the weights as they are.

    Raises:
        InvalidRequest: unknown, not for this model, or together with what it cannot be combined with.
    """
    name = request.step_cache
    if not name:
        return ""
    if name not in STEP_CACHES:
        hint = did_you_mean(name, STEP_CACHES)
        message = f"There is no step cache {name[:40]!r}.{hint} There is: {', '.join(STEP_CACHES)}."
        raise InvalidRequest(message, "step_cache", "unknown_step_cache")
    if not model.step_caches:
        raise InvalidRequest(f"{model.id} has no step caches.", "step_cache")
    if name == "mag" and not ratios.get(model.id):
        raise InvalidRequest(f"MagCache is not measured for {model.id}; see the setting mag_ratios.", "step_cache")
    if worn:
        raise InvalidRequest(
            f"The LoRA {said_of(worn)} acts, and step caches are for {model.id} as it is; leave one of them out.",
            "step_cache",
            "conflicting_parameters",
        )
    if request.sees:
        raise InvalidRequest(
            "Step caches are for videos of text alone; leave out input_reference or step_cache.",
            "step_cache",
            "conflicting_parameters",
        )
    if request.budget is not None:
        raise InvalidRequest(
            "A step cache decides by itself which steps to save; leave the budget out.",
            "step_cache",
            "conflicting_parameters",
        )
    if request.deterministic:
        raise InvalidRequest(
            "A resumed job starts its step cache anew, and so has other bits; leave out deterministic or step_cache.",
            "step_cache",
            "conflicting_parameters",
        )
    return name


def mark(name: str, ratios: Sequence[float]) -> str:
    """What a plan's digest has to know beside the cache's name: other magnitudes, other bits."""
    if name != "mag":
        return ""
    return "mag-" + hashlib.sha256(json.dumps([float(ratio) for ratio in ratios]).encode()).hexdigest()[:12]
