"""The model families that can be served, registered by a row each: what one makes, its sampling, and who loads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from app.plan.few_step import KANDINSKY_5, LTX, LTX_096, LTX_2
from app.plan.prompt.complexity import CLASSES
from app.plan.tiers import TIERS
from app.types import CONTROL, FIRST, IMAGE, LAST, MASK, REFERENCE, VIDEO, InputRole, Refined, Segments, TierOfModel

_480P: Final = ((832, 480), (480, 832), (624, 624))
_720P: Final = ((1280, 720), (720, 1280), (960, 960), (832, 480), (480, 832), (624, 624))
_540P: Final = ((960, 544), (544, 960))
_TI2V: Final = ((1280, 704), (704, 1280))

# MiniMax-H3 sees each picture twice, as a latent frame, which is 3.4 frames long, and as words, with as many tokens for
# its pixels: a keyframe at the video's size, a reference at a short edge of 2048 pixels, here as if it were square.
_H3_KEYFRAME: Final = 7
_H3_REFERENCE: Final = 2 * 2048 * 2048 * 17 // 5


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """Models that differ in their weights alone.

    `loader` names the module under `app/engine/families` whose `READER` reads them. `frame_step`: frames are a multiple
    of it apart, from `frames[0]` to `frames[1]`, the default is `frames[2]`. `fps` is slowest, fastest, default.
    `guided_by` and `most_steps` are as in ModelProfile; `shift_trained`: the shift is a fact of the weights;
    `shift_by_size`: it follows from the number of tokens.
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
    samplers: tuple[str, ...] = ("unipc", "euler", "lcm")  # the default first
    tiers: tuple[TierOfModel, ...] = ()  # where it departs from the quality table, 18/25/35/45 steps by `auto`
    takes_image: bool = False
    needs_image: bool = False
    step_s: float = 1.0  # seconds of a guided step, until a replica has measured it
    overhead_s: float = 10.0
    pipelines: tuple[str, ...] = ()  # what a folder of it says it is; empty: anything
    guided_by: str = "negative"
    most_steps: int | None = None
    shift_trained: bool = False
    shift_by_size: bool = False
    exact_vae: bool = True  # the autoencoder is kept in float32 whatever the precision
    takes_loras: bool = True
    one_frame: bool = False  # trained on pictures too, it makes a single frame as well
    step_caches: bool = False  # its denoiser has one transformer, which hears text alone
    hears_fps: bool = False  # the rate is an input of its transformer
    inputs: tuple[InputRole, ...] = ()  # as in ModelProfile
    inputs_of: str = ""  # the pipeline whose weights take them; empty: all of the family
    makes_sound: bool = False  # with the picture, which it hears and which hears it
    refined: Refined | None = None  # as in ModelProfile
    segments: Segments | None = None
    sees_with_text: bool = False  # its text encoder looks at the picture, so that replicas do not share one
    own_guidance: bool = False  # as in ModelProfile

    @property
    def legal_frames(self) -> tuple[int, ...]:
        """Every frame count that it makes, ascending."""
        single = (1,) if self.one_frame and self.frames[0] > 1 else ()
        return (*single, *range(self.frames[0], self.frames[1] + 1, self.frame_step))


def _always(steps: int) -> tuple[TierOfModel, ...]:
    """So many steps in every tier: for distilled models, which get no better with more."""
    return tuple(TierOfModel(tier, (steps,) * len(CLASSES)) for tier in TIERS)


def _vace(name: str, sizes: tuple[tuple[int, int], ...], shift: float) -> FamilyRow:
    """Wan VACE. Its authors show up to three references."""
    return FamilyRow(
        name,
        "wan.vace",
        sizes,
        (17, 81, 81),
        (8, 24, 16),
        guidance=5.0,
        shift=shift,
        step_s=1.4,
        pipelines=("WanVACEPipeline",),
        inputs=(
            InputRole(REFERENCE, most=3, adds_frames=4),  # a latent frame in front of the video's
            InputRole(CONTROL, (VIDEO,), graded=True),
            InputRole(MASK, (IMAGE, VIDEO), beside=CONTROL),
        ),
    )


def _skyreels(name: str, sizes: tuple[tuple[int, int], ...], frames: int) -> FamilyRow:
    """SkyReels V2 by diffusion forcing, for films of up to a minute, in segments of so many frames."""
    return FamilyRow(
        name,
        "wan.diffusion_forcing",
        sizes,
        (17, 1441, frames),
        (24, 24, 24),
        guidance=6.0,
        shift=8.0,
        samplers=("unipc_forcing", "unipc"),
        step_s=2.0,
        overhead_s=20.0,
        pipelines=("SkyReelsV2DiffusionForcingPipeline",),
        segments=Segments(frames, 17),
        takes_image=True,
    )


