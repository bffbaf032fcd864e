"""Seats for those who stay: each event stream, WebSocket and waiting request takes one, and beyond them is a 503."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, cast

import anyio
from cachetools import LRUCache
from fastapi import Depends
from starlette.requests import HTTPConnection

from app.errors import TooManyFollowers

RETRY_AFTER_S = 5.0
FEW = 50  # followers, each of whom is told of everything as it happens
PIECES_A_S = 200.0
"""Of all streams of one Router together: Serve's proxy takes 0.6 ms of a core for each, and short requests, a look at
`/health` among them, wait behind what piles up there."""
PIECES_KEPT = 256  # events, of some 100 bytes; previews have some ten thousand
OPENING = 32  # streams at a time: of a thousand that come at once, each would wait for the store behind all others


class Followers:
    """How many are there, and how many may be."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.count = 0
        self.opening = anyio.Semaphore(OPENING)
        """Held while what a stream begins with is read."""
        self._pieces: LRUCache[tuple[str, str, str], bytes] = LRUCache(PIECES_KEPT)

    @property
    def pause_s(self) -> float:
        """Between two pieces of one stream of a job; what happens meanwhile comes in one piece.

        Without it pieces pile up in the proxy, where neither an end nor anybody's request overtakes them.
        """
        return self.count / PIECES_A_S if self.count > FEW else 0.0

    def piece(self, which: tuple[str, str, str], encode: Callable[[], bytes]) -> bytes:
        """What streams say of an event, by its job, kind and id: encoded once for all who follow."""
        piece = self._pieces.get(which)
        if piece is None:
            piece = self._pieces[which] = encode()
        return piece

    @contextmanager
    def seat(self) -> Iterator[None]:
        """Held by one of them. Raises TooManyFollowers at once when all are taken."""
        if self.count >= self._most:
            message = f"{self.count:,} streams are open here, which is all that may be: ask again later."
            raise TooManyFollowers(message, retry_after_s=RETRY_AFTER_S)
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1


def followers_of(connection: HTTPConnection) -> Followers:
    """Those of the application that serves it."""
    return cast(Followers, connection.app.state.followers)


async def _seat(connection: HTTPConnection) -> AsyncIterator[None]:
    with followers_of(connection).seat():
        yield


Seat = Annotated[None, Depends(_seat)]
"""A seat for a request or stream until it is over. Raises TooManyFollowers before anything is read for it."""
