"""What the Dispatcher keeps for health after a pass: what was mended since the last one, samples, and history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from app.dispatch.ports import DispatchStores
from app.health.history import WINDOWS, reading_of
from app.health.observer import RedisObserver, ReplicaObserver
from app.health.samples import MINUTE_S, PoolSample, Sample
from app.line.backlog import Backlog
from app.telemetry import CACHE_HITS, CACHE_MISSES, JOBS_ENDED, labelled
from app.types import ReplicaInfo

RESULTS, COMPLETED = "results", "completed"
WANTED = frozenset({COMPLETED, "cancelled"})  # ends that are no failures


class HealthWatch:
    """The one writer of samples and history. A pass costs nothing but comparisons; ten seconds two round trips."""

    def __init__(self, stores: DispatchStores, monotonic: Callable[[], float]) -> None:
        self._stores = stores
        self._monotonic = monotonic
        self._failing_since: float | None = None  # monotonic
        self.forget()

    def forget(self) -> None:
        """Another keeps all this now: what it saw meanwhile is nothing to compare with what was seen before."""
        self._replicas = ReplicaObserver()
        self._redis = RedisObserver()
        self._resumed = False
        self._minute: int | None = None
        self._slots: dict[str, int] = {}  # the last reading of each window of the history

    def failed(self) -> None:
        """A pass found no Redis."""
        if self._failing_since is None:
            self._failing_since = self._monotonic()

    async def after_pass(
        self, replicas: Sequence[ReplicaInfo], backlog: Backlog, wanted: Mapping[str, int], now: float
    ) -> None:
        """`replicas`: all that show signs of life; `wanted`: replicas of pools that scale. Raises StoreUnavailable."""
        stores, minute = self._stores, int(now // MINUTE_S)
        if not self._resumed:
            self._replicas.resume(await stores.recoveries.standings())
            self._resumed = True
        signals = self._replicas.observe(replicas, wanted, now)
        if minute != self._minute or self._failing_since is not None:
            server = await stores.server.ask()
            signals += self._redis.observe(server, self._away_s(), now)
            self._failing_since = None
        due = [window for window in WINDOWS.values() if self._slots.get(window.name) != window.slot(now)]
        figures = await stores.meter.read() if due or minute != self._minute else {}
        if due:
            await stores.history.keep(reading_of(backlog, figures), due)
            self._slots |= {window.name: window.slot(now) for window in due}
        if minute != self._minute:
            signals += self._replicas.under_way(now)
            await stores.samples.keep(sample_of(backlog, len(replicas), figures))
            self._minute = minute
        if signals:
            await stores.recoveries.record(*signals)

    def _away_s(self) -> float:
        return 0.0 if self._failing_since is None else self._monotonic() - self._failing_since


def sample_of(backlog: Backlog, replicas: int, figures: Mapping[str, float]) -> Sample:
    """What a pass has published, and the counters, as one sample."""
    ended = labelled(figures, JOBS_ENDED)
    completed = ended.get(COMPLETED, 0.0)
    pools = {
        name: PoolSample(round(row.step_seconds, 3), round(row.wait_s, 3), row.replicas)
        for name, row in (backlog.pools or {}).items()
    }
    return Sample(
        at=backlog.at,
        waiting=backlog.jobs,
        running=backlog.running,
        step_seconds=round(backlog.step_seconds, 3),
        wait_s=round(backlog.wait_s, 3),
        replicas=replicas,
        completed=completed,
        failed=sum(count for code, count in ended.items() if code not in WANTED),
        hits=labelled(figures, CACHE_HITS).get(RESULTS, 0.0),
        misses=labelled(figures, CACHE_MISSES).get(RESULTS, 0.0),
        pools=pools,
    )