def _ltx(name: str, steps: int | None = None) -> FamilyRow:
    """LTX-Video; a distilled release has `steps` noise levels of its own, and no guidance."""
    return FamilyRow(
        name,
        "ltx",
        ((704, 480), (480, 704), (768, 512), (512, 768), (1216, 704), (704, 1216)),
        (9, 257, 121),
        (8, 30, 24),
        guidance=3.0 if steps is None else 1.0,
        shift=1.0,
        frame_step=8,
        samplers=("euler",),
        tiers=() if steps is None else _always(steps),
        overhead_s=5.0,
        pipelines=("LTXPipeline", "LTXConditionPipeline"),
        shift_by_size=True,
        guided_by="negative" if steps is None else "nothing",
        most_steps=steps,
        exact_vae=False,
        hears_fps=True,
        takes_image=True,
        inputs=(
            InputRole(FIRST, graded=True),
            InputRole(LAST, graded=True, adds_frames=8),  # a latent frame in front of the video's
            InputRole(REFERENCE, most=8, framed=True, frame_step=8, graded=True, adds_frames=8),
        ),
        inputs_of="LTXConditionPipeline",
    )


def _ltx2(name: str, guidance: float, steps: int | None = None, refined: Refined | None = None) -> FamilyRow:
    """LTX-2; a distilled release has `steps` noise levels of its own, those of its second stage among them, and no
    guidance."""
    small = ((768, 512), (512, 768), (1280, 704), (704, 1280), (1536, 1024), (1024, 1536))
    large = ((1536, 1024), (1024, 1536), (1920, 1088), (1088, 1920), (1280, 704), (704, 1280))
    return FamilyRow(
        name,
        "ltx2.load",
        small if refined is None else large,
        (9, 257, 121),
        (8, 60, 24),
        guidance=guidance,
        shift=1.0,
        frame_step=8,
        samplers=("euler",),
        tiers=() if steps is None else _always(steps),
        takes_image=True,
        step_s=3.0,
        overhead_s=15.0,
        pipelines=("LTX2Pipeline", "LTX2ImageToVideoPipeline"),
        shift_by_size=True,
        guided_by="negative" if steps is None else "nothing",
        most_steps=steps,
        exact_vae=False,
        hears_fps=True,
        makes_sound=True,
        own_guidance=True,
        refined=refined,
    )


def _minimax_h3(name: str, inputs: tuple[InputRole, ...]) -> FamilyRow:
    """A half of MiniMax-H3: of text and keyframes, or of pictures that it refers to, which the other does not see."""
    keyframes = any(each.role == FIRST for each in inputs)
    return FamilyRow(
        name,
        "minimax_h3.load" if keyframes else "minimax_h3.references",
        ((1344, 768), (768, 1344), (1024, 768), (768, 1024), (768, 768)),
        (124, 345, 124),
        (24, 24, 24),
        guidance=1.0,
        shift=12.0,
        frame_step=17,
        samplers=("euler",),
        step_s=20.0,
        overhead_s=60.0,
        pipelines=("MiniMaxH3ModularPipeline",),
        shift_trained=True,
        guided_by="nothing",
        exact_vae=False,
        makes_sound=True,
        takes_image=keyframes,
        inputs=inputs,
        sees_with_text=True,
    )


def _hunyuan_picture(name: str, frames: int, guided: bool) -> FamilyRow:
    """HunyuanVideo 1.0 of a picture, which takes the first frame's place, or stands beside the noise, unguided."""
    return FamilyRow(
        name,
        "hunyuan_picture",
        ((960, 544), (544, 960), (1280, 720), (720, 1280)),
        (5, frames, frames),
        (8, 30, 24),
        guidance=6.0 if guided else 1.0,
        shift=7.0,
        samplers=("euler",),
        step_s=8.0,
        overhead_s=60.0,
        pipelines=("HunyuanVideoImageToVideoPipeline",),
        takes_image=True,
        needs_image=True,
        guided_by="input" if guided else "nothing",
        exact_vae=False,
        sees_with_text=True,
    )


def _hunyuan15(name: str, sizes: tuple[tuple[int, int], ...], shift: float, seen: bool = False) -> FamilyRow:
    """HunyuanVideo 1.5; `seen`: weights that begin with a picture."""
    return FamilyRow(
        name,
        "hunyuan15",
        sizes,
        (5, 121, 121),
        (8, 30, 24),
        guidance=6.0,
        shift=shift,
        samplers=("euler",),
        step_s=4.0,
        overhead_s=30.0,
        pipelines=("HunyuanVideo15ImageToVideoPipeline" if seen else "HunyuanVideo15Pipeline",),
        takes_image=seen,
        needs_image=seen,
        exact_vae=False,
        takes_loras=False,
    )


