"""The words that records are made of: statuses, phases, classes of priority, what caches may do."""

from __future__ import annotations

from enum import Enum


class Word(str, Enum):
    """An enumeration whose members print as their value (StrEnum is not in Python 3.10)."""

    __str__ = str.__str__
    __hash__ = str.__hash__  # equal to the plain word, and so hashed as that; the base class hashes in Python
    __format__ = str.__format__  # type: ignore[assignment]


class Status(Word):
    """The four statuses OpenAI clients know."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


class Phase(Word):
    """Finer state of a job; legal moves between phases are a table in `app.jobs.states`."""

    QUEUED = "queued"
    ENCODING = "encoding"
    DENOISING = "denoising"
    DECODING = "decoding"
    POSTPROCESSING = "postprocessing"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self is _COMPLETED or self is _FAILED

    @property
    def status(self) -> Status:
        if self in (Phase.QUEUED, Phase.COMPLETED, Phase.FAILED):
            return Status(self.value)
        return Status.IN_PROGRESS


_COMPLETED, _FAILED = Phase.COMPLETED, Phase.FAILED  # asked for at each look at a record


class CacheMode(Word):
    """What a request allows the caches to do."""

    USE = "use"  # read and write
    READ = "read"  # read, do not write
    WRITE = "write"  # make it anew and keep it ("refresh")
    BYPASS = "bypass"  # make this video anew and do not keep it; what it is made of may come from caches
    OFF = "off"

    @property
    def reads(self) -> bool:
        """Whether a stored video may answer."""
        return self in (CacheMode.USE, CacheMode.READ)

    @property
    def writes(self) -> bool:
        """Whether the video is kept for others."""
        return self in (CacheMode.USE, CacheMode.WRITE)

    @property
    def reads_parts(self) -> bool:
        """Whether what the video is made of, such as embeddings, may come from caches."""
        return self.reads or self is CacheMode.BYPASS

    @property
    def writes_parts(self) -> bool:
        return self.writes or self is CacheMode.BYPASS


NORMAL = "normal"
PRIORITIES = ("low", NORMAL, "high")
"""Priority classes, the least urgent first."""


STEP_CACHES = ("first_block", "mag", "taylorseer")
"""diffusers' caches that save steps' work by what they see on the way, for jobs that step alone."""


ON, OFF, FLOW, MODEL = "on", "off", "flow", "model"
INTERPOLATIONS = (OFF, FLOW, MODEL)
"""How frames between those of a model come about: not at all, along optical flow, by the operator's own model."""


UPSCALES = (1, 2, 4)
"""Times the sides that a picture may be enlarged."""


WEBHOOK_EVENTS = ("video.completed", "video.failed")
"""What a webhook can be told of a video, by OpenAI's names."""
STORY_EVENTS = ("storyboard.completed", "storyboard.failed")
"""What a webhook can be told of a storyboard."""


OPERATE = "operate"
"""The scope of those who run the service; the others are in `app.access.scopes`."""
