"""Serve's autoscaler, simulated: asks the Dispatcher how many replicas a pool is to have, starts and stops them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.simulate.faults.nodes import DispatcherNode, ReplicaNode

if TYPE_CHECKING:
    from app.simulate.faults.world import World

ASKED_S = 1.0  # between two questions


async def autoscale(world: World) -> None:
    """Without end. A pool for which the Dispatcher does not answer keeps what it has, as in `deployments.scaling`."""
    while True:
        await asyncio.sleep(ASKED_S)
        wanted = _wanted(world)
        for pool, (least, most) in world.settings.replicas.items():
            if pool in wanted:
                _resize(world, pool, min(max(wanted[pool], least), most))


def _wanted(world: World) -> dict[str, int]:
    there = [
        node.dispatcher.wanted
        for node in world.nodes.values()
        if isinstance(node, DispatcherNode) and node.there and not node.process.frozen
    ]
    return {pool: count for wanted in there for pool, count in wanted.items()}


def _resize(world: World, pool: str, count: int) -> None:
    """The first of its places are asked for: which replica goes is not up to who has work."""
    places = [node for node in world.nodes.values() if isinstance(node, ReplicaNode) and node.pool == pool]
    for number, node in enumerate(places):
        asked, node.asked = node.asked, number < count
        if node.asked and not asked:
            world.trace.note("asked", node.place)
            if not node.process.alive or not node.lives:  # else one that is being drained is there, and is replaced
                node.boot()
        elif asked and not node.asked:
            world.trace.note("released", node.place)
            if node.started:
                world.drain(node)
            else:
                world.kill(node, 0.0)
