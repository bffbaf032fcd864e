"""One pass over one storyboard, in the hands of one process: what can be done for it now is decided, done, and recorded.

It may end at any await. What was done then and not recorded is asked for again by whoever comes next, and answered with
what there is: narrations by their content, jobs by their keys, the film by its digest, or under a new fence.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from app.cache.results import CachedResult, ResultCache
from app.errors import (
    KinorayError,
    LeaseLost,
    Moved,
    RetryLater,
    StoreUnavailable,
    StoryboardNotFound,
)
from app.jobs.store import find
from app.service.artifact_refs import mark_cached, readable
from app.service.videos import VideoService
from app.storyboards import changes, decide
from app.storyboards.events import tell
from app.storyboards.planning import Planning
from app.storyboards.ports import FilmMade, FilmWork
from app.storyboards.script import cues_of, film_key, places_of
from app.storyboards.submitting import stop, submit, withdraw
from app.storyboards.timeline import film_frames
from app.types import Failure, Job
from app.types.storyboard import Scene, ScenePhase, Storyboard, StoryPhase

log = logging.getLogger(__name__)
T = TypeVar("T")
Change = Callable[[Storyboard], Storyboard | None]

SCENES_AT_ONCE: Final = 8
ROUNDS: Final = 200  # of one scene in one pass: more than its clips can take
WRITES: Final = 50  # of one change, where others write all the time
POLL_S: Final = 2.0  # the end of a job wakes its storyboard; where that was lost, it is looked at so often


class Superseded(Exception):
    """The storyboard is another by now: another revision, ended, or in other hands."""


class Making:
    """A storyboard that this process has claimed; `troubles` are the scenes that raised in this pass, by number."""

    def __init__(self, story: Storyboard, service: VideoService, work: FilmWork) -> None:
        self.story = story
        self.troubles: dict[int, Exception] = {}
        self.moved = asyncio.Event()
        self._service = service
        self._ports = service.ports
        self._work = work
        self._planning = Planning(service, work)
        self._writing = asyncio.Lock()
        self._refused = False  # the line is full: scenes behind do not try to get in before those that were refused

    async def run(self) -> float | None:
        """Do all that can be done now; when to look again (Unix seconds), None where it has ended.

        Raises StoryboardNotFound, and what storing, speaking and assembling raise; `troubles` do not end it.
        """
        while not self.story.phase.ended:
            now = self._service.now()
            if self.story.phase is StoryPhase.QUEUED:
                await self.amend(lambda story: changes.started(story, now))
            if not self._late(now):
                await self._scenes()
            if self.troubles:
                return self._look_again(now)
            move = decide.of_story(self.story, self._service.now())
            if isinstance(move, decide.Wait):
                return self._look_again(now)
            with contextlib.suppress(Superseded):
                await (self._assemble() if isinstance(move, decide.Assemble) else self.end(move.failure))
        return None

    async def amend(self, change: Change) -> bool:
        """Write what the change makes of the newest record; False where it makes nothing of it.

        Raises StoryboardNotFound, StoreUnavailable.
        """
        async with self._writing:
            for _ in range(WRITES):
                after = change(self.story)
                if after is None:
                    return False
                if after == self.story:
                    return True
                try:
                    self.story = await self._ports.storyboards.replace(after)
                except Moved:
                    await self._read()
                    continue
                await tell(self.story, self._ports.events, self._service.now())
                return True
        raise StoreUnavailable(f"{self.story.id} changes all the time.")

    async def reload(self) -> None:
        """Somebody else has written it. Raises StoryboardNotFound, StoreUnavailable."""
        async with self._writing:
            await self._read()
        self.moved.set()

    async def end(self, failure: Failure) -> None:
        """It has failed. Its jobs are stopped first: once it is on record as ended nobody looks at them."""
        await stop(self.story, self._service)
        now, kept_s = self._service.now(), self._service.settings.failed_kept_s
        revision = self.story.revision

        def ended(story: Storyboard) -> Storyboard | None:
            same = story.revision == revision and not story.phase.ended
            return changes.ended(story, failure, now, now + kept_s) if same else None

        if not await self.amend(ended):
            raise Superseded

    async def fail_scene(self, number: int, failure: Failure) -> None:
        """Scene `number` cannot be made; the others go on."""
        seen = self.story.scenes[number - 1]
        await self._amend_scene(number, seen, lambda scene: changes.failed(scene, failure))

    async def _read(self) -> None:
        self.story = await self._ports.storyboards.get(self.story.id)

    def _late(self, now: float) -> bool:
        return self.story.deadline is not None and now >= self.story.deadline

    def _look_again(self, now: float) -> float:
        deadline = self.story.deadline
        return now + POLL_S if deadline is None else min(now + POLL_S, max(now, deadline))

    # --- scenes ---

    async def _scenes(self) -> None:
        """Each scene as far as it comes; they begin in the order of the story."""
        seats = asyncio.Semaphore(SCENES_AT_ONCE)

        async def seated(number: int) -> None:
            async with seats:
                try:
                    await self._scene(number)
                except StoryboardNotFound:
                    raise
                except Exception as error:  # told by number to who counts the tries
                    self.troubles[number] = error

        await together([seated(number) for number in range(1, len(self.story.scenes) + 1)])

    async def _scene(self, number: int) -> None:
        jobs: dict[str, Job] = {}
        for _ in range(ROUNDS):
            scene = self.story.scenes[number - 1]
            moves = decide.of_scene(self.story, number, await self._last(scene, jobs))
            if not moves or (self._refused and any(isinstance(move, decide.Submit) for move in moves)):
                return
            await together([self._do(number, scene, move, jobs) for move in moves])

    async def _last(self, scene: Scene, jobs: dict[str, Job]) -> Job | None:
        if not scene.job_ids or scene.phase.ended:
            return None
        last = scene.job_ids[-1]
        return jobs.get(last) or await find(self._ports.jobs, last, self.story.tenant)

    async def _do(self, number: int, scene: Scene, move: decide.SceneMove, jobs: dict[str, Job]) -> None:
        if isinstance(move, decide.Failed):
            await self._amend_scene(number, scene, lambda now: changes.failed(now, move.failure))
        elif isinstance(move, decide.Made):
            await self._made(number, scene, jobs)
        else:
            try:
                await (
                    self._speak(number, scene)
                    if isinstance(move, decide.Speak)
                    else self._submit(number, scene, move, jobs)
                )
            except (RetryLater, StoryboardNotFound):
                raise
            except KinorayError as error:
                failure = Failure(error.error_code, error.message)
                await self._amend_scene(number, scene, lambda now: changes.failed(now, failure))

    async def _speak(self, number: int, scene: Scene) -> None:
        story, text = self.story, scene.wish.narration or ""
        await self._amend_scene(number, scene, changes.speaking)
        narration = await self._work.speak(story.tenant, text, story.wish.narrator)
        await self._amend_scene(number, scene, lambda now: changes.spoken(now, narration))

    async def _submit(self, number: int, scene: Scene, move: decide.Submit, jobs: dict[str, Job]) -> None:
        story = self.story
        try:
            made = await submit(story, number, move, self._service, self._planning, self._service.now())
        except RetryLater:
            self._refused = True
            raise
        jobs[made.job.id] = made.job
        try:
            kept = await self._amend_scene(number, scene, lambda now: changes.submitted(now, made.job, made.clips))
        except StoryboardNotFound:
            kept = False
        if not kept:
            await withdraw(made.job, story, self._service)

    async def _made(self, number: int, scene: Scene, jobs: dict[str, Job]) -> None:
        found: list[Job] = []
        for job_id in () if scene.clip is not None else scene.job_ids:
            job = jobs.get(job_id)
            job = job if job is not None and job.phase.ended else await find(self._ports.jobs, job_id)
            if job is not None:  # one before the last may be gone: the last holds its frames
                found.append(job)
        price = self._service.settings.price_per_device_hour
        if scene.clip is None and (not found or "video" not in found[-1].artifacts):
            await self._amend_scene(number, scene, lambda now: changes.failed(now, changes.GONE))
            return
        await self._amend_scene(number, scene, lambda now: changes.made(now, found, price))

    async def _amend_scene(self, number: int, seen: Scene, change: changes.SceneChange) -> bool:
        return await self.amend(lambda story: changes.of_scene(story, number, seen, change))

    # --- the film ---

    async def _assemble(self) -> None:
        """The film of what is made: the one that was made of the same before, else a new one. Raises Superseded."""
        story = self.story
        places = places_of(story)
        key = film_key(story, places, cues_of(story, places))
        results = ResultCache(self._ports.cache)
        found = await results.get(key)
        if found is not None and await readable(found.artifacts, self._ports.artifacts):
            film = FilmMade(
                found.artifacts, film_frames(places), story.fps, story.width, story.height, found.step_seconds
            )
            await self._complete(film, story.fence, True, lambda now: changes.placed(now, places))
            return
        if await self._remade_what_is_lost():
            return
        fence = story.fence
        if not await self.amend(
            lambda now: changes.assembling(now, places) if now.fence == fence and not now.phase.ended else None
        ):
            raise Superseded
        fence = self.story.fence
        try:
            film = await self._while_ours(self._work.assemble(self.story.id, fence))
        except (LeaseLost, StoryboardNotFound) as error:
            await self.reload()
            raise Superseded from error
        try:
            await self._complete(film, fence, False, lambda now: now)
        except (Superseded, StoryboardNotFound):
            for artifact in film.artifacts.values():
                await self._ports.artifacts.delete(artifact)
            raise
        await self._remember(key, film)

    async def _complete(
        self, film: FilmMade, fence: int, cached: bool, also: Callable[[Storyboard], Storyboard]
    ) -> None:
        now, kept_s = self._service.now(), self._service.settings.retention_s

        def completed(story: Storyboard) -> Storyboard | None:
            if story.phase.ended or story.fence != fence:
                return None
            return changes.completed(also(story), film, now, now + kept_s, cached)

        if not await self.amend(completed):
            raise Superseded

    async def _remember(self, key: str, film: FilmMade) -> None:
        """After the record, so that no film is answered with that nobody holds; a cache that fails is no matter."""
        story, settings = self.story, self._service.settings
        ttl_s = min(settings.result_ttl_s, settings.artifacts_kept_s)
        try:
            await mark_cached(story.id, ttl_s, self._ports.board)
        except StoreUnavailable as error:
            log.info("The film of %s is not kept for others: %s", story.id, error)
            return
        result = CachedResult(story.id, film.artifacts, self._service.now(), film.took_s)
        await ResultCache(self._ports.cache).put(key, result, ttl_s)

    async def _remade_what_is_lost(self) -> bool:
        """Whether a clip or narration is no longer stored; what is not is to be made again."""
        lost = await asyncio.gather(*(self._is_lost(scene) for scene in self.story.scenes))
        seen = self.story
        for number, (clip, speech) in enumerate(lost, 1):
            if clip or speech:
                log.warning("A file of scene %s of %s is gone, and is made again", number, seen.id)
                await self.amend(lambda story, number=number, speech=speech: _again(story, number, seen, speech))
        return any(clip or speech for clip, speech in lost)

    async def _is_lost(self, scene: Scene) -> tuple[bool, bool]:
        exists = self._ports.artifacts.exists
        clip = scene.clip is not None and not await exists(scene.clip)
        return clip, scene.narration is not None and not await exists(scene.narration.artifact)

    async def _while_ours(self, work: Awaitable[T]) -> T:
        """What comes of it. Raises Superseded as soon as the storyboard is another's, or another."""
        self.moved.clear()
        doing, moving = asyncio.ensure_future(work), asyncio.ensure_future(self.moved.wait())
        try:
            await asyncio.wait((doing, moving), return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise Superseded
            return await doing
        finally:
            for each in (doing, moving):
                each.cancel()
            await asyncio.gather(doing, moving, return_exceptions=True)


def _again(story: Storyboard, number: int, seen: Storyboard, speech: bool) -> Storyboard | None:
    scene = story.scenes[number - 1]
    if story.phase.ended or scene != seen.scenes[number - 1] or scene.phase is not ScenePhase.MADE:
        return None
    return story.with_scene(number, changes.again(scene, narration_too=speech))


async def together(works: Sequence[Awaitable[None]]) -> None:
    """All of them to their end, whatever one raises; then the first error."""
    ended = await asyncio.gather(*works, return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each
