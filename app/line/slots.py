"""Who holds a slot at a boundary: the batcher's paper while it fills free slots and lets one job pause another."""

from __future__ import annotations

from collections.abc import Sequence

from app.line.order import Entry, Standing
from app.line.rules import Rules


class SlotAssignment:
    """Those who keep their slots (`kept`), get one (`admitted`) and lose one (`preempted`)."""

    def __init__(self, kept: Sequence[Standing], rules: Rules) -> None:
        self.rules = rules
        self.kept = list(kept)
        self.admitted: list[Standing] = []
        self.preempted: list[Entry] = []
        self.rivals: dict[str, str] = {}  # who was preempted, and for whom
        self.held_bytes = sum(one.entry.state_bytes for one in kept)

    @property
    def free(self) -> int:
        return max(0, self.rules.slots - len(self.kept) - len(self.admitted))

    @property
    def admitted_ids(self) -> set[str]:
        """Ids of those who come."""
        return {one.entry.job_id for one in self.admitted}

    def admit(self, one: Standing) -> bool:
        """A free slot for it, if its state fits beside the others'; a job alone is always let in."""
        if not self.free or not self._fits(one):
            return False
        self._admit(one)
        return True

    def preempt_for(self, one: Standing) -> bool:
        """The slot of the running job of lowest class, and among those with most slack, if one can spare it."""
        willing = [other for other in self.kept if gives_way(other, one, self.rules) and self._fits(one, other)]
        if not willing:
            return False
        victim = min(willing, key=lambda other: (other.entry.urgency.priority, -other.relative_slack))
        self.kept.remove(victim)
        self.preempted.append(victim.entry)
        self.rivals[victim.entry.job_id] = one.entry.job_id
        self.held_bytes -= victim.entry.state_bytes
        self._admit(one)
        return True

    def _admit(self, one: Standing) -> None:
        self.admitted.append(one)
        self.held_bytes += one.entry.state_bytes

    def _fits(self, one: Standing, without: Standing | None = None) -> bool:
        limit, others = self.rules.device_bytes, len(self.kept) + len(self.admitted)
        freed = 0 if without is None else without.entry.state_bytes
        alone = others == (0 if without is None else 1)
        return limit is None or alone or self.held_bytes - freed + one.entry.state_bytes <= limit


def gives_way(running: Standing, rival: Standing, rules: Rules) -> bool:
    """Whether a running job gives way: to a higher class, or, in its own, to one that it can let finish before it.

    In its own class it must have more slack, by a grain, even after the rival's whole run. So while the rival runs, the
    paused job never has the better claim, and two jobs do not swap at every boundary.
    """
    mine, yours = running.entry.urgency.priority, rival.entry.urgency.priority
    if yours != mine:
        return yours > mine and rival.level > running.level
    if not running.length_s or not rival.length_s:
        return False
    return (running.slack_s - rival.remaining_s) / running.length_s >= rival.relative_slack + rules.grain
