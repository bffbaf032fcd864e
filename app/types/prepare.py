"""What is to be done to a picture before a video begins with it, and what was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PERSON: Final = "person"
FOREGROUND: Final = "foreground"
KEEP: Final = "keep"
REMOVE: Final = "remove"
BLUR: Final = "blur"
SUBJECT: Final = "subject"
COVER: Final = "cover"
CONTAIN: Final = "contain"


@dataclass(frozen=True, slots=True)
class Prepare:
    """The wish. `background` is KEEP, REMOVE (what is there becomes white), BLUR, or a colour, `#rrggbb`."""

    subject: str | None = None  # PERSON or FOREGROUND; None: the foreground, where what follows needs one
    background: str = KEEP
    crop: str = COVER  # SUBJECT, COVER (what is beside the video's shape goes) or CONTAIN (all of it stays)

    @property
    def sought(self) -> str | None:
        """The subject that has to be found; None: none has."""
        needed = self.subject is not None or self.background != KEEP or self.crop == SUBJECT
        return (self.subject or FOREGROUND) if needed else None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was done, and what was seen. `box` is x, y, width and height in pixels of the picture as it came upright."""

    wish: Prepare
    model: str  # what looked for the subject; empty: nothing did
    width: int  # of the picture that was looked at
    height: int
    box: tuple[int, int, int, int] | None = None
    coverage: float | None = None  # how much of the picture the subject covers, 0 to 1
    cached: bool = False  # it was found before
