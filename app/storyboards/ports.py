"""The work of a film beside its clips, as a port of the Finisher: narration is spoken, scenes are put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.errors import InvalidRequest, NotSupported
from app.types import Artifact
from app.types.storyboard import Narration, Narrator, VoiceName


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a text before it is spoken: that it has been, for this tenant, or that it cannot be."""

    narration: Narration | None = None
    refusal: InvalidRequest | NotSupported | None = None  # its `param`: narration, voice, language or speed


@dataclass(frozen=True, slots=True)
class Voices:
    """Who may narrate; `speaks`: whether narrations can be spoken, also where nobody has a name."""

    speaks: bool
    voices: tuple[VoiceName, ...] = ()


@dataclass(frozen=True, slots=True)
class FilmMade:
    """The files of a film that are stored by now, by variant, and what they show.

    Variants: video, thumbnail, spritesheet, and audio, srt and vtt where there is anything in them.
    """

    artifacts: dict[str, Artifact]
    frames: int
    fps: int
    width: int
    height: int
    took_s: float


class FilmWork(Protocol):
    """Speaks and assembles; the Finisher deployment, or `app.worker.film_work` in this process."""

    async def voices(self) -> Voices:
        """Who may narrate. Raises ServiceUnavailable."""
        ...

    async def hear(self, tenant: str, texts: Sequence[str], narrator: Narrator) -> Sequence[Heard]:
        """What is known of each text; nothing is spoken. Raises ServiceUnavailable."""
        ...

    async def speak(self, tenant: str, text: str, narrator: Narrator) -> Narration:
        """The narration, made now or before for the same tenant.

        Raises:
            InvalidRequest, NotSupported: it cannot be spoken; `param` as in `Heard`.
            GenerationError: the voice failed.
            ServiceUnavailable: nobody answers, or a store does not; the call may be made again.
        """
        ...

    async def caption(self, prompt: str, narration: str | None, language: str) -> str:
        """What is read of a scene, as a language model writes it; as it is said, or asked for, where that cannot.

        Raises ServiceUnavailable.
        """
        ...

    async def assemble(self, story_id: str, fence: int) -> FilmMade:
        """The film of a storyboard whose scenes are all made, as its record stands under that fence.

        Files lie under `<story id>/<fence>/`. Called again under the same fence it gives the same files.

        Raises:
            LeaseLost, StoryboardNotFound: another has taken it up, it was changed, or is gone; no files of this stay.
            ArtifactLost: the file of a clip or narration is gone.
            GenerationError: it cannot be put together.
            ServiceUnavailable: nobody answers, or a store does not; the call may be made again.
        """
        ...
