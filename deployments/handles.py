"""Turns deployment handles into the app's ports, and Ray's wrapped errors back into ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException
from ray.serve.handle import DeploymentHandle

from app.cache.similar import MOST_NEAR, Near, Note
from app.cache.store import SIMILAR, LevelFigures
from app.errors import KinorayError, ServiceUnavailable
from app.plan.sentences import SentenceFigures
from app.types import Caller, Plan, VideoRequest

T = TypeVar("T")

CLEAR_S = 30.0

LOST = (RayActorError, DeploymentUnavailableError)
"""The replica died, or there is none: the call may be made again elsewhere."""


async def ask(answer: Awaitable[T], timeout_s: float, what: str) -> T:
    """Wait for a handle call.

    Raises:
        KinorayError: whatever of ours the callee raised, unwrapped.
        ServiceUnavailable: nobody answered in time, or the callee is gone.
    """
    try:
        return await asyncio.wait_for(_awaited(answer), timeout_s)
    except asyncio.TimeoutError:
        raise ServiceUnavailable(f"The {what} did not answer within {timeout_s:.0f} s.") from None
    except BackPressureError:
        raise ServiceUnavailable(f"The {what} has too much to do.") from None
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, KinorayError):
            raise cause from None
        raise
    except (*LOST, RayServeException):
        raise ServiceUnavailable(f"The {what} is not running.") from None


async def _awaited(answer: Awaitable[T]) -> T:
    return await answer


class AnalyzerHandle:
    """The Planner port over the PromptAnalyzer deployment."""

    def __init__(self, handle: DeploymentHandle[Any], timeout_s: float = 10.0) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def plan(self, request: VideoRequest, caller: Caller) -> Plan:
        answer: Plan = await ask(self._handle.plan.remote(request, caller), self._timeout_s, "prompt analyzer")
        return answer


class SentencesHandle:
    """The Sentences port over the PromptAnalyzer deployment."""

    def __init__(self, handle: DeploymentHandle[Any], timeout_s: float = 10.0) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = await ask(self._handle.embed.remote(list(texts)), self._timeout_s, "text encoder")
        return answer

    async def figures(self) -> SentenceFigures:
        """Those of one replica. Raises ServiceUnavailable."""
        answer: SentenceFigures = await ask(self._handle.sentence_figures.remote(), self._timeout_s, "text encoder")
        return answer


class CacheHandle:
    """The ByteCache port over the Cache deployment; a cache that does not answer is an empty cache.

    A key's calls go to one replica, so that replicas share the keys among them and each entry is in one memory: the key
    is the session that Serve's ConsistentHashRouter (see `serve_config.yaml`) hashes.
    """

    def __init__(self, handle: DeploymentHandle[Any], timeout_s: float = 1.0) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    def _at(self, level: str, key: str) -> DeploymentHandle[Any]:
        return self._handle.options(session_id=f"{level}:{key}")

    async def get(self, level: str, key: str) -> bytes | None:
        try:
            found: bytes | None = await ask(self._at(level, key).get.remote(level, key), self._timeout_s, "cache")
        except (KinorayError, RayError):
            return None
        return found

    async def put(self, level: str, key: str, value: bytes, ttl_s: float, worth: float = 0.0) -> None:
        await self._quietly(self._at(level, key).put.remote(level, key, value, ttl_s, worth))

    async def drop(self, level: str, key: str) -> None:
        await self._quietly(self._at(level, key).drop.remote(level, key))

    async def clear(self, level: str | None = None) -> int:
        """Every replica clears its memory, and all of them the shared tier. It takes its time with many entries."""
        try:
            everywhere = self._handle.broadcast("clear", level).results_async(timeout_s=CLEAR_S)
            return sum(await ask(everywhere, CLEAR_S, "cache"))
        except (KinorayError, RayError, TimeoutError):
            return 0

    async def figures(self) -> dict[str, LevelFigures]:
        try:
            figures: dict[str, LevelFigures] = await ask(self._handle.figures.remote(), self._timeout_s, "cache")
        except (KinorayError, RayError):
            return {}
        return figures

    async def healthy(self) -> bool:
        try:
            return bool(await ask(self._handle.healthy.remote(), self._timeout_s, "cache"))
        except (KinorayError, RayError):
            return False

    async def _quietly(self, answer: Awaitable[None]) -> None:
        try:
            await ask(answer, self._timeout_s, "cache")
        except (KinorayError, RayError):
            return


class SimilarHandle:
    """The SimilarIndex port over the Cache deployment: a scope's calls go to one replica, which holds it in memory."""

    def __init__(self, handle: DeploymentHandle[Any], timeout_s: float = 1.0) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def near(self, scope: str, vector: NDArray[np.float32], most: int = MOST_NEAR) -> list[Near]:
        try:
            found: list[Near] = await ask(self._at(scope).near.remote(scope, vector, most), self._timeout_s, "cache")
        except (KinorayError, RayError):
            return []
        return found

    async def note(self, scope: str, note: Note, vector: NDArray[np.float32], ttl_s: float) -> None:
        with contextlib.suppress(KinorayError, RayError):
            await ask(self._at(scope).note.remote(scope, note, vector, ttl_s), self._timeout_s, "cache")

    def _at(self, scope: str) -> DeploymentHandle[Any]:
        return self._handle.options(session_id=f"{SIMILAR}:{scope}")
