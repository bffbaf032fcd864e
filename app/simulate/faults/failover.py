"""A Redis fails over: what was written in the last moments is gone, as with asynchronous replication."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from app.types import Job

_Kept = dict[int, tuple[Any, Any]]  # containers by identity: the container, and what was in it

PLAIN = (int, float, str, bytes, type(None), tuple, frozenset, bool)


def copied(value: Any) -> Any:
    """Containers copied, records shared: they are immutable."""
    if isinstance(value, dict):
        kept = {key: copied(each) for key, each in value.items()}
        return kept
    if isinstance(value, (set, deque, list)):
        return type(value)(value) if not isinstance(value, deque) else deque(value, value.maxlen)
    return value


class Snapshot:
    """Stores in memory at a moment. Put back in place: what several of them share stays shared."""

    def __init__(self, stores: Iterable[object]) -> None:
        self._stores = list(stores)
        self._containers: _Kept = {}
        self._numbers: list[tuple[object, str, Any]] = []
        for store in self._stores:
            for name, value in vars(store).items():
                if isinstance(value, (dict, set, deque)):
                    self._containers[id(value)] = (value, copied(value))
                elif isinstance(value, PLAIN):
                    self._numbers.append((store, name, value))

    def restore(self) -> None:
        """As it was; counters that make ids go on, as a server's own would not repeat them either."""
        for container, kept in self._containers.values():
            container.clear()
            if isinstance(container, deque):
                container.extend(kept)
            else:
                container.update(copied(kept))


def lost_by(before: dict[str, Job], after: dict[str, Job]) -> set[str]:
    """The jobs that are gone, or stand where they stood before."""
    return {name for name, job in before.items() if after.get(name) != job}
