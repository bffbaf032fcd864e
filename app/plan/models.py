"""The models that can be asked for: a name or alias comes in, the model's profile goes out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from rapidfuzz import process

from app.errors import ModelNotFound
from app.types import ModelProfile


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
        near = process.extractOne(asked[:80], (*self._models, *self._aliases), score_cutoff=60.0)
        hint = f" Did you mean {near[0]!r}?" if near else f" Models are {', '.join(self._models)}."
        raise ModelNotFound(f"There is no model {asked[:80]!r} here.{hint}", param="model")


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
    )
    if not sound:
        raise ValueError(f"the profile of {model.id} contradicts itself: {model}")
    return model
