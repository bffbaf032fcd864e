"""How each pool is: what its replicas announce, and what those that could not start left on the board, come in."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from app.errors import ModelUnavailable
from app.jobs.board import BACKLOG, Board
from app.jobs.store import JobStore
from app.line.backlog import backlog_from_note
from app.plan.catalogue import pool_of
from app.plan.tiers import TIERS
from app.settings import Settings
from app.types import ModelProfile, ReplicaInfo

ENCODER, DIFFUSER = "encoder", "diffuser"
PARTS: Final = (ENCODER, DIFFUSER)  # of a pool; without the first the second cannot start, so its reason comes first
FAILURE_TTL_S = 30 * 86400.0  # until a replica of the pool starts: Serve does not try for ever
RETRY_S = 60.0  # a pool that may sleep is woken again by the next job after this

State = Literal["ready", "asleep", "starting", "failed", "unplaced"]


@dataclass(frozen=True, slots=True)
class StartNote:
    """What a replica says of its start, on the board: that it is under way, or why it failed."""

    at: float  # Unix seconds, by the clock of the stores
    model: str
    replica: str
    why: str = ""
    final: bool = False  # another try would fail in the same way
    work: int = 0  # of a start under way: grows while it computes, reads or writes


_NOTE: Final = TypeAdapter(StartNote)


def failure_name(pool: str, part: str) -> str:
    """The note of the last start of a pool's part that failed."""
    return f"start_failed/{pool}/{part}"


def under_way_name(pool: str, part: str) -> str:
    """The note of a start that is under way."""
    return f"starting/{pool}/{part}"


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """A pool at a moment. `error`: why its last start failed, though other replicas may be there.

    ready: a replica takes jobs; asleep: the next job wakes one; starting: none is there yet, or none any more; failed:
    none is there, because the last that was started could not serve; unplaced: none is there, and the cluster has no
    place for the one that is wanted.
    """

    pool: str
    model: str
    state: State
    replicas: int = 0
    slots: int = 0
    memory: str = "ok"  # the worst of its replicas'
    error: str | None = None
    failed_at: float | None = None  # Unix seconds
    final: bool = False
    work: int = 0
    leaving: int = 0  # replicas that take no more jobs

    @property
    def ready(self) -> bool:
        """Whether it takes jobs, or would if one came."""
        return self.state in ("ready", "asleep")


def why_not(status: PoolStatus) -> str:
    """Why a pool takes no jobs, in a sentence."""
    if status.state == "failed":
        return f"The pool {status.pool} cannot start: {status.error}"
    if status.state == "unplaced":
        return f"The pool {status.pool} has no place in the cluster: {status.error}"
    if status.leaving:
        return f"The pool {status.pool} takes no jobs: its {status.leaving} replicas are leaving"
    return f"The pool {status.pool} has no replica yet"


def pools_of(models: Iterable[ModelProfile], pools: Mapping[str, str]) -> dict[str, str]:
    """Every pool of a service with the id of its model; `pools` is the setting."""
    return {
        pool: model.id for model in models for pool in (model.pool, *(pool_of(model, tier, pools) for tier in TIERS))
    }


class PoolWatch:
    """Reads how the pools are, anew each time; raises StoreUnavailable."""

    def __init__(self, models: Iterable[ModelProfile], settings: Settings, jobs: JobStore, board: Board) -> None:
        self._models = pools_of(models, settings.pools)
        self._sleepers = {pool for pool, (least, _) in settings.replicas.items() if least == 0}
        self._jobs = jobs
        self._board = board

    async def look(self) -> dict[str, PoolStatus]:
        """All pools, by name."""
        replicas = await self._jobs.replicas()
        found = await asyncio.gather(*(self._status(pool, replicas) for pool in sorted(self._models)))
        return {status.pool: status for status in found}

    async def of(self, pool: str) -> PoolStatus:
        """One pool; of one that this service does not have, that it starts."""
        return await self._status(pool, await self._jobs.replicas())

    async def refuse_what_waits_for_ever(self, pool: str, now: float) -> None:
        """Raises ModelUnavailable: the pool has no replica because none can start, so that a job would only wait.

        A pool whose replicas have died, are still loading or come with the first job is waited for.
        """
        if await self._failure(pool) is None:  # nearly always: one look at the board is all that a request costs
            return
        status = await self.of(pool)
        if status.state == "failed" and not (pool in self._sleepers and now - (status.failed_at or 0.0) > RETRY_S):
            raise ModelUnavailable(
                f"{status.model} cannot be served at present: {status.error}", param="model", retry_after_s=30.0
            )

    async def _status(self, pool: str, replicas: Collection[ReplicaInfo]) -> PoolStatus:
        here = [each for each in replicas if each.pool == pool and not each.leaving]
        failure, work = await self._failure(pool), await self._work(pool)
        unplaced = None if here or failure is not None else await self._unplaced(pool)
        otherwise: State = "unplaced" if unplaced else "asleep" if pool in self._sleepers else "starting"
        return PoolStatus(
            pool=pool,
            model=self._models.get(pool, ""),
            state="ready" if here else "failed" if failure is not None else otherwise,
            replicas=len(here),
            slots=sum(each.slots for each in here),
            memory=min((each.pressure for each in here if each.pressure != "ok"), default="ok"),  # critical < warning
            error=unplaced if failure is None else failure.why,
            failed_at=None if failure is None else failure.at,
            final=failure is not None and failure.final,
            work=work,
            leaving=sum(each.pool == pool and each.leaving for each in replicas),
        )

    async def _unplaced(self, pool: str) -> str | None:
        """Why the cluster has no place for a replica of it, as the Dispatcher noted it last."""
        backlog = backlog_from_note(await self._board.get(BACKLOG))
        return None if backlog is None else backlog.pool(pool).unplaced

    async def _failure(self, pool: str) -> StartNote | None:
        notes = await asyncio.gather(*(self._board.get(failure_name(pool, part)) for part in PARTS))
        return next((note for note in map(_noted, notes) if note is not None), None)

    async def _work(self, pool: str) -> int:
        notes = await asyncio.gather(*(self._board.get(under_way_name(pool, part)) for part in PARTS))
        return sum(note.work for note in map(_noted, notes) if note is not None)


def _noted(note: Mapping[str, object] | None) -> StartNote | None:
    """The record of a note; one that makes no sense counts as none."""
    try:
        return None if note is None else _NOTE.validate_python(note)
    except ValidationError:
        return None
