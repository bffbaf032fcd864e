"""Requests for a video that was made before, or is being made: they cost no device, as in the service."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class MadeBefore:
    """`made`: keys of what is kept; `flights`: of what is under way, with who waits for it."""

    made: set[str] = field(default_factory=set)
    flights: dict[str, list[str]] = field(default_factory=dict)

    def joins(self, key: str, job_id: str) -> bool:
        """Whether another makes it already; the job is told when that one ends."""
        if key not in self.flights:
            return False
        self.flights[key].append(job_id)
        return True

    def takes_off(self, key: str) -> None:
        """This one is to be made."""
        self.flights[key] = []

    def lands(self, key: str, made: bool) -> list[str]:
        """It has ended; the ids of those who waited for it."""
        if made:
            self.made.add(key)
        return self.flights.pop(key, [])
