"""Handles without a cluster: what Ray raises comes as our errors."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from ray.exceptions import RayActorError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

from app.errors import InvalidRequest, KinorayError, LeaseLost, PartFailed, ServiceUnavailable
from app.types import Measured
from app.types.storyboard import Narrator
from deployments.cache_handles import CacheHandle, SimilarHandle
from deployments.handles import EncoderHandle, FilmHandle, FinisherHandle, ping

pytestmark = pytest.mark.anyio
FRAMES = np.zeros((1, 8, 8, 3), np.uint8)


class Broken:
    """A deployment handle of which every call ends with the same error; None: it never ends."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Broken:
        return self

    def options(self, **_: Any) -> Broken:
        return self

    def broadcast(self, *_: Any) -> Broken:
        return self

    async def remote(self, *_: Any) -> Any:
        if self._error is None:
            await asyncio.Event().wait()
        raise self._error or AssertionError

    results_async = remote


def raised(cause: Exception) -> RayTaskError:
    return RayTaskError("finish", "a traceback", cause)


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (RayActorError(), ServiceUnavailable),
        (BackPressureError(1, 1), ServiceUnavailable),
        (raised(ZeroDivisionError("theirs")), ServiceUnavailable),
        (raised(LeaseLost("moved on")), LeaseLost),
        (None, ServiceUnavailable),
    ],
)
async def test_a_finisher_that_fails_raises_an_error_of_ours(error: Exception | None, ours: type[KinorayError]) -> None:
    handle: Any = Broken(error)
    with pytest.raises(ours):
        await FinisherHandle(handle, timeout_s=0.01).finish("video_00000000", 1, FRAMES, Measured())


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (RayActorError(), ServiceUnavailable),
        (raised(ZeroDivisionError("theirs")), ServiceUnavailable),
        (raised(LeaseLost("moved on")), LeaseLost),
        (raised(InvalidRequest("Nothing to say.", "narration")), InvalidRequest),
    ],
)
async def test_film_work_that_fails_raises_an_error_of_ours(error: Exception, ours: type[KinorayError]) -> None:
    handle: Any = Broken(error)
    work = FilmHandle(handle)
    for call in (
        work.voices(),
        work.hear("public", ["Hello."], Narrator()),
        work.speak("public", "Hello.", Narrator()),
        work.caption("a ball", None, "en"),
        work.assemble("story_00000000", 1),
    ):
        with pytest.raises(ours):
            await call


@pytest.mark.parametrize("error", [RayActorError(), raised(ZeroDivisionError("theirs")), None])
async def test_an_encoder_that_fails_is_unavailable(error: Exception | None) -> None:
    handle: Any = Broken(error)
    with pytest.raises(ServiceUnavailable):
        await EncoderHandle(handle, timeout_s=0.01)("a prompt")


async def test_an_encoder_that_died_or_failed_over_a_prompt_is_told_from_one_that_is_not_there() -> None:
    kinds = []
    for error in (
        RayActorError(),
        raised(ZeroDivisionError("theirs")),
        DeploymentUnavailableError("it"),
        BackPressureError(1, 1),
        None,
    ):
        handle: Any = Broken(error)
        with pytest.raises(ServiceUnavailable) as told:
            await EncoderHandle(handle, timeout_s=0.01)("a prompt")
        kinds.append(type(told.value))
    assert kinds == [PartFailed, PartFailed, *(ServiceUnavailable,) * 3]


@pytest.mark.parametrize("error", [RayActorError(), raised(ZeroDivisionError("theirs")), None])
async def test_a_cache_that_fails_is_an_empty_cache(error: Exception | None) -> None:
    handle: Any = Broken(error)
    cache, similar = CacheHandle(handle, timeout_s=0.01), SimilarHandle(handle, timeout_s=0.01)
    await cache.put("results", "key", b"value", 60.0)
    assert (await cache.get("results", "key"), await cache.figures(), await cache.healthy()) == (None, {}, False)
    assert await similar.near("scope", np.zeros(384, np.float32)) == []


async def test_who_does_not_answer_in_time_is_named() -> None:
    handle: Any = Broken(None)
    with pytest.raises(ServiceUnavailable, match="dispatcher did not answer"):
        await ping(handle, 0.01, "dispatcher")
