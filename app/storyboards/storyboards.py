"""Storyboards as the API asks for them: create, get, list, follow, change, retry, cancel, delete, read, analyze."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import anyio

from app.errors import KinorayError, Moved, ServiceUnavailable, StoreUnavailable, StoryboardNotFound, TimedOut
from app.jobs.storyboards.needs import pictures_of
from app.service.story_recovery import lost_story_or
from app.service.videos import VideoService
from app.storyboards import changes, following
from app.storyboards.creating import named_story, story_of, story_webhook
from app.storyboards.decide import CANCELLED
from app.storyboards.director import Director, Sleep
from app.storyboards.editing import Editor, scene_of
from app.storyboards.events import tell
from app.storyboards.files import stored_file
from app.storyboards.forgetting import forget
from app.storyboards.listening import previewed
from app.storyboards.pictures import Looking, Pictures, References, with_pending, with_pictures
from app.storyboards.planning import Planning
from app.storyboards.ports import FilmWork, Voices
from app.storyboards.progress import view_of
from app.storyboards.submitting import stop
from app.storyboards.views import StoryEvent, StoryPlan, StoryView
from app.types import Artifact, Caller, ModelProfile, Reference, WishedInput
from app.types.storyboard import Narrator, ScenePhase, SceneWish, Storyboard, StoryPhase, StoryWish

log = logging.getLogger(__name__)
BEGUN_S: Final = (
    0.5  # a new storyboard is answered after its first pass, or after so long: one made before is done by then
)
WRITES: Final = 50  # of one change, where the director writes all the time


class Begun(NamedTuple):
    """The storyboard on record; `replayed`: recorded when the same request came before, under the same key."""

    view: StoryView
    replayed: bool


@dataclass(frozen=True, slots=True)
class StoryViews:
    """Part of a list."""

    views: tuple[StoryView, ...]
    has_more: bool


class Storyboards:
    """What a Router does about storyboards; it holds no state of its own, so any replica can answer.

    `start` has its director look for what is due, until `close`.
    """

    def __init__(self, service: VideoService, work: FilmWork, sleep: Sleep = asyncio.sleep) -> None:
        self.service = service
        self.director = Director(service, work, sleep)
        self._ports = service.ports
        self._store = service.ports.storyboards
        self._work = work
        self._planning = Planning(service, work)
        self._looking = Looking(service.pictures, service.inputs)
        self._editor = Editor(service, self._planning)

    def start(self) -> None:
        """From now on, storyboards that are due are gone on with here."""
        self.director.start()

    async def close(self) -> None:
        """Let go of all that are under way; other Routers go on with them."""
        await self.director.close()

    def model(self, name: str | None) -> ModelProfile:
        """The video model of that name or alias; None: the default one. Raises ModelNotFound."""
        return self._planning.film(StoryWish((), model=name)).model

    async def voices(self) -> Voices:
        """Who may narrate. Raises ServiceUnavailable."""
        return await self._work.voices()

    async def preview_voice(self, text: str, narrator: Narrator, caller: Caller) -> Artifact:
        """The sound of a few words. Raises as `listening.previewed`."""
        return await previewed(self._work, text, narrator, caller)

    async def create(
        self,
        wish: StoryWish,
        caller: Caller,
        key: str | None = None,
        pictures: Pictures | None = None,
        references: References | None = None,
    ) -> Begun:
        """Accept a storyboard: planned, checked, recorded, begun. When this returns, it is durable.

        One that was made before, unchanged, is answered completed. `pictures` are those that scenes begin with,
        `references` all that they show; they are looked at only when nothing else speaks against it.

        Raises:
            InvalidRequest: `param` names the field as sent: `scenes[3].prompt` is that of the fourth scene.
            NotSupported: a scene is to be extended, and the model takes no picture; or there is no voice.
            PayloadTooLarge: a picture has too many bytes or pixels.
            KeyReused: the key was used for another request.
            ConcurrencyExceeded: the tenant has as many under way as it may.
            ServiceUnavailable, StoreUnavailable: planner, voice or Redis do not answer; nothing was accepted.
        """
        ports, settings, pictures, references = self._ports, self.service.settings, pictures or {}, references or {}
        name = named_story(wish, pictures, key, settings.idempotency_ttl_s, references)
        webhook = story_webhook(wish.webhook, caller, settings)
        await self.service.sync()
        planned = await self._planning.whole(with_pending(wish, pictures, references), caller)
        story_id, now = f"story_{self.service.draw_id()}", self.service.now()
        pictured = await with_pictures(wish, pictures, references, story_id, caller, self._looking)
        story = story_of(story_id, replace(pictured, webhook=webhook), planned, caller, now)
        until = self.director.claim_until()
        kept = await self._recorded(story, self._store.create(story, name, settings.storyboard_max_open, until))
        if kept.id != story_id:
            await self._looking.let_go(pictures_of(story), story.id)
            return Begun(await self._viewed(kept), True)
        await tell(kept, ports.events, now)
        await asyncio.wait([self.director.begin(kept)], timeout=BEGUN_S)
        return Begun(await self.get(story_id, caller), False)

    async def analyze(
        self,
        wish: StoryWish,
        caller: Caller,
        pictures: Pictures | None = None,
        references: References | None = None,
    ) -> StoryPlan:
        """What it would be and take, without making anything. Raises as `create`."""
        story_webhook(wish.webhook, caller, self.service.settings)
        return (await self._planning.whole(with_pending(wish, pictures or {}, references or {}), caller)).told

    async def get(self, story_id: str, caller: Caller) -> StoryView:
        """The storyboard as it stands. Raises StoryboardNotFound, which says so if a restore has lost it."""
        try:
            return await self._viewed(await self._store.get(story_id, caller.tenant))
        except StoryboardNotFound as error:
            raise await lost_story_or(error, story_id, self._ports.board) from error

    async def list(self, caller: Caller, after: str | None, limit: int, newest_first: bool) -> StoryViews:
        """A page of the caller's. Raises StoryboardNotFound for an `after` that is none of them."""
        page = await self._store.list(caller.tenant, after, limit, newest_first)
        return StoryViews(tuple(await asyncio.gather(*map(self._viewed, page.stories))), page.has_more)

    async def follow(self, story_id: str, caller: Caller, after: str | None = None) -> AsyncIterator[StoryEvent]:
        """A snapshot, unless nothing has happened behind `after`; then what happens, ending with kind "end".

        Raises StoryboardNotFound at once.
        """
        story = await self._store.get(story_id, caller.tenant)
        async for event in following.follow(story, after, self.service):
            yield event

    async def told_all(self, story_id: str, caller: Caller, last: str) -> bool:
        """Whether who names the event `last` has nothing more to be told by now. Raises StoryboardNotFound."""
        return following.told_all(await self._store.get(story_id, caller.tenant), last)

    async def wait(self, story_id: str, caller: Caller, timeout_s: float) -> StoryView:
        """The storyboard once it has ended. Raises TimedOut (it goes on) and StoryboardNotFound (it was deleted)."""
        with anyio.move_on_after(timeout_s) as scope:
            async for _ in self.follow(story_id, caller):
                pass
        if scope.cancelled_caught:
            raise TimedOut(f"{story_id} is still being made; poll it.")
        return await self.get(story_id, caller)

    async def cancel(self, story_id: str, caller: Caller) -> StoryView:
        """End one that has not ended, and its jobs; what is made of it is kept. Raises StoryboardNotFound.

        Of one that has ended, jobs that an earlier cancel did not come to are ended.
        """
        story = await self._ended(await self._store.get(story_id, caller.tenant))
        await stop(story, self.service, self._planning)
        return await self._viewed(story)

    async def delete(self, story_id: str, caller: Caller) -> None:
        """Cancel if need be; forget it, the jobs that were made for it, and its files. Raises StoryboardNotFound.

        The record goes last, so that a delete that was cut off can be made again.
        """
        story = await self._ended(await self._store.get(story_id, caller.tenant))
        await forget(story, self.service, self._planning)

    async def change_scene(
        self,
        story_id: str,
        number: int,
        change: Callable[[SceneWish], SceneWish],
        caller: Caller,
        revision: int | None = None,
        picture: Reference | None = None,
        references: Sequence[WishedInput] = (),
    ) -> StoryView:
        """Another wish for scene `number`, from 1; what that changes is made again, one that has ended is taken up.

        `change` is pure, and may be asked more than once. `revision`: the one that the caller has seen; None: whatever
        it is. `picture`: another one to begin with; `references`: others in place of all that it shows.

        Raises:
            StoryboardNotFound: there is none, or no scene of that number (`scene_not_found`).
            Moved: it has another revision, or got one meanwhile; the message names the one that stands.
            InvalidRequest: the scene cannot be made so; `param` is the field as sent: `narration`.
            NotSupported, PayloadTooLarge: as `create`.
        """
        edited = await self._editor.change(story_id, number, change, caller, revision, picture, references)
        await self._taken_up(edited.story)
        if edited.replaced is not None:
            await self._stop_former(edited.replaced, number)
        return await self._viewed(edited.story)

    async def retry_scene(self, story_id: str, number: int, caller: Caller) -> StoryView:
        """Make a failed scene again, that one alone, and then the film; one that has not failed stays as it is.

        One whose film could not be put together is assembled again. Raises StoryboardNotFound.
        """
        for _ in range(WRITES):
            story = await self._store.get(story_id, caller.tenant)
            failed = scene_of(story, number).phase is ScenePhase.FAILED
            if not failed and story.phase is not StoryPhase.FAILED:
                return await self._viewed(story)
            try:
                kept = await self._store.replace(changes.retried(story, number, self.service.now()), promised=True)
            except Moved:
                continue
            await self._taken_up(kept)
            return await self._viewed(kept)
        raise StoreUnavailable(f"{story_id} changes all the time.")

    async def artifact(self, story_id: str, caller: Caller, variant: str, scene: int | None = None) -> Artifact:
        """A file of the film (video, thumbnail, spritesheet, srt, vtt, audio), or with `scene` of that scene's clip.

        A scene's can be had as soon as it is made. Raises StoryboardNotFound, ContentNotReady, NotFound, ArtifactLost.
        """
        story = await self._store.get(story_id, caller.tenant)
        return await stored_file(story, variant, scene, self._ports)

    def read(self, artifact: Artifact, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Bytes of an artifact."""
        return self.service.read(artifact, start, end)

    async def _ended(self, story: Storyboard) -> Storyboard:
        """On record as ended, by a cancel where it had not. Raises StoryboardNotFound."""
        for _ in range(WRITES):
            if story.phase.ended:
                return story
            now = self.service.now()
            try:
                kept = await self._store.replace(
                    changes.ended(story, CANCELLED, now, now + self.service.settings.failed_kept_s)
                )
            except Moved:
                story = await self._store.get(story.id)
                continue
            await tell(kept, self._ports.events, now)
            return kept
        raise StoreUnavailable(f"{story.id} changes all the time.")

    async def _taken_up(self, story: Storyboard) -> None:
        await tell(story, self._ports.events, self.service.now())
        self.director.look()

    async def _stop_former(self, story: Storyboard, number: int) -> None:
        """The job of a scene that is another now is of no use; where it cannot be stopped it runs to its end."""
        try:
            await stop(story, self.service, self._planning, number)
        except ServiceUnavailable as error:
            log.info("A former job of %s goes on: %s", story.id, error)

    async def _viewed(self, story: Storyboard) -> StoryView:
        jobs = await following.jobs_of(story, self.service, {}, ())
        waiting = [job for job in jobs.values() if job.eta_s is None and not job.phase.ended]
        outlooks = await asyncio.gather(*(self.service.outlook(job) for job in waiting))
        etas = {job.id: outlook.eta_s for job, outlook in zip(waiting, outlooks, strict=True)}
        return view_of(story, jobs, etas)

    async def _recorded(self, story: Storyboard, creating: Awaitable[Storyboard]) -> Storyboard:
        try:
            return await creating
        except StoreUnavailable:  # it may be on record
            raise
        except KinorayError:
            await self._looking.let_go(pictures_of(story), story.id)
            raise
