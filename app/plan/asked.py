"""A request comes in; what is asked, of which model and in which tier, goes out: read, checked and understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import InvalidRequest, UnsupportedParameter
from app.plan.catalogue import Catalogue, within
from app.plan.distilled import Maker, maker
from app.plan.guidance import asked_of
from app.plan.prompt.beyond import beside_picture
from app.plan.prompt.complexity import analyse
from app.plan.prompt.normalise import normalised, required
from app.plan.prompt.understand import Reader
from app.plan.tiers import Choice, choose
from app.types import Analysis, ModelProfile, PlanWarning, Understood, VideoRequest, VideoSpec


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked, and of which model: it as the tier's weights make it, and, `here`, as the tier limits it."""

    prompt: str
    negative: str
    understood: Understood | None
    beyond: tuple[PlanWarning, ...]
    why: Analysis
    made: Maker
    choice: Choice

    @property
    def model(self) -> ModelProfile:
        return self.made.model

    @property
    def here(self) -> ModelProfile:
        return within(self.model, self.choice.tier)


def asked_for(request: VideoRequest, catalogue: Catalogue, most_chars: int, readers: Mapping[str, Reader]) -> Asked:
    """The words, read as the model reads them, and the tier. Raises InvalidRequest, ModelNotFound."""
    model = catalogue.find(request.model)
    prompt = required(request.prompt, most_chars)
    negative = normalised(request.negative_prompt, most_chars, "negative_prompt")
    _check_fit(request, model)
    understood, beyond = readers[model.id].understand(prompt) if model.id in readers else (None, ())
    if understood is not None and request.image is not None and model.takes_image:
        beyond = tuple(beside_picture(beyond, understood, model.id))
    why = analyse(prompt)
    made = maker(request, model, choose(request.tier, why.complexity).tier)
    choice = choose(request.tier, why.complexity, made.model.tiers)
    return Asked(prompt, negative, understood, tuple(beyond), why, made, choice)


def as_measured(request: VideoRequest, spec: VideoSpec, asked: Asked) -> bool:
    """Whether the video is of the kind that budgets were measured with: as `kinoray calibrate` asks, or nearly."""
    here = asked.here
    return (
        not asked.beyond
        and request.sampler in (None, here.samplers[0])
        and request.guidance in (None, here.guidance)
        and not asked_of(request)
        and not request.negative_prompt.strip()
        and (spec.width, spec.height) == here.sizes[0]
        and spec.frames == here.default_frames
        and not request.sees
    )


def _check_fit(request: VideoRequest, model: ModelProfile) -> None:
    """Refuse what this kind of model has no ear for."""
    if model.pictures_only and request.frames != 1:
        message = f"{model.id} makes pictures: ask /v1/images/generations for one."
        raise InvalidRequest(message, param="model", code="not_a_video_model")
    if model.guided_by != "negative" and request.negative_prompt.strip():
        raise UnsupportedParameter(f"{model.id} does not hear a negative prompt.", "negative_prompt")
    if model.guided_by == "nothing" and request.guidance not in (None, 1.0):
        raise UnsupportedParameter(f"{model.id} is distilled: its guidance is always 1.", "guidance_scale")