def _cogvideox(name: str, size: tuple[int, int], most: int, fps: int, shift: float, seen: bool = False) -> FamilyRow:
    """CogVideoX, which is trained for one rate and one `shift`, that of its signal to noise ratio."""
    return FamilyRow(
        name,
        "cogvideox",
        (size,),
        (9, most, most),
        (fps, fps, fps),
        guidance=6.0,
        shift=shift,
        frame_step=8,
        samplers=("ddim",),
        step_s=3.0,
        overhead_s=20.0,
        pipelines=("CogVideoXImageToVideoPipeline" if seen else "CogVideoXPipeline",),
        takes_image=seen,
        needs_image=seen,
        shift_trained=True,
        exact_vae=False,
    )


def _kandinsky5(
    name: str,
    shift: float = 10.0,
    steps: int | None = None,
    guided: bool = True,
    seen: bool = False,
    large: bool = False,
) -> FamilyRow:
    """Kandinsky 5, of five seconds; `seen`: weights that begin with a picture; `large`: they make larger videos too."""
    sizes = ((768, 512), (512, 768), (512, 512))
    return FamilyRow(
        name,
        "kandinsky5",
        (*sizes, (1024, 768), (768, 1024)) if large else sizes,
        (25, 121, 121),
        (24, 24, 24),
        guidance=5.0 if guided else 1.0,
        shift=shift,
        samplers=("euler",),
        tiers=() if steps is None else _always(steps),
        takes_image=seen,
        needs_image=seen,
        step_s=8.0 if large else 2.0,
        overhead_s=40.0 if large else 20.0,
        pipelines=("Kandinsky5I2VPipeline" if seen else "Kandinsky5T2VPipeline",),
        guided_by="negative" if guided else "nothing",
        most_steps=steps,
        exact_vae=False,
    )


def _z_image(name: str, shift: float, steps: int | None = None) -> FamilyRow:
    """Z-Image; guidance counts from 1 here, from 0 in its pipeline. The turbo release has `steps` and no guidance."""
    return FamilyRow(
        name,
        "z_image",
        ((1024, 1024), (1280, 720), (720, 1280), (1152, 864), (864, 1152), (768, 768), (512, 512)),
        (1, 1, 1),
        (1, 1, 1),
        guidance=5.0 if steps is None else 1.0,
        shift=shift,
        samplers=("euler",),
        tiers=() if steps is None else _always(steps),
        step_s=0.5,
        overhead_s=1.0,
        pipelines=("ZImagePipeline",),
        guided_by="negative" if steps is None else "nothing",
        exact_vae=False,
    )


