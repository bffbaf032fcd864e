"""Narrations and films, in the Finisher: a text becomes a stored sound file, scenes that are made a stored film."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

import anyio
from pydantic import TypeAdapter, ValidationError

from app.artifacts.store import ArtifactStore
from app.captions.writer import CaptionWriter
from app.errors import ArtifactLost, Conflict, InvalidRequest, LeaseLost, NotSupported
from app.jobs.storyboards.store import StoryboardStore
from app.line.rules import rules_of
from app.logs.context import facts, unsaid
from app.models.captions import open_caption_writer
from app.settings import Settings
from app.storyboards.ports import FilmMade, Heard, Voices
from app.storyboards.script import NamedScript, cues_of, places_of
from app.types import Artifact
from app.types.storyboard import Narration, Narrator, Storyboard, StoryPhase
from app.video.film.assemble import assemble
from app.video.film.script import FilmFiles, FilmScript
from app.voice.narrate import Narrated, narrate, narration_key
from app.voice.none import NoVoice
from app.voice.open import open_voice
from app.voice.voice import Voice
from app.worker.tenant_turns import TenantTurns

log = logging.getLogger(__name__)

VOICES_AT_ONCE: Final = 2
FILMS_AT_ONCE: Final = 2
FLAC: Final = "audio/flac"
TYPES: Final = {
    ".mp4": "video/mp4",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".m4a": "audio/mp4",
    ".srt": "application/x-subrip",
    ".vtt": "text/vtt",
}
_NARRATION: Final = TypeAdapter(Narration)
MOST_NOTE_BYTES: Final = 2**22


class FilmStores(Protocol):
    """The stores that narrations and films are read from and written to."""

    @property
    def storyboards(self) -> StoryboardStore: ...
    @property
    def artifacts(self) -> ArtifactStore: ...


class FilmMaker:
    """The FilmWork port. It speaks, fetches and encodes on worker threads, so that its loop stays free."""

    def __init__(
        self,
        stores: FilmStores,
        settings: Settings,
        voice: Voice,
        captions: CaptionWriter,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stores = stores
        self._settings = settings
        self._voice = voice
        self._captions = captions
        self._monotonic = monotonic
        self._voices = TenantTurns(rules_of(settings), VOICES_AT_ONCE, monotonic)
        self._films = TenantTurns(rules_of(settings), FILMS_AT_ONCE, monotonic)

    async def voices(self) -> Voices:
        """Who may narrate; a model's names are read from its files."""
        listed = await asyncio.to_thread(self._voice.listed)
        return Voices(not isinstance(self._voice, NoVoice), tuple(listed))

    async def hear(self, tenant: str, texts: Sequence[str], narrator: Narrator) -> Sequence[Heard]:
        """What is known of each text; nothing is spoken. Raises StoreUnavailable."""
        return await asyncio.gather(*(self._heard(tenant, text, narrator) for text in texts))

    async def speak(self, tenant: str, text: str, narrator: Narrator) -> Narration:
        """The narration, made now or before for the same tenant. Raises what the port says."""
        with unsaid(text):
            key = self._key(tenant, text, narrator)
            if (found := await self._spoken(key)) is not None:
                return found
            async with self._voices.turn(tenant):
                if (found := await self._spoken(key)) is not None:  # by another, while this one waited
                    return found
                work = partial(narrate, self._voice, text, narrator, self._settings.narration_lufs)
                return await self._kept(key, await asyncio.to_thread(work))

    async def caption(self, prompt: str, narration: str | None, language: str) -> str:
        """What is read of a scene."""
        with unsaid(prompt, narration or ""):
            return await self._captions.caption(prompt, narration, language)

    async def assemble(self, story_id: str, fence: int) -> FilmMade:
        """The film of a storyboard whose scenes are made, under that fence. Raises what the port says."""
        began = self._monotonic()
        story = await self._ours(story_id, fence)
        async with self._films.turn(story.tenant):
            with TemporaryDirectory(prefix="kinoray_film_") as folder, unsaid(*_texts(story)):
                script = await self._script(story, Path(folder))
                files = await _on_thread(script, Path(folder))
                await self._ours(story_id, fence)
                artifacts = await self._stored(story_id, fence, files)
        took_s = self._monotonic() - began
        log.info("assembled", extra=facts(storyboard=story_id, frames=files.frames, took_s=round(took_s, 3)))
        return FilmMade(artifacts, files.frames, script.fps, script.width, script.height, took_s)

    # --- narrations ---

    def _key(self, tenant: str, text: str, narrator: Narrator) -> str:
        return narration_key(self._voice, tenant, text, narrator, self._settings.narration_lufs)

    async def _heard(self, tenant: str, text: str, narrator: Narrator) -> Heard:
        try:
            self._voice.check(text, narrator)
        except (InvalidRequest, NotSupported) as error:
            return Heard(refusal=error)
        return Heard(await self._spoken(self._key(tenant, text, narrator)))

    async def _spoken(self, key: str) -> Narration | None:
        """What was spoken before, as the note beside its file says: that is written last."""
        stored, note = await self._stores.artifacts.files(_maker(key)), _note(key)
        size_bytes = stored.get(note, 0)
        if not 0 < size_bytes <= MOST_NOTE_BYTES:
            return None
        try:
            chunks = self._stores.artifacts.read(Artifact(note, "application/json", size_bytes))
            narration = _NARRATION.validate_json(b"".join([chunk async for chunk in chunks]))
        except (ArtifactLost, ValidationError):
            return None
        return narration if stored.get(narration.artifact.key) == narration.artifact.size_bytes else None

    async def _kept(self, key: str, made: Narrated) -> Narration:
        """Stored; where another has stored other sound of the same meanwhile, that one."""
        put = self._stores.artifacts.put
        try:
            artifact = await put(f"{_maker(key)}/1/speech.flac", made.flac, FLAC)
            narration = Narration(artifact, made.seconds, made.words, cached=True, measured=made.measured)
            await put(_note(key), _NARRATION.dump_json(narration), "application/json")
        except Conflict:
            if (found := await self._spoken(key)) is not None:
                return found
            await self._stores.artifacts.clear(_maker(key))  # left by one that died in between
            raise
        return Narration(artifact, made.seconds, made.words, cached=False, measured=made.measured)

    # --- films ---

    async def _ours(self, story_id: str, fence: int) -> Storyboard:
        """The record. Raises LeaseLost where another has taken it up, or it is no longer to be assembled."""
        story = await self._stores.storyboards.get(story_id)
        if story.fence != fence or story.phase is not StoryPhase.ASSEMBLING:
            raise LeaseLost(f"{story_id} is not to be assembled under fence {fence}.")
        return story

    async def _script(self, story: Storyboard, folder: Path) -> FilmScript:
        """The order to the assembler, with all that it names in the folder. Raises ArtifactLost."""
        places = places_of(story)
        names = NamedScript(story, places, cues_of(story, places))
        local: dict[str, Path] = {}
        for artifact in names.needs:
            if artifact.key not in local:
                local[artifact.key] = folder / f"{len(local)}{Path(artifact.key).suffix}"
                await self._fetch(artifact, local[artifact.key])
        settings = self._settings
        return replace(
            names.script(local), clip_level=settings.film_clip_sound, ducked_db=settings.film_clip_ducking_db
        )

    async def _fetch(self, artifact: Artifact, path: Path) -> None:
        async with await anyio.open_file(path, "wb") as file:
            async for chunk in self._stores.artifacts.read(artifact):
                await file.write(chunk)

    async def _stored(self, story_id: str, fence: int, files: FilmFiles) -> dict[str, Artifact]:
        """Raises LeaseLost: files of another film lie there."""
        found = {
            "video": files.video,
            "thumbnail": files.thumbnail,
            "spritesheet": files.spritesheet,
            "audio": files.audio,
            "srt": files.srt,
            "vtt": files.vtt,
        }
        stored: dict[str, Artifact] = {}
        for variant, path in found.items():
            if path is not None:
                key = f"{story_id}/{fence}/{path.name}"
                try:
                    stored[variant] = await self._stores.artifacts.put_file(key, path, TYPES[path.suffix])
                except Conflict as error:
                    raise LeaseLost(f"{key} is stored already.") from error
        return stored


def open_film_maker(stores: FilmStores, settings: Settings) -> FilmMaker:
    """With the voice and the caption writer of the settings; a voice that is not there refuses narrations alone."""
    try:
        voice = open_voice(settings)
    except NotSupported as error:
        log.error("No narration can be spoken: %s", error)
        voice = NoVoice()
    return FilmMaker(stores, settings, voice, open_caption_writer(settings))


async def _on_thread(script: FilmScript, folder: Path) -> FilmFiles:
    """Assemble; where nobody waits for it any more it stops at its next frame, before its folder goes."""
    stop = threading.Event()
    doing = asyncio.ensure_future(asyncio.to_thread(assemble, script, folder, stop.is_set))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.gather(doing, return_exceptions=True)
        raise


def _maker(key: str) -> str:
    """The name that a narration's files lie under, and are held by."""
    return f"speech_{key}"


def _note(key: str) -> str:
    return f"{_maker(key)}/1/narration.json"


def _texts(story: Storyboard) -> list[str]:
    return [text for scene in story.scenes for text in (scene.wish.prompt, scene.wish.narration or "")]
