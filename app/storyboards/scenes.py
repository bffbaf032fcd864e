"""The scenes of a storyboard, each on its way: what can be done for it now is decided, done, and recorded.

It may end at any await. What was done then and not recorded is asked for again by whoever comes next, and answered with
what there is: narrations by their content, jobs by their keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final

from app.errors import KinorayError, RetryLater, StoryboardNotFound
from app.jobs.store import find
from app.service.videos import VideoService
from app.storyboards import changes, decide
from app.storyboards.held import Held, Lost
from app.storyboards.planning import Planning
from app.storyboards.ports import FilmWork
from app.storyboards.submitting import submit, withdraw
from app.types import Failure, Job
from app.types.storyboard import Scene

AT_ONCE: Final = 8
ROUNDS: Final = 200  # of one scene in one pass: more than its clips can take


class Scenes:
    """All scenes of one storyboard, for one pass."""

    def __init__(self, held: Held, service: VideoService, work: FilmWork) -> None:
        self._held = held
        self._service = service
        self._jobs = service.ports.jobs
        self._work = work
        self._planning = Planning(service, work)
        self._full = False  # the line: scenes behind do not try to get in before those that were refused
        self._seen: dict[str, Job] = {}  # jobs that were accepted in this pass, as they were then

    async def run(self) -> dict[int, Exception]:
        """Take each as far as it comes, beginning in the order of the story; what was raised, by number from 1.

        Raises StoryboardNotFound, Lost.
        """
        seats, troubles = asyncio.Semaphore(AT_ONCE), dict[int, Exception]()

        async def seated(number: int) -> None:
            async with seats:
                try:
                    await self._scene(number)
                except (StoryboardNotFound, Lost):
                    raise
                except Exception as error:  # noqa: BLE001 - one scene takes no other with it; who counts tries is told
                    troubles[number] = error

        await _together([seated(number) for number in range(1, len(self._held.story.scenes) + 1)])
        return troubles

    async def _scene(self, number: int) -> None:
        for _ in range(ROUNDS):
            story = self._held.story
            moves = decide.of_scene(story, number, await self._last(story.scenes[number - 1]))
            if not moves or (self._full and any(isinstance(move, decide.Submit) for move in moves)):
                return
            await _together([self._do(number, story.scenes[number - 1], move) for move in moves])

    async def _last(self, scene: Scene) -> Job | None:
        if not scene.job_ids or scene.phase.ended:
            return None
        return await self._job(scene.job_ids[-1])

    async def _job(self, job_id: str) -> Job | None:
        """One that was answered from a cache has ended already; another may have, since."""
        seen = self._seen.get(job_id)
        return seen if seen is not None else await find(self._jobs, job_id, self._held.story.tenant)

    async def _do(self, number: int, scene: Scene, move: decide.SceneMove) -> None:
        try:
            if isinstance(move, decide.Speak):
                await self._speak(number, scene)
            elif isinstance(move, decide.Submit):
                await self._submit(number, scene, move)
            elif isinstance(move, decide.Made):
                await self._made(number, scene)
            else:
                await self._fail(number, scene, move.failure)
        except (RetryLater, StoryboardNotFound):
            raise
        except KinorayError as error:  # it is about this scene alone, and would be so again
            await self._fail(number, scene, Failure(error.error_code, error.message))

    async def _speak(self, number: int, scene: Scene) -> None:
        story, text = self._held.story, scene.wish.narration or ""
        await self._amend(number, scene, changes.speaking)
        narration = await self._work.speak(story.tenant, text, story.wish.narrator)
        await self._amend(number, scene, lambda now: changes.spoken(now, narration))

    async def _submit(self, number: int, scene: Scene, move: decide.Submit) -> None:
        story = self._held.story
        try:
            made = await submit(story, number, move, self._service, self._planning, self._service.now())
        except RetryLater:
            self._full = True
            raise
        price = self._service.settings.price_per_device_hour

        def submitted(now: Scene) -> Scene:
            after = changes.submitted(now, made.job, made.clips)
            at_once = [decide.Made()] == decide.of_scene(story.with_scene(number, after), number, made.job)
            return changes.made(after, [made.job], price) if at_once and after.job_ids == (made.job.id,) else after

        kept = False
        try:
            kept = await self._amend(number, scene, submitted)
        except StoryboardNotFound:
            await withdraw(made.job, story, self._service)
            raise
        if not kept:
            await withdraw(made.job, story, self._service)
        elif made.job.phase.ended:
            self._seen[made.job.id] = made.job

    async def _made(self, number: int, scene: Scene) -> None:
        price, jobs = self._service.settings.price_per_device_hour, list[Job]()
        if scene.clip is None:
            found = [await self._job(job_id) for job_id in scene.job_ids]
            jobs = [job for job in found if job is not None]  # the last holds all frames; those before it may be gone
            if not jobs or "video" not in jobs[-1].artifacts:
                return await self._fail(number, scene, changes.GONE)
        await self._amend(number, scene, lambda now: changes.made(now, jobs, price))

    async def _fail(self, number: int, scene: Scene, failure: Failure) -> None:
        await self._amend(number, scene, lambda now: changes.failed(now, failure))

    async def _amend(self, number: int, seen: Scene, change: changes.SceneChange) -> bool:
        return await self._held.amend(lambda story: changes.of_scene(story, number, seen, change))


async def _together(works: Sequence[Awaitable[None]]) -> None:
    """All of them to their end, whatever one raises; then the first error."""
    for each in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(each, BaseException):
            raise each
