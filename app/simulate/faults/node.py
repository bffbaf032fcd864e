"""A process of a simulated service and its place: how it begins, reads clocks, reaches the stores, and dies."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.errors import KinorayError
from app.redis.clock import SharedClock
from app.redis.together import Together
from app.simulate.faults.remote import DyingProcess, Remote

if TYPE_CHECKING:
    from app.simulate.faults.world import World
    from app.stores import Stores

REDIS_PORTS = (
    "shards",
    "jobs",
    "checkpoints",
    "events",
    "stops",
    "board",
    "flights",
    "outbox",
    "storyboards",
    "uploads",
)


class RedisTime:
    """What the shared clock asks of its client: the time of the server, when it answers."""

    timeout_s = 2.0
    together: Together | None = None

    def __init__(self, world: World, process: DyingProcess) -> None:
        self._asked = Remote(self, process, world.redis)
        self._world = world

    async def told(self) -> tuple[int, int]:
        now = self._world.unix()
        return int(now), int(now % 1 * 1e6)

    def execute_command(self, *words: str) -> Later:
        return Later(self._asked.told)

    def pipeline(self, transaction: bool) -> TimePipe:
        return TimePipe(self._asked.told)


class TimePipe:
    """The same asked for by several at once, in one round trip."""

    def __init__(self, call: Callable[[], Coroutine[Any, Any, tuple[int, int]]]) -> None:
        self._call, self._asking = call, 0

    def execute_command(self, *words: str) -> None:
        self._asking += 1

    async def execute(self, raise_on_error: bool) -> list[tuple[int, int]]:
        return [await self._call()] * self._asking


class Later:
    """A call that begins when it is awaited: whoever was to do that may be dead by then."""

    def __init__(self, call: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._call = call

    def __await__(self) -> Generator[Any, None, Any]:
        return self._call().__await__()


class Node:
    """One process, and its place: when it has died another takes the place, under another name if it is a replica."""

    def __init__(self, place: str, world: World) -> None:
        self.place = place
        self.world = world
        self.lives = 0
        self.skew_s = 0.0
        self.read = 0
        self._loop = world.loop
        self.process = DyingProcess(place, world.loop)
        self.stores: Stores = world.stores
        self.started = False
        self.routed = False
        self.asked = True  # somebody is to be in its place

    @property
    def name(self) -> str:
        return f"{self.place}.{self.lives}"

    @property
    def there(self) -> bool:
        """Whether it can be called."""
        return self.started and self.process.alive

    def boot(self) -> None:
        """A new process takes the place."""
        self.lives += 1
        self.started = False
        self.process = DyingProcess(self.name, self.world.loop)
        self.process.died = self.died
        self.world.trace.note("boot", self.name)
        self.world.loop.start(self.process, self._watched(self._begin()))

    def died(self) -> None:
        """Told at once when it has."""
        self.world.trace.note("died", self.name)
        self.started = self.routed = False

    def monotonic(self) -> float:
        """Seconds of this machine."""
        self.read += 1  # no two reads are the same, as those of a real clock are not
        return self._loop.now + 1000.0 * self.lives + 1e-7 * self.read

    def wall(self) -> float:
        """Unix seconds, as this machine has them."""
        return self.world.unix() + self.skew_s

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        """What ends by no fault that was drawn is a violation: a service that never begins breaks no promise."""
        try:
            await work
        except KinorayError:
            raise
        except Exception as error:
            self.world.watch.broken(f"{self.place} has failed by itself, {type(error).__name__}: {error}")
            raise

    async def _begin(self) -> None:
        process, world = self.process, self.world
        clock = SharedClock(untyped(RedisTime(world, process)), self.monotonic, self.wall)
        redis = {name: untyped(Remote(getattr(world.stores, name), process, world.redis)) for name in REDIS_PORTS}
        artifacts = untyped(Remote(world.stores.artifacts, process, world.artifact_server))
        self.stores = replace(world.stores, clock=clock, artifacts=artifacts, **redis)
        self.cache: Any = Remote(world.cache, process, world.cache_server)
        await self.begin()
        self.started = self.routed = True

    async def begin(self) -> None:
        """Build what runs in it, and start that."""
        raise NotImplementedError

    def check(self) -> None:
        """Raises RuntimeError when it is beyond help, and another is to be started."""


def untyped(value: object) -> Any:
    return value
