"""The models that can be asked for: a name or alias comes in, the model's profile goes out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from app.errors import ModelNotFound
from app.plan.prompt.complexity import CLASSES
from app.plan.suggest import did_you_mean
from app.plan.tiers import MOST_STEPS, TIERS
from app.types import STUDENT, ModelProfile, TierOfModel


class Catalogue:
    """Profiles by id and alias, checked when it is built.

    Raises:
        ValueError: two models of one id, an unsound profile, an alias or default that names no model.
    """

    def __init__(
        self, models: Iterable[ModelProfile], default: str, aliases: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._models: dict[str, ModelProfile] = {}
        for model in models:
            if model.id in self._models:
                raise ValueError(f"two models are called {model.id}")
            self._models[model.id] = _checked(model)
        for alias, target in aliases.items():
            if target not in self._models:
                raise ValueError(f"the alias {alias} names {target}, which is no model here")
        self._aliases = {alias: target for alias, target in aliases.items() if alias not in self._models}
        if self._aliases.get(default, default) not in self._models:
            raise ValueError(f"the default model {default} is not here")
        self._default = default

    def __iter__(self) -> Iterator[ModelProfile]:
        return iter(self._models.values())

    def find(self, name: str | None = None) -> ModelProfile:
        """The model of that id or alias, the default for None. Raises ModelNotFound with a suggestion."""
        asked = self._default if name is None else name
        model = self._models.get(self._aliases.get(asked, asked))
        if model is not None:
            return model
        hint = did_you_mean(asked, (*self._models, *self._aliases)) or f" Models are {', '.join(self._models)}."
        alias = json.dumps({asked[:40]: self._default})
        raise ModelNotFound(
            f"There is no model {asked[:80]!r} here.{hint} "
            f"Its operator can give that name to one: KINORAY_MODEL_ALIASES='{alias}'.",
            param="model",
        )


def within(model: ModelProfile, tier: str) -> ModelProfile:
    """The model as a tier has it: its sizes, frames, guidance, shift and, first, its sampler there."""
    own = next((each for each in model.tiers if each.tier == tier), None)
    if own is None:
        return model
    most = own.most_frames or model.frames[-1]
    frames = tuple(count for count in model.frames if count <= most)
    return replace(
        model,
        sizes=own.sizes or model.sizes,
        frames=frames,
        default_frames=min(model.default_frames, frames[-1]),
        guidance=model.guidance if own.guidance is None else own.guidance,
        guidance_2=model.guidance_2 if model.guidance_2 is None or own.guidance is None else own.guidance,
        shift=model.shift if own.shift is None else own.shift,
        samplers=tuple(sorted(model.samplers, key=lambda name: name != own.sampler)),
    )


def pool_of(model: ModelProfile, tier: str, pools: Mapping[str, str]) -> str:
    """The pool that makes a tier of a model: by "model:tier", by tier, else the model's own."""
    return pools.get(f"{model.id}:{tier}") or pools.get(tier) or model.pool


def _checked(model: ModelProfile) -> ModelProfile:
    slowest, fastest = model.fps
    sound = (
        bool(model.sizes)
        and all(width > 0 and height > 0 for width, height in model.sizes)
        and model.default_frames in model.frames
        and list(model.frames) == sorted(set(model.frames))
        and model.frames[0] > 0
        and 1 <= slowest <= model.default_fps <= fastest
        and model.step_s > 0
        and model.overhead_s >= 0
        and (model.takes_image or not model.needs_image)
        and {lora.name for lora in model.loras} <= set(model.adapters)
    )
    if not sound or not all(_sound(model, own) for own in model.tiers):
        raise ValueError(f"the profile of {model.id} contradicts itself: {model}")
    return model


def _taught(model: ModelProfile, own: TierOfModel) -> bool:
    """Whether a tier that names the student asks for what it can."""
    student = model.student
    return (
        own.weights == STUDENT
        and student is not None
        and set(own.steps) == {student.evaluations}
        and own.guidance == 1.0
        and not own.adapter
        and list(student.levels) == sorted({*student.levels}, reverse=True)
        and student.levels[0] == 1.0
        and student.levels[-1] > 0.0
    )


def _sound(model: ModelProfile, own: TierOfModel) -> bool:
    """Whether a model's own row of a tier can be kept: known tier, rising steps, sizes and frames that it makes."""
    steps = list(own.steps)
    rising = len(steps) == len(CLASSES) and [1, *steps, MOST_STEPS] == sorted([1, *steps, MOST_STEPS])
    return (
        own.tier in TIERS
        and [each.tier for each in model.tiers].count(own.tier) == 1
        and (not steps or rising)
        and set(own.sizes) <= set(model.sizes)
        and (own.most_frames is None or own.most_frames >= model.frames[0])
        and (own.guidance is None or own.guidance >= 1.0)
        and own.adapter in ("", *model.adapters)
        and (own.weights == "" or _taught(model, own))
        and own.sampler in ("", *model.samplers)
        and (own.shift in (None, model.shift) or not model.shift_fixed)
        and (not own.levels or _walkable(own))
        and (own.rule is None or (model.guided_by == "negative" and not (own.rule.zero_star and model.own_guidance)))
    )


def _walkable(own: TierOfModel) -> bool:
    """Whether a tier's own noise levels are one for each of its steps, and fall from 1 or below, above 0."""
    levels = list(own.levels)
    falling = levels == sorted({*levels}, reverse=True) and levels[0] <= 1.0 and levels[-1] > 0.0
    return falling and set(own.steps) == {len(levels)}
