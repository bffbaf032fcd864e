"""A family's parts, held alike by all families, and how the rows of a forward become tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch

from app.engine.families.adapters import AdapterSwitch
from app.engine.families.family import (
    Experts,
    ImageConditioning,
    OwnGuidance,
    Packing,
    Row,
    SeenText,
    SoundMaking,
    StageMaking,
    StepCaching,
)
from app.engine.families.loading.lora import Adapters
from app.engine.families.models import Parts
from app.engine.samplers.levels import Bend
from app.errors import InvalidRequest
from app.types import Plan, VideoSpec

EVEN = Bend()


class BaseFamily(ABC):
    """The parts of a Family, for a subclass that says how they are asked; it has no optional part until one is set.

    `parts` are laid out where they belong, adapters are in them; `bend` is how its noise levels are bent. Without
    `device` it computes where the transformer's weights are, which may rest elsewhere.
    """

    samplers: tuple[str, ...] = ("euler",)
    free_guidance: bool = True

    def __init__(self, parts: Parts, bend: Bend = EVEN, device: torch.device | None = None) -> None:
        self._transformer = parts.transformer.eval()
        self._autoencoder = parts.autoencoder.eval()
        self._bend = bend
        self.encode = parts.encode
        self.device: torch.device = device or next(iter(parts.transformer.parameters())).device
        self.adapters: Mapping[str, AdapterSwitch] = {"": Adapters(parts.transformer, parts.scales)}
        self.experts: Experts | None = None
        self.image: ImageConditioning | None = None
        self.step_caches: StepCaching | None = None
        self.packing: Packing | None = None
        self.sound: SoundMaking | None = None
        self.guidance: OwnGuidance | None = None
        self.stages: StageMaking | None = None
        self.text_of_picture: SeenText | None = None
        self.student = ""

    @property
    def weight_bytes(self) -> int:
        """Of the transformer's weights, as they rest: quantised ones are of several tensors each."""
        return sum(_rest_bytes(weight) for weight in self._transformer.parameters())

    @abstractmethod
    def latent_shape(self, spec: VideoSpec) -> tuple[int, int, int, int]:
        """(C, F', H', W') of a video.

        Raises:
            InvalidRequest: its size or number of frames does not divide into latents and patches.
        """
        ...

    def noise(self, plan: Plan, generator: torch.Generator) -> torch.Tensor:
        """(C, F', H', W') float32, in one draw. Raises as `latent_shape`."""
        return torch.randn(self.latent_shape(plan.spec), generator=generator, dtype=torch.float32)

    def begin(self, plan: Plan, picture: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        """The noise, whatever it is shown. Raises as `latent_shape`."""
        return self.noise(plan, generator)

    def begun_shape(self, plan: Plan) -> tuple[int, int, int, int]:
        """The video's own. Raises as `latent_shape`."""
        return self.latent_shape(plan.spec)

    def inputs(self, rows: Sequence[Row], dtype: torch.dtype) -> torch.Tensor:
        """(B, C, F', H', W'): the rows' latents, with what the transformer is shown of their pictures."""
        states = [row.state for row in rows]
        if self.image is None:
            return torch.stack([state.latent for state in states]).to(dtype)
        shown = [self.image.model_input(state.latent, state.conditioning.picture) for state in states]
        return torch.stack(shown).to(dtype)


def compressed(spec: VideoSpec, temporal: int, spatial: int, grain: int) -> tuple[int, int, int]:
    """(F', H', W') of a video under an autoencoder that takes `temporal` frames and `spatial` pixels together.

    Raises:
        InvalidRequest: frames or sides do not divide; sides must be multiples of `grain`.
    """
    if (spec.frames - 1) % temporal:
        raise InvalidRequest(f"The number of frames has to be a multiple of {temporal}, plus 1.", "frames")
    if spec.height % grain or spec.width % grain:
        raise InvalidRequest(f"Width and height have to be multiples of {grain}.", "size")
    return (spec.frames - 1) // temporal + 1, spec.height // spatial, spec.width // spatial


def stacked(rows: Sequence[Row], name: str, dtype: torch.dtype) -> torch.Tensor:
    """What the rows' texts hold under a name, (B, ...)."""
    return torch.stack([row.text[name] for row in rows]).to(dtype)


def timesteps(rows: Sequence[Row], device: torch.device) -> torch.Tensor:
    """(B,) float32, 0..1000: each row is at its own."""
    return torch.tensor([row.state.timestep for row in rows], dtype=torch.float32, device=device)


def _rest_bytes(weight: torch.Tensor) -> int:
    names = weight.__tensor_flatten__()[0] if hasattr(weight, "__tensor_flatten__") else ()
    parts = [getattr(weight, name) for name in names] or [weight]
    return sum(part.numel() * part.element_size() for part in parts)
