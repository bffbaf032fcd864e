"""The LoRA adapters that a request names come in, beside its tier's own; those that act go out, and how strongly."""

from __future__ import annotations

import math
from typing import Final

from rapidfuzz import process

from app.errors import InvalidRequest
from app.types import ModelProfile, Plan, UploadedLora, VideoRequest

MOST_AT_ONCE: Final = 8
MOST_STRENGTH: Final = 4.0
PARAM: Final = "loras"


def adapters(request: VideoRequest, model: ModelProfile, tier: str) -> tuple[tuple[str, float], ...]:
    """Names and strengths, by name, so that the same adapters are the same plan in whatever order they are asked for.

    A tier may wear one of its own, at full strength unless the request says another. What has no strength is left out.

    One that the tenant has uploaded goes by its mark; an adapter of the operator's comes before one of that name.

    Raises:
        InvalidRequest: requests may name no such adapter of the model, one is named twice, or a strength is too much.
    """
    uploads = _uploads(request, model)
    own = next((each.adapter for each in model.tiers if each.tier == tier), "")
    worn = {own: 1.0} if own else {}
    for place, (name, strength) in enumerate(request.loras):
        upload = uploads.get(name)
        if upload is None:
            _check_name(name, model, f"{PARAM}.{place}.name", dict(request.uploads).get(name))
        called = name if upload is None else upload.mark
        if name in dict(request.loras[:place]) or (upload is not None and called in worn):
            raise InvalidRequest(f"The LoRA {name!r} is named twice.", f"{PARAM}.{place}.name", "duplicate_parameter")
        if not -MOST_STRENGTH <= strength <= MOST_STRENGTH or math.isnan(strength):
            message = (
                f"The strength of a LoRA must be {-MOST_STRENGTH:g} to {MOST_STRENGTH:g}; {name!r} has {strength:g}."
            )
            raise InvalidRequest(message, f"{PARAM}.{place}.strength")
        worn[called] = float(strength)
    if len(request.loras) > MOST_AT_ONCE:
        raise InvalidRequest(f"At most {MOST_AT_ONCE} LoRAs act at once, not {len(request.loras)}.", PARAM)
    return tuple(sorted((name, strength) for name, strength in worn.items() if strength))


def uploads_of(
    request: VideoRequest, model: ModelProfile, worn: tuple[tuple[str, float], ...]
) -> tuple[UploadedLora, ...]:
    """Those of the adapters that act which the tenant has uploaded, by their marks."""
    by_mark = {upload.mark: upload for upload in _uploads(request, model).values()}
    return tuple(by_mark[name] for name, _ in worn if name in by_mark)


def _uploads(request: VideoRequest, model: ModelProfile) -> dict[str, UploadedLora]:
    """Those that the model may wear, as the request names them."""
    operators = {lora.name for lora in model.loras}
    return {
        name: upload
        for name, upload in request.uploads
        if model.lora_uploads and upload.model == model.id and name not in operators
    }


def asked_of(plan: Plan, model: ModelProfile) -> tuple[tuple[str, float], ...]:
    """What a request has to name so that a plan of that model and tier gets these adapters again."""
    own = next((each.adapter for each in model.tiers if each.tier == plan.tier), "")
    gone = ((own, 0.0),) if own and own not in dict(plan.adapters) else ()
    ids = {upload.mark: upload.id for upload in plan.uploads}
    return (
        *((ids.get(name, name), strength) for name, strength in plan.adapters if (name, strength) != (own, 1.0)),
        *gone,
    )


def named(worn: tuple[tuple[str, float], ...], uploads: tuple[UploadedLora, ...]) -> tuple[tuple[str, float], ...]:
    """The same adapters as people know them."""
    names = {upload.mark: upload.name for upload in uploads}
    return tuple((names.get(name, name), strength) for name, strength in worn)


def said_of(worn: tuple[tuple[str, float], ...]) -> str:
    """Which adapters act, for people."""
    return ", ".join(name if strength == 1.0 else f"{name} at {strength:g}" for name, strength in worn)


def _check_name(name: str, model: ModelProfile, param: str, upload: UploadedLora | None) -> None:
    known = [lora.name for lora in model.loras]
    if name in known:
        return
    if upload is not None:
        other = f" It is for {upload.model}." if upload.model != model.id else ""
        message = f"{model.id} cannot wear your LoRA {name[:80]!r}.{other or ' It takes no uploaded ones.'}"
        raise InvalidRequest(message, param, "unknown_lora")
    if not known:
        message = f"{model.id} has no LoRAs for requests to name; /v1/models lists those of each model."
        if model.lora_uploads:
            message = f"There is no LoRA {name[:80]!r} of yours for {model.id}; /v1/loras lists them."
    else:
        near = process.extractOne(name[:80], known, score_cutoff=60.0)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        message = f"{model.id} has no LoRA {name[:80]!r}.{hint} LoRAs are {', '.join(known)}."
    raise InvalidRequest(message, param, "unknown_lora")
