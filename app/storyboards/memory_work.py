"""Narrations and films in this process, without a voice or a codec: tests, tools and simulations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from app.artifacts.store import ArtifactStore
from app.errors import InvalidRequest, LeaseLost
from app.jobs.storyboards.store import StoryboardStore
from app.storyboards.pace import estimated_s
from app.storyboards.ports import FilmMade, Heard, Voices
from app.storyboards.script import NamedScript, cues_of, film_key, places_of
from app.storyboards.timeline import film_frames
from app.types.storyboard import Narration, Narrator, StoryPhase, VoiceName


class MemoryFilmWork:
    """The FilmWork port. A narration's file is its text, a film's names what it is made of: equal films, equal bytes.

    `spoken` and `assembled` are what was really done, in order.
    """

    def __init__(self, storyboards: StoryboardStore, artifacts: ArtifactStore) -> None:
        self.spoken: list[str] = []
        self.assembled: list[tuple[str, int]] = []
        self._storyboards = storyboards
        self._artifacts = artifacts
        self._narrations: dict[tuple[str, str, Narrator], Narration] = {}

    async def voices(self) -> Voices:
        return Voices(True, (VoiceName("text", None, "Its file is its text"),))

    async def hear(self, tenant: str, texts: Sequence[str], narrator: Narrator) -> Sequence[Heard]:
        return [await self._heard(tenant, text, narrator) for text in texts]

    async def _heard(self, tenant: str, text: str, narrator: Narrator) -> Heard:
        if not estimated_s(text):
            return Heard(refusal=InvalidRequest("There is nothing in it that can be spoken.", "narration"))
        known = self._narrations.get((tenant, text, narrator))
        return Heard(known if known is not None and await self._artifacts.exists(known.artifact) else None)

    async def speak(self, tenant: str, text: str, narrator: Narrator) -> Narration:
        heard = await self._heard(tenant, text, narrator)
        if heard.refusal is not None:
            raise heard.refusal
        if heard.narration is not None:
            return heard.narration
        digest = hashlib.sha256(f"{len(tenant)}:{tenant}:{text}:{narrator}".encode()).hexdigest()
        artifact = await self._artifacts.put(f"speech_{digest}/1/speech.flac", text.encode(), "audio/flac")
        made = Narration(artifact, estimated_s(text, narrator.speed))
        self.spoken.append(text)
        self._narrations[tenant, text, narrator] = made
        return made

    async def caption(self, prompt: str, narration: str | None, language: str) -> str:
        return f"{narration or prompt} ({language})"

    async def assemble(self, story_id: str, fence: int) -> FilmMade:
        story = await self._storyboards.get(story_id)
        if story.fence != fence or story.phase is not StoryPhase.ASSEMBLING:
            raise LeaseLost(f"{story_id} is not to be assembled under fence {fence}.")
        places = places_of(story)
        script = NamedScript(story, places, cues_of(story, places))
        for artifact in script.needs:
            _ = [chunk async for chunk in self._artifacts.read(artifact)]
        content = film_key(story, places, script.cues).encode()
        names = {"video": "film.mp4", "thumbnail": "thumbnail.webp", "spritesheet": "spritesheet.jpg"}
        files = {
            variant: await self._artifacts.put(f"{story_id}/{fence}/{name}", content, "video/mp4")
            for variant, name in names.items()
        }
        self.assembled.append((story_id, fence))
        return FilmMade(files, film_frames(places), story.fps, story.width, story.height, 0.0)
