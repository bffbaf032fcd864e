"""The Cache deployment behind the app's ports: bytes by key, and the index of similar videos."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray.exceptions import RayError
from ray.serve.handle import DeploymentHandle

from app.cache.similar import MOST_NEAR, Near, Note
from app.cache.store import SIMILAR, LevelFigures
from app.errors import KinorayError
from app.tracing.carry import traced
from deployments.calls import ask

CLEAR_S = 30.0


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
            found: bytes | None = await ask(
                self._at(level, key).get.remote(level, key, traced()), self._timeout_s, "cache"
            )
        except (KinorayError, RayError):
            return None
        return found

    async def put(self, level: str, key: str, value: bytes, ttl_s: float, worth: float = 0.0) -> None:
        await self._quietly(self._at(level, key).put.remote(level, key, value, ttl_s, worth, traced()))

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
