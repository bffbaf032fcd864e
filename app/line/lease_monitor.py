"""Which leases have run out: judged by how long they have been seen unchanged, not by what any wall clock says."""

from __future__ import annotations

from collections.abc import Sequence

from app.types import Lease


class LeaseMonitor:
    """Watches leases by the observer's own monotonic clock, as client-go's leader election does (`observedTime`).

    A holder that lives renews, which changes the end of its lease; one whose lease has stood still for its whole length
    is lost. No comparison of two machines' clocks is made, so that no jump takes a lease away or makes it eternal. An
    observer that has just come waits for one length before it calls anybody lost.
    """

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._seen: dict[tuple[str, int], tuple[float, float]] = {}  # end of the lease, and since when it is that

    def lost(self, leases: Sequence[Lease], at: float, asked_at: float | None = None) -> list[Lease]:
        """Those of all leases there are that have run out, as they were read at `at`, seconds of a monotonic clock.

        `asked_at`: when the read began; None: it took no time. The read shows some moment between the two. An observer
        that is frozen meanwhile has seen nothing of the time that went by, so none of it counts against a holder.
        """
        asked_at = at if asked_at is None else asked_at
        seen = {}
        for lease in leases:
            name = (lease.job_id, lease.fence)
            until, since = self._seen.get(name, (None, at))
            seen[name] = (lease.until, since if until == lease.until else at)
        self._seen = seen
        return [lease for lease in leases if asked_at - seen[lease.job_id, lease.fence][1] >= self._ttl_s]
