"""What LTX-2's releases are run with beyond their weights, by the name of a family's row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from app.engine.modalities import AUDIO, VIDEO
from app.plan.few_step import LTX_2

LADDER: Final = LTX_2
"""The distilled releases' own noise levels."""


REFINING: Final = (0.909375, 0.725, 0.421875)
"""Those of the second stage: STAGE_2_DISTILLED_SIGMA_VALUES there."""


@dataclass(frozen=True, slots=True)
class Scales:
    """How far one modality is pushed away from what is worse, and held in bounds again.

    `text`: classifier-free guidance (Ho and Salimans, arXiv 2207.12598), None: the plan's. `perturbed`: from an answer
    without the self-attention of a block, spatio-temporal guidance (Hyung et al., arXiv 2411.18664), 0: none.
    `isolated`: from an answer in which picture and sound do not hear each other, modality guidance (HaCohen et al.,
    LTX-2), 1: none. `rescale`: how much of the deviation of the unguided guess is given back (Lin et al., arXiv
    2305.08891).
    """

    text: float | None = None
    perturbed: float = 0.0
    isolated: float = 1.0
    rescale: float = 0.0


@dataclass(frozen=True, slots=True)
class Release:
    """A release's guidance, by modality, and its ways. The numbers are those of its published pipeline."""

    scales: Mapping[str, Scales]
    perturbed_blocks: tuple[int, ...] = ()
    cross_timestep: bool = True  # each modality hears the other's noise level; 2.0 hears its own
    ladder: tuple[float, ...] = ()  # a distilled release's own levels
    refining: tuple[float, ...] = ()  # levels of a second stage, behind the latent upsampler; empty: there is none
    image_crf: int = 33  # of the H.264 through which a first frame goes, as frames went in training

    @property
    def perturbs(self) -> bool:
        """Whether guidance takes a pass with perturbed blocks."""
        return any(each.perturbed > 0 for each in self.scales.values())

    @property
    def isolates(self) -> bool:
        """Whether guidance takes a pass in which the modalities are apart."""
        return any(each.isolated > 1 for each in self.scales.values())


def both(video: Scales, audio: Scales | None = None) -> Mapping[str, Scales]:
    """By modality; the sound as the video, unless it has its own."""
    return MappingProxyType({VIDEO: video, AUDIO: audio or video})


PLAIN: Final = Release(both(Scales()), cross_timestep=False)
FULL: Final = Release(
    both(Scales(None, 1.0, 3.0, 0.7), Scales(7.0, 1.0, 3.0, 0.7)),
    perturbed_blocks=(28,),
)
RELEASES: Final[Mapping[str, Release]] = MappingProxyType(
    {
        "ltx-2": PLAIN,
        "ltx-2-distilled": Release(both(Scales()), cross_timestep=False, ladder=LADDER),
        "ltx-2.3": FULL,
        "ltx-2.3-distilled": Release(both(Scales()), ladder=LADDER),
        "ltx-2-two-stages": replace(PLAIN, refining=REFINING),
        "ltx-2.3-two-stages": replace(FULL, refining=REFINING),
        "ltx-2-distilled-two-stages": Release(both(Scales()), cross_timestep=False, ladder=LADDER, refining=REFINING),
        "ltx-2.3-distilled-two-stages": Release(both(Scales()), ladder=LADDER, refining=REFINING),
    }
)
