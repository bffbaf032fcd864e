"""The model families that can be served, a row each: what one makes, how it is sampled, and which file loads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from app.types import TierOfModel

_480P: Final = ((832, 480), (480, 832), (624, 624))
_720P: Final = ((1280, 720), (720, 1280), (960, 960), (832, 480), (480, 832), (624, 624))
_TI2V: Final = ((1280, 704), (704, 1280))


@dataclass(frozen=True, slots=True)
class Family:
    """Models that differ in their weights alone.

    `loader` names the file under `app/engine/families` that reads and steps them. `frame_step`: frames are 1 plus a
    multiple of it, from `frames[0]` to `frames[1]`, the default is `frames[2]`. `fps` is slowest, fastest, default.
    """

    name: str
    loader: str
    sizes: tuple[tuple[int, int], ...]  # (width, height), the default first
    frames: tuple[int, int, int]
    fps: tuple[int, int, int]
    guidance: float
    shift: float
    frame_step: int = 4
    guidance_2: float | None = None  # of the expert for the low noise
    samplers: tuple[str, ...] = ("unipc", "euler")  # the default first
    tiers: tuple[TierOfModel, ...] = ()  # where it departs from the quality table, 18/25/35/45 steps by `auto`
    takes_image: bool = False
    needs_image: bool = False
    step_s: float = 1.0  # seconds of a guided step, until a replica has measured it
    overhead_s: float = 10.0
    pipelines: tuple[str, ...] = ()  # what a folder of it says it is; empty: anything

    @property
    def legal_frames(self) -> tuple[int, ...]:
        """Every frame count that it makes, ascending."""
        return tuple(range(self.frames[0], self.frames[1] + 1, self.frame_step))


# Guidance and shift are those of the published pipelines; Wan advises a shift of 3 at 480p and 5 at 720p.
_WAN: Final = ("WanPipeline", "WanImageToVideoPipeline")
ROWS: Final = (
    Family("wan2.1-t2v-1.3b", "wan", _480P, (17, 81, 81), (8, 24, 16), 5.0, 3.0, pipelines=_WAN),
    Family("wan2.1-t2v-14b", "wan", _720P, (17, 81, 81), (8, 24, 16), 5.0, 5.0, pipelines=_WAN),
    Family("wan2.2-t2v-a14b", "wan", _720P, (17, 81, 81), (8, 24, 16), 4.0, 3.0, guidance_2=3.0, pipelines=_WAN),
    Family("wan2.2-ti2v-5b", "wan", _TI2V, (17, 121, 121), (12, 30, 24), 5.0, 5.0, takes_image=True, pipelines=_WAN),
    Family(
        "wan2.1-i2v-14b-480p", "wan", _480P, (17, 81, 81), (8, 24, 16), 5.0, 3.0, takes_image=True, needs_image=True
    ),
    Family(
        "wan2.1-i2v-14b-720p", "wan", _720P, (17, 81, 81), (8, 24, 16), 5.0, 5.0, takes_image=True, needs_image=True
    ),
    Family(
        "wan2.2-i2v-a14b",
        "wan",
        _720P,
        (17, 81, 81),
        (8, 24, 16),
        3.5,
        5.0,
        guidance_2=3.5,
        takes_image=True,
        needs_image=True,
        pipelines=_WAN,
    ),
)
FAMILIES: Final[Mapping[str, Family]] = MappingProxyType({row.name: row for row in ROWS})
