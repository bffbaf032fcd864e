"""The backlog as one record: the dispatcher writes it down, admission, health, metrics and statistics read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from operator import attrgetter

from pydantic import TypeAdapter, ValidationError

from app.line.dispatch import Pool


@dataclass(frozen=True, slots=True)
class TenantWaits:
    """What one tenant has in a pool, and what its next job of each class would wait for."""

    jobs: int = 0  # waiting
    running: int = 0
    ahead_s: Mapping[str, float] = field(default_factory=dict)  # seconds
    ahead: Mapping[str, int] = field(default_factory=dict)  # jobs
    lead: Mapping[str, float] = field(default_factory=dict)  # virtual time by which the least of the others is behind
    longest_s: Mapping[str, float] = field(default_factory=dict)  # the longest wait of those whom it would hold up


@dataclass(frozen=True, slots=True)
class TenantUse:
    """One tenant's part of all pools, for operators."""

    weight: float = 1.0
    jobs: int = 0  # waiting
    running: int = 0
    step_seconds: float = 0.0  # that it was given lately, as `app.line.tenant_shares` counts
    share: float = 0.0  # of all that was given lately, 0..1


@dataclass(frozen=True, slots=True)
class PoolBacklog:
    """What one pool has to do. Work in step-seconds, waits in seconds."""

    jobs: int = 0  # waiting
    running: int = 0
    step_seconds: float = 0.0  # of both
    slots: int | None = None  # None: an older note
    replicas: int = 0
    wait_s: float = 0.0  # until all of that is done, one device after another
    ahead_s: Mapping[str, float] = field(default_factory=dict)  # the wait of a job that comes now, by priority
    longest_s: Mapping[str, float] = field(default_factory=dict)  # the longest wait of those whom it would hold up
    wanted: int | None = None  # replicas that the scaling policy asks for; None: the pool does not scale
    because: str | None = None  # what decided that, as a label
    why: str | None = None  # the same as a sentence
    # Without replicas: whether it is known when the first will be there; older notes take it as known
    comes: bool = True
    unplaced: str | None = None  # why the cluster has no place for a replica that is wanted
    start_s: float | None = None  # a first replica takes so long to come, of a pool that has none
    tenants: Mapping[str, TenantWaits] | None = None  # of those who wait or run; None: an older note
    newcomer: TenantWaits | None = None  # of a tenant that has nothing in the pool
    classes: Mapping[str, int] = field(default_factory=dict)  # of the waiting ones, how many by priority

    def waits_of(self, tenant: str) -> TenantWaits | None:
        """What holds for a tenant's next job; None of an older note, or of a pool that nobody has used."""
        return (self.tenants or {}).get(tenant, self.newcomer)

    @property
    def capacity(self) -> Pool:
        """The pool as the estimates see it; without `slots` its replicas take more than one job each."""
        return Pool(self.replicas + 1 if self.slots is None else self.slots, 0, self.replicas)


@dataclass(frozen=True, slots=True)
class Backlog:
    """All pools' work at a moment."""

    at: float = 0.0  # Unix seconds, by the clock of the stores
    jobs: int = 0
    running: int = 0
    step_seconds: float = 0.0
    wait_s: float = 0.0  # the longest of the pools'
    pools: Mapping[str, PoolBacklog] | None = None  # None: an older note, which knew of no pools
    # Step-seconds ever let in by "pool/priority", from before the line was read; None: an older note
    entered: Mapping[str, float] | None = None
    tenants: Mapping[str, TenantUse] | None = None  # for operators alone

    def pool(self, name: str) -> PoolBacklog:
        """That pool's part; of a pool that nobody has used yet, an empty one."""
        return (self.pools or {}).get(name, _NO_POOL)

    def foreseen(self, name: str) -> bool:
        """Whether it is known when a job of that pool starts: not where it has no replica and does not scale either."""
        row = (self.pools or {}).get(name)
        return row is None or row.replicas > 0 or (row.wanted is not None and row.comes)


_NO_POOL = PoolBacklog()
_BACKLOG = TypeAdapter(Backlog)
_OF_TENANTS = ("tenants", "newcomer")


def backlog_to_note(backlog: Backlog) -> dict[str, object]:
    """The record as JSON values, as the shared state keeps it and `/api/stats` shows it."""
    pools = None if backlog.pools is None else {name: _filled(row) for name, row in backlog.pools.items()}
    return {**_filled(backlog), **({} if pools is None else {"pools": pools})}


def backlog_from_note(note: Mapping[str, object] | None) -> Backlog | None:
    """The record of a note of this or an earlier version.

    None where there is no note, or one that makes no sense, which counts as none.
    """
    try:
        return None if note is None else _BACKLOG.validate_python(note)
    except ValidationError:
        return None


def without_tenants(note: Mapping[str, object]) -> dict[str, object]:
    """A note as anybody may see it: without what it says of single tenants."""
    pools = note.get("pools")
    rows = pools if isinstance(pools, Mapping) else {}
    shown = {name: {key: row[key] for key in row if key not in _OF_TENANTS} for name, row in rows.items()}
    kept = {key: value for key, value in note.items() if key not in _OF_TENANTS}
    return {**kept, "pools": shown} if "pools" in kept else kept


def _filled(row: Backlog | PoolBacklog) -> dict[str, object]:
    found = _values(row)
    for name in [name for name, value in found.items() if value is None]:
        del found[name]
    if row.tenants is not None:
        found["tenants"] = {tenant: _values(each) for tenant, each in row.tenants.items()}
    if isinstance(row, PoolBacklog) and row.newcomer is not None:
        found["newcomer"] = _values(row.newcomer)
    return found


def _values(record: Backlog | PoolBacklog | TenantWaits | TenantUse) -> dict[str, object]:
    """Its fields. `asdict` would copy all that is below them, which nobody changes, at every pass."""
    names, read = _FIELDS[type(record)]
    return dict(zip(names, read(record), strict=True))


def _reader(kind: type) -> tuple[tuple[str, ...], attrgetter[tuple[object, ...]]]:
    names = tuple(each.name for each in fields(kind))
    return names, attrgetter(*names)


_FIELDS = {kind: _reader(kind) for kind in (Backlog, PoolBacklog, TenantWaits, TenantUse)}
