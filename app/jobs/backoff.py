"""How long a job stays out of the way after its replica was lost: policy, without clock or I/O."""

from __future__ import annotations

from dataclasses import dataclass

from app.types import Job


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubling pauses in seconds, and the number of losses that a job is allowed."""

    first_s: float = 1.0
    most_s: float = 60.0
    losses: int = 3

    def pause_s(self, losses: int) -> float:
        """The pause after so many losses, at least one."""
        return min(self.most_s, self.first_s * 2.0 ** min(max(0, losses - 1), 60))

    def gives_up(self, job: Job) -> bool:
        """Whether one more loss is one too many."""
        return job.losses + 1 >= self.losses
