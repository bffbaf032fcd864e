"""A storyboard whose scenes are made goes in; its film comes out, once: one that was made of the same, or a new one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import TypeVar

from app.cache.results import CachedResult, ResultCache
from app.errors import LeaseLost, StoreUnavailable, StoryboardNotFound
from app.service.artifact_refs import mark_cached, readable
from app.service.videos import VideoService
from app.storyboards import changes
from app.storyboards.held import Change, Held, Superseded
from app.storyboards.ports import FilmMade, FilmWork
from app.storyboards.script import cues_of, film_key, places_of
from app.storyboards.timeline import Place, film_frames
from app.types.storyboard import Scene, ScenePhase, Storyboard, StoryPhase

log = logging.getLogger(__name__)
T = TypeVar("T")


class Assembling:
    """The last part of a storyboard's way, in the hands of one process."""

    def __init__(self, held: Held, service: VideoService, work: FilmWork) -> None:
        self._held = held
        self._service = service
        self._ports = service.ports
        self._work = work

    async def run(self) -> None:
        """Complete it; or find that something it needs is gone, and is to be made again first.

        Raises:
            Superseded, Lost: it was changed meanwhile, has ended, or is in other hands; no files of this stay.
            GenerationError, ArtifactLost: the film cannot be put together.
            ServiceUnavailable, StoreUnavailable, StoryboardNotFound.
        """
        if self._service.settings.caption_model is not None:
            await self._written()
        story = self._held.story
        places = places_of(story)
        key = film_key(story, places, cues_of(story, places))
        found = await ResultCache(self._ports.cache).get(key)
        if found is not None and await self._is_there(found, story.id):
            frames, shape = film_frames(places), (story.fps, story.width, story.height)
            await self._complete(FilmMade(found.artifacts, frames, *shape, found.step_seconds), story, places, True)
        elif not await self._made_again(story):
            await self._make(key, story, places)

    async def _is_there(self, found: CachedResult, story_id: str) -> bool:
        """Whether another's film is still stored; held before the look, so that its removal cannot come between."""
        held = found.job_id == story_id or await self._ports.board.hold(found.job_id, story_id)
        return held and await readable(found.artifacts, self._ports.artifacts)

    async def _written(self) -> None:
        """Captions are written of scenes that have none, one after another: there is one model, and it is slow."""
        for number, scene in enumerate(self._held.story.scenes, 1):
            if scene.wish.caption is None and scene.caption is None:
                wish, language = scene.wish, self._held.story.wish.narrator.language
                text = await self._while_ours(self._work.caption(wish.prompt, wish.narration, language))
                await self._held.amend(_captioned(number, scene, text))

    async def _make(self, key: str, story: Storyboard, places: Sequence[Place]) -> None:
        revision = story.revision
        if not await self._held.amend(
            lambda now: None if _is_another(now, revision) else changes.assembling(now, places)
        ):
            raise Superseded
        story = self._held.story
        try:
            film = await self._while_ours(self._work.assemble(story.id, story.fence))
        except LeaseLost as error:  # it moved just then
            await self._held.read()
            raise Superseded from error
        try:
            await self._complete(film, story, places, False)
        except (Superseded, StoryboardNotFound):
            for artifact in film.artifacts.values():
                await self._ports.artifacts.delete(artifact)
            raise
        await self._remember(key, film)

    async def _complete(self, film: FilmMade, of: Storyboard, places: Sequence[Place], cached: bool) -> None:
        now, kept_s = self._service.now(), self._service.settings.retention_s
        phase = of.phase

        def completed(story: Storyboard) -> Storyboard | None:
            if _is_another(story, of.revision) or story.phase is not phase:
                return None
            return changes.completed(changes.placed(story, places), film, now, now + kept_s, cached)

        if not await self._held.amend(completed):
            raise Superseded

    async def _remember(self, key: str, film: FilmMade) -> None:
        """After the record, so that nobody is given a film that nobody holds; a cache that fails is no matter."""
        story, settings = self._held.story, self._service.settings
        ttl_s = min(settings.result_ttl_s, settings.artifacts_kept_s)
        try:
            await mark_cached(story.id, ttl_s, self._ports.board)
        except StoreUnavailable as error:
            log.info("The film of %s is not kept for others: %s", story.id, error)
            return
        result = CachedResult(story.id, film.artifacts, self._service.now(), film.took_s)
        await ResultCache(self._ports.cache).put(key, result, ttl_s)

    async def _made_again(self, story: Storyboard) -> bool:
        """Whether clips or narrations are no longer stored; those are to be made again."""
        lost = await asyncio.gather(*(self._is_lost(scene) for scene in story.scenes))
        for number, (clip, speech) in enumerate(lost, 1):
            if clip or speech:
                log.warning("A file of scene %s of %s is gone, and is made again", number, story.id)
                await self._held.amend(_once_more(number, story.scenes[number - 1], speech))
        return any(clip or speech for clip, speech in lost)

    async def _is_lost(self, scene: Scene) -> tuple[bool, bool]:
        exists = self._ports.artifacts.exists
        clip = scene.clip is not None and not await exists(scene.clip)
        return clip, scene.narration is not None and not await exists(scene.narration.artifact)

    async def _while_ours(self, work: Awaitable[T]) -> T:
        """What comes of it. Raises Superseded as soon as the storyboard has moved, or its time is over."""
        self._held.moved.clear()
        doing, moving = asyncio.ensure_future(work), asyncio.ensure_future(self._held.moved.wait())
        deadline = self._held.story.deadline
        left_s = None if deadline is None else max(0.0, deadline - self._service.now())
        try:
            await asyncio.wait((doing, moving), timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise Superseded
            return await doing
        finally:
            for each in (doing, moving):
                each.cancel()
            await asyncio.gather(doing, moving, return_exceptions=True)


def _is_another(story: Storyboard, revision: int) -> bool:
    """Whether it is no longer the one that a film is made of."""
    return story.phase.ended or story.phase is StoryPhase.QUEUED or story.revision != revision


def _captioned(number: int, seen: Scene, text: str) -> Change:
    def change(story: Storyboard) -> Storyboard | None:
        scene = story.scenes[number - 1]
        if story.phase.ended or scene.wish != seen.wish:
            return None
        return story.with_scene(number, replace(scene, caption=text))

    return change


def _once_more(number: int, seen: Scene, speech: bool) -> Change:
    def change(story: Storyboard) -> Storyboard | None:
        scene = story.scenes[number - 1]
        if story.phase.ended or scene != seen or scene.phase is not ScenePhase.MADE:
            return None
        return story.with_scene(number, changes.again(scene, narration_too=speech))

    return change
