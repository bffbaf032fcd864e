"""Clients of a simulated service: they ask, ask again, follow, cancel and vanish; what they are told must be true."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from PIL import Image

from app.errors import Conflict, InvalidRequest, JobNotFound, KinorayError, ServiceUnavailable, StoryboardNotFound
from app.service.acceptance import Accepted
from app.simulate.faults.network import Gone
from app.simulate.faults.nodes import RouterNode
from app.simulate.faults.remote import DyingProcess
from app.simulate.faults.scenario import Action, ActionKind
from app.simulate.faults.world import RECEIVER, World
from app.simulate.virtual_job import FAILS
from app.types import CacheMode, Caller, Job, Reference, UploadedPicture, VideoRequest, Webhook, Wishes
from app.types.storyboard import SceneWish, StoryWish
from app.video.picture import as_png

T = TypeVar("T")
TRIES, AGAIN_S, ANSWERED_S = 12, 1.5, 15.0
HEARD_S = 20.0  # a follower who has not heard the end for so long begins again behind what it knows
FOLLOWED_S = 400.0  # longer than any run
PICTURES = tuple(as_png(Image.new("RGB", (64, 64), (shade, 0, 0))) for shade in (40, 120, 200))
GAVE_UP = (KinorayError, Gone, asyncio.TimeoutError)


class Clients:
    """All of them. They live on other machines: no fault of the service ends them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._machine = DyingProcess("clients", world.loop)
        self._submitted: dict[int, asyncio.Future[Job | None]] = {}
        self._stories: dict[int, asyncio.Future[str | None]] = {}
        self.accepted: dict[str, Job] = {}  # by id: as it was told
        self.stories: dict[str, str] = {}  # ids to tenants

    async def run(self) -> None:
        """Do all that they do, each at its time; ends when the last has had its answer or given up."""
        loop = self._world.loop
        for action in self._world.scenario.actions:
            if action.kind is ActionKind.SUBMIT:
                self._submitted[action.of] = loop.create_future()
            elif action.kind is ActionKind.STORY:
                self._stories[action.of] = loop.create_future()
        await asyncio.gather(*(self._at(action) for action in self._world.scenario.actions))

    async def _at(self, action: Action) -> None:
        await asyncio.sleep(action.at)
        do = {
            ActionKind.SUBMIT: self._submit,
            ActionKind.FOLLOW: self._follow,
            ActionKind.STORY: self._story,
            ActionKind.CANCEL_STORY: self._cancel_story,
        }.get(action.kind, self._change)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(do(action), action.leaves_after_s or FOLLOWED_S)

    def _router(self, number: int) -> RouterNode:
        """The one that the load balancer picks, among those that answer. Raises ServiceUnavailable."""
        there = [node for node in self._world.router_nodes() if node.there and not node.process.frozen]
        if not there:
            raise ServiceUnavailable("Nobody answers.")
        return there[number % len(there)]

    async def _ask(
        self, action: Action, work: Callable[[RouterNode], Awaitable[T]], again: bool, patience_s: float = ANSWERED_S
    ) -> T:
        """Ask, and, where it is safe, ask again. Raises what it raises at last."""
        for tries in range(TRIES):
            try:
                router = self._router(action.router + tries)
                asked = self._world.network.call(self._machine, router, partial(work, router), once=True)
                answer: T = await asyncio.wait_for(asked, patience_s)
                return answer
            except (ServiceUnavailable, Gone, asyncio.TimeoutError):
                if not again or tries == TRIES - 1:
                    raise
            await asyncio.sleep(AGAIN_S)
        raise ServiceUnavailable("Nobody answers.")

    async def _submit(self, action: Action) -> None:
        told = self._submitted[action.of]
        try:
            job = await self._submitted_job(action)
            self.accepted[job.id] = job
            self._world.trace.note("accepted", job.id[-6:], f"#{action.of}")
            told.set_result(job)
        except GAVE_UP as error:
            self._world.trace.note("refused", f"#{action.of}", type(error).__name__)
        finally:
            if not told.done():
                told.set_result(None)

    async def _submitted_job(self, action: Action) -> Job:
        after = [await asyncio.shield(self._submitted[each]) for each in action.after]
        ids = tuple(job.id for job in after if job is not None and job.tenant == action.tenant)
        pool = self._world.scenario.pools[action.prompt % len(self._world.scenario.pools)][0]
        wishes = Wishes(
            cache=CacheMode(action.cache),
            priority=action.priority,
            deadline_s=action.deadline_s,
            webhook=Webhook(RECEIVER) if action.webhook else None,
            after=ids,
        )
        prompt = f"{'a' * (1 + action.prompt)}{f' {FAILS}' if action.fails else ''}"
        request = VideoRequest(prompt=prompt, model=f"virtual-{pool}", steps=action.steps, seed=7, wishes=wishes)

        caller = Caller(action.tenant)
        reference = await self._reference(action, caller)

        async def accept(router: RouterNode) -> Accepted:
            return await router.service.accept(request, caller, action.key, reference=reference)

        job = (await self._ask(action, accept, again=action.key is not None)).job
        if action.forgets and isinstance(reference, UploadedPicture):
            with contextlib.suppress(*GAVE_UP):
                await self._ask(action, lambda router: router.service.uploads.delete(reference.id, caller), again=False)
        return job

    async def _reference(self, action: Action, caller: Caller) -> Reference | None:
        """The picture that it begins with: sent along, or uploaded before."""
        if action.picture is None:
            return None
        content = PICTURES[action.picture]
        if not action.uploaded:
            return content

        async def upload(router: RouterNode) -> str:
            begun = await router.service.uploads.begin(len(content), "", caller)
            return (await router.service.uploads.append(begun.id, caller, 0, _chunks(content))).id

        return UploadedPicture(await self._ask(action, upload, again=True))

    async def _change(self, action: Action) -> None:
        job = await asyncio.shield(self._submitted[action.of])
        if job is None:
            return
        caller, job_id = Caller(action.tenant), job.id

        async def change(router: RouterNode) -> Any:
            if action.kind is ActionKind.CANCEL:
                return await router.service.cancel(job_id, caller)
            if action.kind is ActionKind.DELETE:
                return await router.service.delete(job_id, caller)
            return await router.service.reprioritise(job_id, action.priority, caller)

        with contextlib.suppress(*GAVE_UP):
            await self._ask(action, change, again=True)

    async def _follow(self, action: Action) -> None:
        job = await asyncio.shield(self._submitted[action.of])
        if job is None:
            return
        last: str | None = None
        for _ in range(TRIES):
            seen: list[str] = [] if last is None else [last]
            try:
                ended = await self._ask(action, partial(self._told, job, seen), False, HEARD_S)
            except (JobNotFound, InvalidRequest):
                return
            except GAVE_UP:
                last = seen[-1] if seen else last
                await asyncio.sleep(AGAIN_S)
                continue
            self._world.watch.demand(ended, f"a follower of {job.id} was left without its end")
            return

    async def _told(self, job: Job, seen: list[str], router: RouterNode) -> bool:
        """Whether the end was told; ids that were heard go into `seen`."""
        watch, caller, service = self._world.watch, Caller(job.tenant), router.service
        ends, last = 0, seen[-1] if seen else None
        if last is not None and await service.told_all(job.id, caller, last):  # asked first, as by the API
            return True
        async for event in service.follow(job.id, caller, last):
            watch.demand(not ends, f"a follower of {job.id} was told something behind its end")
            watch.demand(not seen or _place(event.id) > _place(seen[-1]), f"events of {job.id} came out of order")
            seen.append(event.id)
            ends += event.kind == "end"
        return ends == 1

    async def _story(self, action: Action) -> None:
        told = self._stories[action.of]
        scenes = tuple(
            SceneWish(prompt="s" * (1 + (action.prompt + each) % 5), narration="Some words." if each % 2 else None)
            for each in range(1 + action.prompt % 3)
        )
        wish = StoryWish(scenes, webhook=Webhook(RECEIVER, ("storyboard.completed", "storyboard.failed")))

        async def create(router: RouterNode) -> str:
            return (await router.boards.create(wish, Caller(action.tenant), f"story-{action.of}")).view.story.id

        try:
            story_id = await self._ask(action, create, again=True)
            self.stories[story_id] = action.tenant
            told.set_result(story_id)
        except GAVE_UP as error:
            self._world.trace.note("refused", f"story {action.of}", type(error).__name__)
        finally:
            if not told.done():
                told.set_result(None)

    async def _cancel_story(self, action: Action) -> None:
        story_id = await asyncio.shield(self._stories[action.of])
        if story_id is None:
            return

        async def cancel(router: RouterNode) -> Any:
            return await router.boards.cancel(story_id, Caller(action.tenant))

        with contextlib.suppress(StoryboardNotFound, Conflict, *GAVE_UP):
            await self._ask(action, cancel, again=True)


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    half = len(content) // 2
    yield content[:half]
    yield content[half:]


def _place(event_id: str) -> tuple[int, int]:
    at, _, number = event_id.partition("-")
    return int(at), int(number)