# Sizes, lengths, guidance and shift are those of the published pipelines.
# Wan advises a shift of 3 at 480p and 5 at 720p.
_WAN: Final = ("WanPipeline", "WanImageToVideoPipeline")
ROWS: Final = (
    FamilyRow(
        "wan2.1-t2v-1.3b",
        "wan.load",
        _480P,
        (17, 81, 81),
        (8, 24, 16),
        5.0,
        3.0,
        pipelines=_WAN,
        step_caches=True,
        one_frame=True,
    ),
    FamilyRow(
        "wan2.1-t2v-14b",
        "wan.load",
        _720P,
        (17, 81, 81),
        (8, 24, 16),
        5.0,
        5.0,
        pipelines=_WAN,
        step_caches=True,
        one_frame=True,
    ),
    FamilyRow(
        "wan2.2-t2v-a14b",
        "wan.load",
        _720P,
        (17, 81, 81),
        (8, 24, 16),
        4.0,
        3.0,
        guidance_2=3.0,
        pipelines=_WAN,
        one_frame=True,
    ),
    FamilyRow(
        "wan2.2-ti2v-5b", "wan.load", _TI2V, (17, 121, 121), (12, 30, 24), 5.0, 5.0, takes_image=True, pipelines=_WAN
    ),
    FamilyRow(
        "wan2.1-i2v-14b-480p",
        "wan.load",
        _480P,
        (17, 81, 81),
        (8, 24, 16),
        5.0,
        3.0,
        takes_image=True,
        needs_image=True,
    ),
    FamilyRow(
        "wan2.1-i2v-14b-720p",
        "wan.load",
        _720P,
        (17, 81, 81),
        (8, 24, 16),
        5.0,
        5.0,
        takes_image=True,
        needs_image=True,
    ),
    FamilyRow(
        "wan2.2-i2v-a14b",
        "wan.load",
        _720P,
        (17, 81, 81),
        (8, 24, 16),
        3.5,
        5.0,
        guidance_2=3.5,
        takes_image=True,
        needs_image=True,
        pipelines=_WAN,
        inputs=(InputRole(FIRST, needed=True), InputRole(LAST, beside=FIRST)),
    ),
    FamilyRow(
        "wan2.1-flf2v-14b-720p",
        "wan.load",
        _720P,
        (17, 81, 81),
        (8, 24, 16),
        5.5,
        16.0,
        takes_image=True,
        needs_image=True,
        pipelines=("WanImageToVideoPipeline",),
        inputs=(InputRole(FIRST, needed=True), InputRole(LAST, needed=True, beside=FIRST)),
    ),
    _vace("wan2.1-vace-1.3b", _480P, 3.0),
    _vace("wan2.1-vace-14b", _720P, 5.0),
    _skyreels("skyreels-v2-df-1.3b-540p", _540P, 97),
    _skyreels("skyreels-v2-df-14b-540p", _540P, 97),
    _skyreels("skyreels-v2-df-14b-720p", ((1280, 720), (720, 1280)), 121),
    _ltx("ltx-video"),
    _ltx("ltx-video-distilled", len(LTX)),
    _ltx("ltx-video-0.9.6-distilled", len(LTX_096)),
    _ltx2("ltx-2", 4.0),
    _ltx2("ltx-2-distilled", 1.0, len(LTX_2)),
    _ltx2("ltx-2.3", 3.0),
    _ltx2("ltx-2.3-distilled", 1.0, len(LTX_2)),
    _ltx2("ltx-2-two-stages", 4.0, refined=Refined(3, adapter="stage_2")),
    _ltx2("ltx-2.3-two-stages", 3.0, refined=Refined(3, adapter="stage_2")),
    _ltx2("ltx-2-distilled-two-stages", 1.0, 11, Refined(3)),
    _ltx2("ltx-2.3-distilled-two-stages", 1.0, 11, Refined(3)),
    _minimax_h3("minimax-h3", tuple(InputRole(role, adds_frames=_H3_KEYFRAME) for role in (FIRST, LAST))),
    _minimax_h3("minimax-h3-references", (InputRole(REFERENCE, most=9, needed=True, adds_pixels=_H3_REFERENCE),)),
    _hunyuan_picture("hunyuan-video-i2v", 129, guided=True),
    _hunyuan_picture("hunyuan-video-i2v-33ch", 125, guided=False),
    FamilyRow(
        "hunyuan-video",
        "hunyuan",
        ((960, 544), (544, 960), (1280, 720), (720, 1280)),
        (5, 129, 129),
        (8, 30, 24),
        guidance=6.0,
        shift=7.0,
        samplers=("euler",),
        step_s=8.0,
        overhead_s=60.0,
        pipelines=("HunyuanVideoPipeline",),
        guided_by="input",
        exact_vae=False,
        one_frame=True,
    ),
    _hunyuan15("hunyuan-video-1.5-480p", ((848, 480), (480, 848), (624, 624)), 5.0),
    _hunyuan15("hunyuan-video-1.5-720p", ((1280, 720), (720, 1280), (960, 960)), 9.0),
    _hunyuan15("hunyuan-video-1.5-i2v-480p", ((848, 480), (480, 848), (624, 624)), 5.0, seen=True),
    _hunyuan15("hunyuan-video-1.5-i2v-720p", ((1280, 720), (720, 1280), (960, 960)), 7.0, seen=True),
    _cogvideox("cogvideox-2b", (720, 480), 49, 8, 3.0),
    _cogvideox("cogvideox-5b", (720, 480), 49, 8, 1.0),
    _cogvideox("cogvideox-1.5-5b", (1360, 768), 81, 16, 1.0),
    _cogvideox("cogvideox-5b-i2v", (720, 480), 49, 8, 1.0, seen=True),
    _cogvideox("cogvideox-1.5-5b-i2v", (1360, 768), 81, 16, 1.0, seen=True),
    _kandinsky5("kandinsky-5-lite-t2v-5s"),
    _kandinsky5("kandinsky-5-lite-nocfg-t2v-5s", guided=False),
    _kandinsky5("kandinsky-5-lite-distilled-t2v-5s", 5.0, KANDINSKY_5, guided=False),
    _kandinsky5("kandinsky-5-pro-t2v-5s", large=True),
    _kandinsky5("kandinsky-5-pro-i2v-5s", seen=True, large=True),
    _z_image("z-image-turbo", 3.0, 8),
    _z_image("z-image", 6.0),
)
FAMILIES: Final[Mapping[str, FamilyRow]] = MappingProxyType({row.name: row for row in ROWS})
