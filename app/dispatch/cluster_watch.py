"""Looks at the cluster every few seconds: which pools have no place in it, and how many nodes it has and has lost."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from app.dispatch.holding import Holding
from app.dispatch.pace import Pace
from app.errors import KinorayError
from app.jobs.board import NODES, Board
from app.jobs.shards import HOUSE

log = logging.getLogger(__name__)
LOOK_S = 5.0  # between two looks, and
IDLE_LOOK_S = 15.0  # while no job waits that a replica without a place could make
NOTE_TTL_S = 60.0


@dataclass(frozen=True, slots=True)
class ClusterView:
    """The cluster at a moment. `unplaced`: why, by pool that wants a replica for which there is no room.

    `lost`: nodes that went without having been told to, since the cluster's head started.
    """

    alive: int = 0
    lost: int = 0
    unplaced: Mapping[str, str] = field(default_factory=dict)


class Cluster(Protocol):
    """Whatever places replicas on nodes."""

    async def look(self) -> ClusterView | None:
        """How it is now; None when it does not answer."""
        ...


class NoCluster:
    """Everything has its place: tests, tools and simulations."""

    async def look(self) -> ClusterView | None:
        return None


class ClusterWatch:
    """Keeps what was seen last, and notes the nodes on the board for the metrics."""

    def __init__(self, cluster: Cluster, board: Board, holding: Holding, pace: Pace) -> None:
        self._holding = holding
        self._pace = pace
        self._cluster = cluster
        self._board = board
        self.unplaced: Mapping[str, str] = {}
        """Why, by pool that has no place; as it was seen last."""

    async def run(self) -> None:
        """Without end."""
        while True:
            try:
                await self.look()
            except KinorayError as error:
                log.info("The nodes are not noted: %s", error)
            except Exception:
                log.exception("The cluster cannot be looked at")
            await self._pace.pause(LOOK_S, IDLE_LOOK_S)

    async def look(self) -> None:
        """Once. Raises StoreUnavailable."""
        seen = await self._cluster.look()
        if seen is None:
            return
        for pool in sorted(seen.unplaced.keys() - self.unplaced.keys()):
            log.warning("The pool %s has no place: %s", pool, seen.unplaced[pool])
        self.unplaced = dict(seen.unplaced)
        if self._holding.house:
            note = {"alive": seen.alive, "lost": seen.lost}
            await self._board.put(NODES, note, NOTE_TTL_S, self._holding.under(HOUSE))
