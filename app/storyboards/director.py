"""The director: takes up storyboards that are due, one process at a time each, and goes on with them until they end.

It runs beside the HTTP server of every Router and holds nothing that matters: any of them may die, and another goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from app.errors import KinorayError, RetryLater, StoryboardNotFound
from app.jobs.board import DIRECTOR
from app.logs.context import about, tenant_hash
from app.service.background import Background
from app.service.videos import VideoService
from app.storyboards import changes, decide
from app.storyboards.assembling import Assembling
from app.storyboards.held import Held, Lost, Superseded
from app.storyboards.planning import Planning
from app.storyboards.ports import FilmWork
from app.storyboards.scenes import Scenes
from app.storyboards.submitting import stop
from app.storyboards.tries import gives_up, next_try_s
from app.types import Failure
from app.types.storyboard import Storyboard, StoryPhase

log = logging.getLogger(__name__)
Sleep = Callable[[float], Awaitable[None]]

CLAIM_S: Final = 10.0  # one that died is missed after so long
RENEW_S: Final = 3.0
LOOK_S: Final = 0.25  # between two looks for those that are due, and
IDLE_LOOK_S: Final = 3.0  # where there were none for a minute: those that begin here are looked for at once
BUSY_FOR_S: Final = 60.0
SOON_S: Final = 0.05  # the same while storyboards of this process wait for their jobs
SOON_FOR_S: Final = 5.0  # so long after the last of them was given back; each is looked at every POLL_S
POLL_S: Final = 2.0  # the end of a job wakes its storyboard; where that was lost, it is looked at so often
NOTE_S: Final = 3.0  # between two notes, for /health, that somebody looks
NOTE_TTL_S: Final = 3600.0
AT_ONCE: Final = 32  # storyboards in the hands of one process


class Director:
    """Goes on with storyboards: with those that it is given, and, from `start` on, with all that are due."""

    def __init__(self, service: VideoService, work: FilmWork, sleep: Sleep = asyncio.sleep) -> None:
        self._service = service
        self._store = service.ports.storyboards
        self._work = work
        self._planning = Planning(service, work)
        self._sleep = sleep
        self._background = Background()
        self._at_work = 0
        self._wanted = asyncio.Event()
        self._soon_until = self._busy_until = 0.0
        self._noted_at = 0.0  # Unix seconds

    def start(self) -> None:
        """Look for those that are due, from now on."""
        self._background.keep(self._run(), "director")

    def check(self) -> None:
        """Raises RuntimeError when nobody looks any more."""
        self._background.check()

    async def close(self) -> None:
        """Let go of all; whoever is there next goes on with them."""
        await self._background.close()

    def look(self) -> None:
        """Somebody was made due just now: do not wait for the next look."""
        self._wanted.set()

    def claim_until(self) -> float:
        """When a claim that begins now runs out, Unix seconds."""
        return self._service.now() + CLAIM_S

    def begin(self, story: Storyboard) -> asyncio.Task[None]:
        """Go on with one that this process has claimed."""
        return self._background.spawn(self.go_on(story.id), f"making of {story.id}")

    async def _run(self) -> None:
        while True:
            self._wanted.clear()
            try:
                await self._service.sync()
                now = self._service.now()
                free = AT_ONCE - self._at_work
                if now - self._noted_at >= NOTE_S or now < self._noted_at:
                    await self._service.ports.board.put(DIRECTOR, {"at": now}, NOTE_TTL_S)
                    self._noted_at = now
                for story_id in await self._store.claim(now, now + CLAIM_S, free) if free > 0 else ():
                    self._background.spawn(self.go_on(story_id), f"making of {story_id}")
            except KinorayError as error:
                log.warning("The director waits: %s", error)
            except Exception:
                log.exception("The director could not look for what is due")
            await self._until_wanted()

    async def _until_wanted(self) -> None:
        now = self._service.now()
        look_s = SOON_S if now < self._soon_until else LOOK_S if now < self._busy_until else IDLE_LOOK_S
        timer = asyncio.get_running_loop().call_later(look_s, self._wanted.set)
        try:
            await self._wanted.wait()
        finally:
            timer.cancel()

    async def go_on(self, story_id: str) -> None:
        """One pass over a storyboard that this process has claimed; then the claim is given back.

        Raises StoreUnavailable: the claim runs out by itself.
        """
        self._at_work += 1
        self._busy_until = self._service.now() + BUSY_FOR_S
        try:
            held = Held(await self._store.get(story_id), self._store, self._service.ports.events, self._service.now)
            with about(storyboard=story_id, tenant=tenant_hash(held.story.tenant)):
                await self._pass(held)
        except (StoryboardNotFound, Lost):
            log.info("%s is gone, or another goes on with it", story_id)
        finally:
            self._at_work -= 1

    async def _pass(self, held: Held) -> None:
        renewing = asyncio.ensure_future(self._renew(held))
        try:
            due = await self._made(held)
        except (StoryboardNotFound, Lost, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - it is tried again, so often, and takes no other with it
            due = await self._tried(held, {0: error})
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
        if not held.story.phase.ended:
            self._soon_until = self._service.now() + SOON_FOR_S
            await held.give_back(due)

    async def _made(self, held: Held) -> float:
        """Do all that can be done for it now; when it is to be looked at again."""
        while not held.story.phase.ended:
            now = self._service.now()
            if held.story.phase is StoryPhase.QUEUED:
                await held.amend(_started_at(now))
            late = held.story.deadline is not None and now >= held.story.deadline
            if troubles := {} if late else await Scenes(held, self._service, self._work).run():
                return await self._tried(held, troubles)
            move = decide.of_story(held.story, self._service.now())
            if isinstance(move, decide.Wait):
                await held.amend(_untroubled)
                return self._poll_at(held.story)
            with contextlib.suppress(Superseded):
                if isinstance(move, decide.End):
                    await self._end(held, move.failure)
                else:
                    await Assembling(held, self._service, self._work).run()
        return self._service.now()

    async def _end(self, held: Held, failure: Failure) -> None:
        """Its jobs are stopped first: once it is on record as ended, nobody looks at them."""
        await stop(held.story, self._service, self._planning)
        now, kept_s, revision = self._service.now(), self._service.settings.failed_kept_s, held.story.revision

        def ended(story: Storyboard) -> Storyboard | None:
            if story.phase.ended or story.revision != revision:
                return None
            return changes.ended(story, failure, now, now + kept_s)

        if not await held.amend(ended):
            raise Superseded

    async def _tried(self, held: Held, troubles: dict[int, Exception]) -> float:
        """Scenes, or the whole (0), could not be gone on with; when to try again. After enough of that they fail."""
        for number, error in troubles.items():
            _log(held.story, number, error)
        tries = held.story.tries + 1
        lost = {number: error for number, error in troubles.items() if gives_up(error, tries)}
        for number, error in lost.items():
            if number:
                await held.amend(_scene_failed(number, failure_of(error)))
            else:
                await self._end(held, failure_of(error))
        if not held.story.phase.ended:
            await held.amend(_tried_so_often(0 if lost else tries))
        return self._service.now() + (0.0 if lost else next_try_s(tries, troubles.values()))

    def _poll_at(self, story: Storyboard) -> float:
        at = self._service.now() + POLL_S
        return at if story.deadline is None else min(at, story.deadline)

    async def _renew(self, held: Held) -> None:
        """Hold it as long as the pass takes; where it is lost, the pass finds out at its next write."""
        while True:
            await self._sleep(RENEW_S)
            try:
                await held.renew(self.claim_until())
            except (Lost, StoryboardNotFound):
                held.moved.set()
                return
            except KinorayError as error:
                log.info("%s could not be held for longer: %s", held.story.id, error)


def failure_of(error: Exception) -> Failure:
    """What is told of an error that ends a scene or a storyboard; of one of no class of ours no more than its name."""
    if isinstance(error, KinorayError):
        return Failure(error.error_code, error.message)
    return Failure("internal_error", f"An error of this service: {type(error).__name__}.")


def _log(story: Storyboard, number: int, error: Exception) -> None:
    what = f"scene {number} of {story.id}" if number else story.id
    if isinstance(error, RetryLater):
        log.info("%s has to wait: %s", what, error)
    else:
        trace = None if isinstance(error, KinorayError) else error
        log.warning("%s could not be gone on with: %s", what, error, exc_info=trace)


def _started_at(now: float) -> Callable[[Storyboard], Storyboard]:
    return lambda story: changes.started(story, now) if story.phase is StoryPhase.QUEUED else story


def _untroubled(story: Storyboard) -> Storyboard | None:
    return _tried_so_often(0)(story)


def _tried_so_often(tries: int) -> Callable[[Storyboard], Storyboard | None]:
    return lambda story: None if story.phase.ended else changes.tried(story, tries)


def _scene_failed(number: int, failure: Failure) -> Callable[[Storyboard], Storyboard | None]:
    return lambda story: changes.of_scene(
        story, number, story.scenes[number - 1], lambda scene: changes.failed(scene, failure)
    )
