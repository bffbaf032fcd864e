"""What the Dispatcher deployment makes of Ray's answers; no cluster is started."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest
from ray.exceptions import RayActorError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

from app.dispatch.ports import AttemptLost
from app.errors import GenerationError, PartAway, StoreUnavailable, WorkerLost
from app.logs.setup import listen
from app.redis.connection import Client
from app.settings import Settings
from deployments.dispatcher import DiffuserPools, Dispatcher
from deployments.observed import SERVE, IntoServe
from tests.logs.recorded import recorded
from tests.redis_server import prefix, redis, redis_server, redis_url

__all__ = ["prefix", "redis", "redis_server", "redis_url"]
pytestmark = pytest.mark.anyio


class Handle:
    """A deployment handle whose calls and broadcasts end like that."""

    deployment_name = "Diffuser"

    def __init__(self, end: BaseException | Collection[str] = ()) -> None:
        self._end = end
        self.called: list[tuple[str, int]] = []
        self.run = self

    async def remote(self, job_id: str, fence: int) -> None:
        self.called.append((job_id, fence))
        if isinstance(self._end, BaseException):
            raise self._end

    def broadcast(self, method: str) -> Handle:
        assert method == "present"
        return self

    async def results_async(self, timeout_s: float) -> Collection[str]:
        if isinstance(self._end, BaseException):
            raise self._end
        return self._end


def raised(cause: Exception) -> RayTaskError:
    """As a replica's own error comes back."""
    return RayTaskError("run", "traceback", cause)


async def test_an_attempt_goes_to_the_handle_of_its_pool() -> None:
    main, draft = Handle(), Handle()
    handles: dict[str, Any] = {"main": main, "draft": draft}
    await DiffuserPools(handles).run("draft", "video_1", 3)
    assert (main.called, draft.called) == ([], [("video_1", 3)])


@pytest.mark.parametrize(
    ("error", "at_fault"),
    [
        (RayActorError(), True),
        (raised(GenerationError("It broke.")), True),
        (raised(StoreUnavailable("Redis is away.")), False),
        (raised(PartAway("The text encoder is not running.")), False),
        (raised(WorkerLost("The text encoder cannot be asked.")), True),
        (BackPressureError(num_queued_requests=1, max_queued_requests=1), False),
        (DeploymentUnavailableError("Diffuser"), False),
    ],
)
async def test_rays_errors_say_whether_the_replica_is_to_blame(error: Exception, at_fault: bool) -> None:
    handles: dict[str, Any] = {"main": Handle(error)}
    with pytest.raises(AttemptLost, match=type(error).__name__) as lost:
        await DiffuserPools(handles).run("main", "video_1", 1)
    assert lost.value.replica_at_fault is at_fault


async def test_an_attempt_of_a_pool_that_is_not_served_is_lost() -> None:
    with pytest.raises(AttemptLost) as lost:
        await DiffuserPools({}).run("gone", "video_1", 1)
    assert lost.value.replica_at_fault


@pytest.mark.parametrize(
    ("end", "names"),
    [
        (["replica1"], ["replica1"]),
        (DeploymentUnavailableError("Diffuser"), []),
        (RayActorError(), None),
        (asyncio.TimeoutError(), None),
    ],
)
async def test_a_roll_call_is_certain_or_tells_nothing(end: Any, names: list[str] | None) -> None:
    handles: dict[str, Any] = {"main": Handle(end)}
    assert await DiffuserPools(handles).present("main") == names


@pytest.fixture
async def dispatcher(
    redis_url: str, prefix: str, redis: Client, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Dispatcher]:
    monkeypatch.setattr("app.stores.connect", lambda url, timeout_s, replicas: redis)  # one that is closed afterwards
    settings = Settings(redis_url=redis_url, redis_prefix=prefix, replicas={"main": (2, 3)})
    handles: dict[str, Any] = {"main": Handle()}
    yield Dispatcher(settings, handles)
    for task in loops():
        task.cancel()
    await asyncio.gather(*loops(), return_exceptions=True)


def loops() -> list[asyncio.Task[Any]]:
    """What goes on without end in this process."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("forever:")]


async def test_it_is_well_while_its_loops_live_and_unwell_when_they_have_ended(dispatcher: Dispatcher) -> None:
    await dispatcher.check_health()
    (loop,) = (task for task in loops() if "dispatcher's loop" in task.get_name())
    loop.cancel()
    await asyncio.wait([loop])
    await asyncio.sleep(0)  # the callbacks' turn
    with pytest.raises(RuntimeError, match="dispatcher's loop has died"):
        await dispatcher.check_health()


def test_what_the_app_logs_is_in_serves_log() -> None:
    seen: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: seen.append(record.getMessage())  # type: ignore[method-assign]
    SERVE.addHandler(listener)
    try:
        with recorded():
            listen(IntoServe(logging.Formatter(), 1000, 1), "info")
            for name in ("app.dispatch.attempts", "deployments.dispatcher", "cluster.local"):
                logging.getLogger(name).info("a lease ran out")
            logging.getLogger("kinoray").debug("nothing of interest")
    finally:
        SERVE.removeHandler(listener)
    assert seen == ["a lease ran out"] * 3
