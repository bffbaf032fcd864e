"""Asks Serve, again and again, whom it still gives work to, and tells the others to hand their jobs back and leave."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ray.exceptions import RayError
from ray.serve.exceptions import DeploymentUnavailableError, RayServeException
from ray.serve.handle import DeploymentHandle

from app.dispatch.routing import Roll
from app.errors import KinorayError
from app.jobs.events import StopSignals
from app.jobs.store import JobStore
from app.types import ReplicaInfo

log = logging.getLogger("ray.serve")
CALL_S = 1.0  # between two roll calls, and
SOON_S = 0.2  # while there is a replica that Serve has not reached yet
ANSWER_S = 5.0


def farewell(name: str) -> str:
    """The signal, among those that stop jobs, by which a replica is told to leave."""
    return f"replica_{name}"


class Roster:
    """A roll call of every pool each second; what it finds is `Roll`'s to judge."""

    def __init__(self, pools: Mapping[str, DeploymentHandle[Any]], jobs: JobStore, stops: StopSignals) -> None:
        self._pools = pools
        self._jobs = jobs
        self._stops = stops
        self._roll = Roll()

    def staying(self, replicas: Sequence[ReplicaInfo]) -> list[ReplicaInfo]:
        """Those that still take jobs."""
        return self._roll.staying(replicas)

    async def run(self) -> None:
        """Without end."""
        while True:
            pause_s = CALL_S
            try:
                await asyncio.gather(*(self._call(pool, handle) for pool, handle in self._pools.items()))
                replicas = await self._jobs.replicas()
                pause_s = SOON_S if self._roll.strangers(replicas) else CALL_S
                for name in self._roll.leaving(replicas, time.time()):
                    log.info("Replica %s is being stopped: it is told to hand its jobs back", name)
                    await self._stops.send(farewell(name))
            except KinorayError as error:
                log.warning("No roll call: %s", error)
            except Exception:
                log.exception("A roll call failed")
            await asyncio.sleep(pause_s)

    async def _call(self, pool: str, handle: DeploymentHandle[Any]) -> None:
        try:
            answer = handle.broadcast("present").results_async(timeout_s=ANSWER_S)
            names = await asyncio.wait_for(answer, 2 * ANSWER_S)
        except DeploymentUnavailableError:  # it has no replica that could be given anything
            names = []
        except (RayError, RayServeException, asyncio.TimeoutError, TimeoutError) as error:
            log.info("The roll call of %s tells nothing: %s", pool, type(error).__name__)
            return
        self._roll.heard(pool, names)
