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
    planner = Plans(settings, stores.presets, stores.ratings, (MODEL,))
    return Ports.over(stores, planner, MemoryCache(2**20), (MODEL,), WordSentences())
