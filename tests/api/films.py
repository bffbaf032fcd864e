"""A hand that speaks and assembles: narrations and films of a few bytes, in the shipped store of files."""

from __future__ import annotations

from collections.abc import Sequence

from app.artifacts.memory import MemoryArtifacts
from app.errors import GenerationError, InvalidRequest, NotSupported
from app.jobs.storyboards.memory import MemoryStoryboards
from app.storyboards.ports import FilmMade, Heard, Voices
from app.types import Artifact
from app.types.storyboard import Narration, Narrator, VoiceName

FILM = b"a whole film " * 1000
TYPES = {
    "video": "video/mp4",
    "thumbnail": "image/webp",
    "spritesheet": "image/webp",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "audio": "audio/mp4",
}
UNSPEAKABLE = "☃"


class FilmHand:
    """The FilmWork port; what a text holds decides how long it is: 0.1 s a character."""

    def __init__(self, stories: MemoryStoryboards, artifacts: MemoryArtifacts) -> None:
        self._stories, self._artifacts = stories, artifacts
        self._said: dict[tuple[str, str, Narrator], Narration] = {}
        self.spoken: list[str] = []
        self.assembled: list[str] = []
        self.broken = False
        self.dumb = False  # there is no voice
        self.film, self.speech = FILM, b""  # the files; empty: what is said

    async def voices(self) -> Voices:
        if self.dumb:
            return Voices(False)
        return Voices(True, (VoiceName("anna", "de", "Anna"), VoiceName("bob", "en-us", "Bob")))

    async def hear(self, tenant: str, texts: Sequence[str], narrator: Narrator) -> Sequence[Heard]:
        return [self._heard(tenant, text, narrator) for text in texts]

    def _heard(self, tenant: str, text: str, narrator: Narrator) -> Heard:
        if self.dumb:
            return Heard(refusal=NotSupported("This server has no voice.", "narration"))
        if UNSPEAKABLE in text:
            return Heard(refusal=InvalidRequest("There is nothing here that can be spoken.", "narration"))
        if narrator.language not in ("en", "de"):
            return Heard(refusal=InvalidRequest("This voice does not speak it.", "language"))
        return Heard(self._said.get((tenant, text, narrator)))

    async def speak(self, tenant: str, text: str, narrator: Narrator) -> Narration:
        known = self._said.get((tenant, text, narrator))
        if known is not None:
            return known
        self.spoken.append(text)
        name = f"speech_{len(self.spoken):032x}/1/speech.flac"
        artifact = await self._artifacts.put(name, self.speech or text.encode(), "audio/flac")
        self._said[tenant, text, narrator] = Narration(artifact, 0.1 * len(text), cached=True)
        return Narration(artifact, 0.1 * len(text))

    async def caption(self, prompt: str, narration: str | None, language: str) -> str:
        return narration or prompt

    async def assemble(self, story_id: str, fence: int) -> FilmMade:
        if self.broken:
            raise GenerationError("The film cannot be put together.")
        story = await self._stories.get(story_id)
        self.assembled.append(story_id)
        files: dict[str, Artifact] = {}
        for variant, kind in TYPES.items():
            content = self.film if variant == "video" else f"{variant} of a film".encode()
            files[variant] = await self._artifacts.put(f"{story_id}/{fence}/{variant}", content, kind)
        return FilmMade(files, 40, story.fps, story.width, story.height, 0.25)
