"""A simulation that has run comes in; waits, latencies, use, refusals, hours and money go out, ready for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.simulate.load.outcome import COMPLETED, REFUSED, Outcome, Ran

SHARES = (0.5, 0.95, 0.99)
ALL = "all"


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds that half, 95 % and 99 % of the requests do not exceed; None where there is none."""

    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """Requests of one kind, or of one class of priority. `wait` is until the first lease, `latency` until the end."""

    name: str
    asked: int
    completed: int
    cached: int
    refused: int
    late: int
    unfinished: int
    wait: Spread
    latency: Spread
    promises_kept: float | None  # share of the promised waits that held; None where nothing was promised


@dataclass(frozen=True, slots=True)
class PoolRow:
    """Devices of one pool. `utilisation`: of the time that its replicas were there."""

    name: str
    replicas_least: int
    replicas_most: int
    replicas_mean: float
    device_hours: float
    busy_hours: float
    utilisation: float
    money: float | None


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """All of it. `throughput_per_h`: completed per hour of simulated time."""

    seconds: float
    requests: int
    throughput_per_h: float
    refused_share: float
    all: Row
    kinds: tuple[Row, ...]
    priorities: tuple[Row, ...]
    pools: tuple[PoolRow, ...]
    device_hours: float
    busy_hours: float
    utilisation: float
    money: float | None
    money_per_video: float | None
    simulated_in_s: float
    notes: tuple[str, ...] = field(default=())


def figures_of(ran: Ran, price: float | None, notes: Sequence[str] = ()) -> LoadFigures:
    """`price`: money per hour of one replica's device, while it is there."""
    pools = tuple(_pool(name, ran, price) for name in sorted(ran.alive_s))
    everyone = _row(ALL, ran.outcomes)
    hours, busy = sum(pool.device_hours for pool in pools), sum(pool.busy_hours for pool in pools)
    money = None if price is None else round(hours * price, 2)
    return LoadFigures(
        seconds=round(ran.seconds, 1),
        requests=len(ran.outcomes),
        throughput_per_h=round(everyone.completed / ran.seconds * 3600.0, 3) if ran.seconds else 0.0,
        refused_share=round(everyone.refused / max(1, everyone.asked), 5),
        all=everyone,
        kinds=_rows(ran.outcomes, [one.kind for one in ran.outcomes]),
        priorities=_rows(ran.outcomes, [one.priority for one in ran.outcomes]),
        pools=pools,
        device_hours=round(hours, 3),
        busy_hours=round(busy, 3),
        utilisation=round(busy / hours, 4) if hours else 0.0,
        money=money,
        money_per_video=None if money is None or not everyone.completed else round(money / everyone.completed, 4),
        simulated_in_s=round(ran.took_s, 2),
        notes=tuple(notes),
    )


def spread(values: Sequence[float]) -> Spread:
    """By nearest rank."""
    ordered = sorted(values)
    found = [round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3) for share in SHARES if ordered]
    return Spread(*found) if found else Spread(None, None, None)


def _rows(outcomes: Sequence[Outcome], names: Sequence[str]) -> tuple[Row, ...]:
    own: dict[str, list[Outcome]] = {}
    for name, one in zip(names, outcomes, strict=True):
        own.setdefault(name, []).append(one)
    return tuple(_row(name, own[name]) for name in sorted(own))


def _row(name: str, outcomes: Sequence[Outcome]) -> Row:
    ends = Counter(one.end for one in outcomes)
    made = [one for one in outcomes if one.end == COMPLETED]
    promised = [one for one in made if one.promised_s is not None]
    kept = sum(one.wait_s <= (one.promised_s or 0.0) + max(5.0, 0.1 * (one.promised_s or 0.0)) for one in promised)
    return Row(
        name=name,
        asked=len(outcomes),
        completed=ends[COMPLETED],
        cached=sum(one.cached for one in made),
        refused=ends[REFUSED],
        late=ends["late"],
        unfinished=ends["unfinished"],
        wait=spread([one.wait_s for one in made]),
        latency=spread([one.latency_s for one in made]),
        promises_kept=round(kept / len(promised), 4) if promised else None,
    )


def _pool(name: str, ran: Ran, price: float | None) -> PoolRow:
    counts = [count for _, count in ran.timeline[name]]
    hours, busy = ran.alive_s[name] / 3600.0, ran.busy_s[name] / 3600.0
    return PoolRow(
        name=name,
        replicas_least=min(counts[:-1] or counts),
        replicas_most=max(counts, default=0),
        replicas_mean=round(ran.alive_s[name] / ran.seconds, 2) if ran.seconds else 0.0,
        device_hours=round(hours, 3),
        busy_hours=round(busy, 3),
        utilisation=round(busy / hours, 4) if hours else 0.0,
        money=None if price is None else round(hours * price, 2),
    )
