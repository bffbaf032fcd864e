"""What a Router hands to the service, without Ray: the stores of a drill come in, the ports go out."""

from __future__ import annotations

from app.cache.memory import MemoryCache
from app.plan.sentences import WordSentences
from app.service.ports import Ports
from app.settings import Settings
from app.stores import Stores
from tests.api.house import MODEL, Plans


def router_ports(stores: Stores, settings: Settings) -> Ports:
    """Every store that outlives a process is the drill's; plans are made here."""
    return Ports(
        planner=Plans(settings, stores.presets, stores.ratings, (MODEL,)),
        cache=MemoryCache(2**20),
        jobs=stores.jobs,
        events=stores.events,
        stops=stores.stops,
        artifacts=stores.artifacts,
        board=stores.board,
        flights=stores.flights,
        meter=stores.meter,
        outbox=stores.outbox,
        models=(MODEL,),
        presets=stores.presets,
        sentences=WordSentences(),
        ratings=stores.ratings,
        storyboards=stores.storyboards,
    )
