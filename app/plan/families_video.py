"""Families beside Wan as data: what a model of each can make, how it is guided, and which file steps it; no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from app.plan.complexity import CLASSES
from app.plan.tiers import TIERS
from app.types import ModelProfile, TierOfModel


@dataclass(frozen=True, slots=True)
class Row:
    """A family. Of the profile a served model replaces id and revision.

    `loader`: the module in app/engine/families whose `load` reads it. `pipelines`: what its model_index.json may name.
    """

    profile: ModelProfile
    loader: str
    pipelines: tuple[str, ...]


def _always(steps: int) -> tuple[TierOfModel, ...]:
    """So many steps in every tier: for distilled models, which get no better with more."""
    return tuple(TierOfModel(tier, (steps,) * len(CLASSES)) for tier in TIERS)


def _ltx(name: str, steps: int | None = None) -> Row:
    """LTX-Video; a distilled release has `steps` noise levels of its own, and no guidance."""
    profile = ModelProfile(
        id=name,
        family=name,
        revision="",
        sizes=((704, 480), (480, 704), (768, 512), (512, 768), (1216, 704), (704, 1216)),
        frames=tuple(range(9, 258, 8)),
        fps=(8, 30),
        default_frames=121,
        default_fps=24,
        guidance=3.0 if steps is None else 1.0,
        shift=1.0,
        samplers=("euler",),
        guided_by="negative" if steps is None else "nothing",
        most_steps=steps,
        tiers=() if steps is None else _always(steps),
        step_s=1.0,
        overhead_s=5.0,
    )
    return Row(profile, "ltx", ("LTXPipeline", "LTXConditionPipeline"))


def _hunyuan15(name: str, sizes: tuple[tuple[int, int], ...], shift: float) -> Row:
    profile = ModelProfile(
        id=name,
        family=name,
        revision="",
        sizes=sizes,
        frames=tuple(range(5, 122, 4)),
        fps=(8, 30),
        default_frames=121,
        default_fps=24,
        guidance=6.0,
        shift=shift,
        samplers=("euler",),
        step_s=4.0,
        overhead_s=30.0,
    )
    return Row(profile, "hunyuan15", ("HunyuanVideo15Pipeline",))


def _cogvideox(name: str, sizes: tuple[tuple[int, int], ...], most: int, fps: int, shift: float) -> Row:
    """CogVideoX, which is trained for one rate; `shift` is that of its signal to noise ratio."""
    profile = ModelProfile(
        id=name,
        family=name,
        revision="",
        sizes=sizes,
        frames=tuple(range(9, most + 1, 8)),
        fps=(fps, fps),
        default_frames=most,
        default_fps=fps,
        guidance=6.0,
        shift=shift,
        samplers=("ddim",),
        step_s=3.0,
        overhead_s=20.0,
    )
    return Row(profile, "cogvideox", ("CogVideoXPipeline",))


def _z_image(name: str, shift: float, steps: int | None = None) -> Row:
    """Z-Image; guidance counts from 1 here, from 0 in its pipeline. The turbo release has `steps` and no guidance."""
    profile = ModelProfile(
        id=name,
        family=name,
        revision="",
        sizes=((1024, 1024), (1280, 720), (720, 1280), (1152, 864), (864, 1152), (768, 768), (512, 512)),
        frames=(1,),
        fps=(1, 1),
        default_frames=1,
        default_fps=1,
        guidance=5.0 if steps is None else 1.0,
        shift=shift,
        samplers=("euler",),
        guided_by="negative" if steps is None else "nothing",
        tiers=() if steps is None else _always(steps),
        step_s=0.5,
        overhead_s=1.0,
    )
    return Row(profile, "z_image", ("ZImagePipeline",))


_HUNYUAN: Final = Row(
    ModelProfile(
        id="hunyuan-video",
        family="hunyuan-video",
        revision="",
        sizes=((960, 544), (544, 960), (1280, 720), (720, 1280)),
        frames=tuple(range(5, 130, 4)),
        fps=(8, 30),
        default_frames=129,
        default_fps=24,
        guidance=6.0,
        shift=7.0,
        samplers=("euler",),
        guided_by="input",
        step_s=8.0,
        overhead_s=60.0,
    ),
    "hunyuan",
    ("HunyuanVideoPipeline",),
)

ROWS: Final[Mapping[str, Row]] = MappingProxyType(
    {
        row.profile.family: row
        for row in (
            _ltx("ltx-video"),
            _ltx("ltx-video-distilled", 7),
            _ltx("ltx-video-0.9.6-distilled", 8),
            _HUNYUAN,
            _hunyuan15("hunyuan-video-1.5-480p", ((848, 480), (480, 848), (624, 624)), 5.0),
            _hunyuan15("hunyuan-video-1.5-720p", ((1280, 720), (720, 1280), (960, 960)), 9.0),
            _cogvideox("cogvideox-2b", ((720, 480),), 49, 8, 3.0),
            _cogvideox("cogvideox-5b", ((720, 480),), 49, 8, 1.0),
            _cogvideox("cogvideox-1.5-5b", ((1360, 768),), 81, 16, 1.0),
            _z_image("z-image-turbo", 3.0, 8),
            _z_image("z-image", 6.0),
        )
    }
)
"""By family name. Sizes, lengths, guidance and shift are those that the releases publish."""
