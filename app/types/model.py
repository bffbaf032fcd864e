"""What models can make, and what the replicas that run them say of themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from app.types.guidance import GuidanceRule
from app.types.inputs import FIRST, InputRole

STUDENT: Final = "student"
"""The weights of a model's distilled student, as tiers name them."""
OWN: Final = "own"
"""The model's own, as they are told of."""


@dataclass(frozen=True, slots=True)
class StudentOfModel:
    """A second set of a model's weights, distilled to few evaluations without guidance, at noise levels of its own.

    `revision` changes with its weights and its levels; these fall from 1 to the last one above 0.
    """

    revision: str
    levels: tuple[float, ...]

    @property
    def evaluations(self) -> int:
        """That it makes a video in."""
        return len(self.levels)


@dataclass(frozen=True, slots=True)
class TierOfModel:
    """How a model departs from the quality table in one tier; None or empty: as the table or the model has it."""

    tier: str
    steps: tuple[int, ...] = ()  # for each class, the simplest first
    guidance: float | None = None
    sizes: tuple[tuple[int, int], ...] = ()  # of the model's, the tier's default first
    most_frames: int | None = None
    adapter: str = ""  # a LoRA adapter of the model, such as a distilled one of few steps
    weights: str = ""  # STUDENT, or the model's own
    sampler: str = ""
    shift: float | None = None
    levels: tuple[float, ...] = ()  # noise levels of its own, as many as its steps, falling, above 0
    rule: GuidanceRule | None = None

    @property
    def asks(self) -> tuple[object, ...]:
        """What makes its videos others than those of another tier of as many steps."""
        told = (self.guidance, self.sizes, self.most_frames, self.adapter)
        return (*told, self.sampler, self.shift, self.levels, self.rule)


@dataclass(frozen=True, slots=True)
class RequestableLora:
    """A LoRA adapter of a model that requests may name; `description`: what it is for, in the operator's words."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Refined:
    """A model's videos are made small first, the sides `shrink` times shorter, then enlarged as latents and refined.

    `steps`: of that last walk, at full size; `adapter`: the LoRA of the model that acts in it, "" for none.
    """

    steps: int
    shrink: int = 2
    adapter: str = ""


@dataclass(frozen=True, slots=True)
class Segments:
    """A model's long videos are made in segments of so many frames, each but the first one from the `overlap` last
    frames of what is there; both are 1 plus a multiple of the frames that make a latent one."""

    frames: int
    overlap: int
    temporal: int = 4  # frames that make a latent one

    def latents(self, frames: int) -> int:
        """The latent frames of so many."""
        return (frames - 1) // self.temporal + 1


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What a model can make and how long it takes; all the planner and the API need to know of a model."""

    id: str
    family: str
    revision: str
    sizes: tuple[tuple[int, int], ...]  # (width, height), the default first
    frames: tuple[int, ...]  # legal frame counts, ascending
    fps: tuple[int, int]  # slowest and fastest
    default_frames: int
    default_fps: int
    guidance: float
    shift: float
    samplers: tuple[str, ...] = ("euler", "unipc")  # the default first
    guided_by: str = "negative"  # negative: an unconditional pass; input: the scale is an input; nothing: distilled
    most_steps: int | None = None  # a distilled model has no more noise levels
    tiers: tuple[TierOfModel, ...] = ()
    pool: str = "main"
    step_s: float = 0.1  # seconds a guided step takes at the default shape, until a replica has measured it
    overhead_s: float = 0.5  # encode + decode + finish
    guidance_2: float | None = None  # of a second expert, for the low noise; None: the same
    takes_image: bool = False  # a video may begin with a picture
    needs_image: bool = False  # it has to
    adapters: tuple[str, ...] = ()  # LoRA adapters that its tiers may name
    loras: tuple[RequestableLora, ...] = ()  # those of them that requests may name
    lora_uploads: bool = False  # requests may name adapters that their tenant has uploaded
    shift_fixed: bool = False  # the shift follows from its weights or from the size, and no request changes it
    step_caches: bool = False  # requests may name one
    student: StudentOfModel | None = None  # which tiers that name it are made by
    upscaler: str = ""  # digest of its own network that makes pictures 2 and 4 times as large; empty: it has none
    upscale: int = 1  # its pictures are enlarged so, where a request asks for neither a size nor an enlargement
    drawn_by: str = ""  # digest of what draws its pictures, where that is no part of the revision; empty: it is
    hears_fps: bool = False  # the rate is an input of it: what it makes moves as fast at any
    makes_sound: bool = False  # its videos have sound, which it makes with the picture
    refined: Refined | None = None  # None: its videos are made in one walk
    segments: Segments | None = None  # None: whatever their length
    own_guidance: bool = False  # by more passes than an unconditional one, which are not put together in other ways

    inputs: tuple[InputRole, ...] = ()  # further roles of pictures and videos, or more exactly that of the first one

    @property
    def roles(self) -> tuple[InputRole, ...]:
        """All roles in which it takes pictures and videos."""
        if not self.takes_image or any(each.role == FIRST for each in self.inputs):
            return self.inputs
        return (InputRole(FIRST, needed=self.needs_image), *self.inputs)

    @property
    def pictures_only(self) -> bool:
        """Whether all it makes has one frame."""
        return self.frames[-1] == 1

    @property
    def max_seconds(self) -> float:
        """Longest playing time: all frames at the slowest rate."""
        return self.frames[-1] / self.fps[0]


@dataclass(frozen=True, slots=True)
class ReplicaInfo:
    """What a Diffuser replica says of itself, in Redis, every few seconds."""

    replica: str
    pool: str
    model: str
    slots: int
    running: int
    step_s: float
    seen_at: float
    device: str = "cpu"
    memory_bytes: int = 0
    step_times: dict[str, float] = field(default_factory=dict)  # "FxHxW" -> seconds of a guided step alone
    overhead_s: float = 0.0  # a job's time beside its steps: encode, decode, finish, hand-overs; 0 until measured
    device_overhead_s: float = 0.0  # what of that is the device's
    overheads: dict[str, float] = field(default_factory=dict)  # both by "FxHxW", of the shapes that have ended
    device_overheads: dict[str, float] = field(default_factory=dict)
    watts: float | None = None  # of the device at work; None where it cannot be read
    host_memory: float = 0.0  # share in use, of the machine or the container
    device_memory: float | None = None  # the same of the device; None where that is the host
    pressure: str = "ok"  # ok, warning: nobody joins, critical: the least urgent make room
    gpu_use: float | None = (
        None  # share of its GPU's last second, and the GPU's memory with all processes; as NVML says
    )
    gpu_memory_bytes: int | None = None
    gpu_memory_total_bytes: int | None = None
    leaving: bool = False  # it takes no more jobs and hands back those it has
    jobs: tuple[str, ...] = ()  # ids of those it has, whether they step, wait in it or are paused
    reads: int = 5  # the newest form of a job's record that it reads; one that does not say is as old as 0.3.0
    takes: tuple[str, ...] | None = None  # what plans may ask of it, as `app.plan.abilities`; None: it does not say
