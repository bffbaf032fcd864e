"""To which replica of a pool an attempt goes: the least busy, by lot among equals, as `deployments.least_busy` does."""

from __future__ import annotations

from random import Random

from app.simulate.load.replica import Replica


class LeastBusy:
    """Replicas by how many jobs each has, so that a thousand of them are not looked through for every job."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._by_load: list[list[Replica]] = []
        self._place: dict[str, tuple[int, int]] = {}  # load, and where in that row

    def __len__(self) -> int:
        return len(self._place)

    def add(self, replica: Replica) -> None:
        """It takes jobs from now on."""
        self._put(replica, replica.leases)

    def remove(self, replica: Replica) -> None:
        """It takes no more."""
        if replica.name in self._place:
            self._take(replica)

    def moved(self, replica: Replica) -> None:
        """Its number of jobs has changed."""
        if replica.name in self._place:
            self._take(replica)
            self._put(replica, replica.leases)

    def choose(self) -> Replica | None:
        """The least busy; None where there is none."""
        row = next((row for row in self._by_load if row), None)
        return None if row is None else row[self._dice.randrange(len(row))]

    def idle(self) -> list[Replica]:
        """Those without a job."""
        return list(self._by_load[0]) if self._by_load else []

    def _put(self, replica: Replica, load: int) -> None:
        while len(self._by_load) <= load:
            self._by_load.append([])
        self._place[replica.name] = load, len(self._by_load[load])
        self._by_load[load].append(replica)

    def _take(self, replica: Replica) -> None:
        load, index = self._place.pop(replica.name)
        row = self._by_load[load]
        last = row.pop()
        if last is not replica:
            row[index] = last
            self._place[last.name] = load, index
