"""The pictures and videos that a request gives for one video: what a model takes, what is wished, what is planned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from app.types.artifact import Artifact
from app.types.upload import Reference

FIRST: Final = "first"
LAST: Final = "last"
REFERENCE: Final = "reference"
CONTROL: Final = "control"
MASK: Final = "mask"
ROLES: Final = (FIRST, LAST, REFERENCE, CONTROL, MASK)
"""What an input is for: to begin or end with, to show who is in the video, to move like, and where to change that."""

IMAGE: Final = "image"
VIDEO: Final = "video"
AUDIO: Final = "audio"
INPUT_KINDS: Final = (IMAGE, VIDEO, AUDIO)

NOT_LOOKED_AT: Final = Artifact("inputs/pending", "", 0)
"""Stands for an input that nobody has fetched yet."""


@dataclass(frozen=True, slots=True)
class InputRole:
    """A role in which a model takes inputs."""

    role: str  # one of ROLES
    kinds: tuple[str, ...] = (IMAGE,)
    most: int = 1  # of one request
    needed: bool = False  # there is no video without one
    beside: str = ""  # a role that has to be there, too
    framed: bool = False  # each says at which frame it stands
    frame_step: int = 1  # that frame is a multiple of it
    graded: bool = False  # each may say how strongly it holds
    adds_frames: int = 0  # of the video's size: each step has as many more tokens for one that stands elsewhere than 0
    adds_pixels: int = 0  # the same in pixels times frames, where it is seen at a size of its own


@dataclass(frozen=True, slots=True)
class OwnVideo:
    """A completed video of the caller's, by its id."""

    id: str


InputSource: TypeAlias = Reference | OwnVideo | Artifact | None
"""How an input is named: as a picture is, by one's own video, by what is stored already; None: nobody may know now."""


@dataclass(frozen=True, slots=True)
class WishedInput:
    """One that a request gives. `place` is its name in the request, such as `input_references[1]`."""

    role: str
    kind: str  # one of INPUT_KINDS; empty: what an upload or a video of one's own turns out to be
    source: InputSource = None
    place: str = ""
    frame: int | None = None
    strength: float | None = None


@dataclass(frozen=True, slots=True)
class PlannedInput:
    """One that a plan is made with; the key of its artifact holds the SHA-256 of what is stored."""

    role: str
    kind: str
    artifact: Artifact = NOT_LOOKED_AT
    frame: int | None = None  # where it stands, in frames of the clip
    strength: float = 1.0

    @property
    def bits(self) -> list[str | int | float | None]:
        """What of it decides the bits, beside its content."""
        return [self.role, self.kind, self.frame, float(self.strength)]
