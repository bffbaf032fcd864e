"""One line of the audit log, and which of them a reader wants; neither has room for a prompt or a secret."""

from __future__ import annotations

from dataclasses import dataclass

DONE, REFUSED, FAILED = "done", "refused", "failed"
OUTCOMES = (DONE, REFUSED, FAILED)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which thing when, and what came of it."""

    at: float  # Unix seconds
    action: str  # a method and a route, such as "DELETE /v1/videos/{video_id}"
    outcome: str  # one of OUTCOMES: of a status below 400, of one from 400, of one from 500
    status: int
    request_id: str
    address: str
    tenant: str | None = None  # None: not known, as nobody with a valid key asked
    key_id: str | None = None
    resource: str | None = None  # the id of what it was done to, or of what was made
    code: str | None = None  # why it was refused
    untold: int = 0  # refusals before it of callers without a valid key, that were too many to be written

    @property
    def known(self) -> bool:
        """Whether it is of a caller who got in."""
        return self.tenant is not None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; None: any. Times are Unix seconds, `since` included, `until` not."""

    tenant: str | None = None
    key_id: str | None = None
    action: str | None = None  # a part of it
    outcome: str | None = None
    resource: str | None = None
    since: float | None = None
    until: float | None = None

    def takes(self, entry: AuditEntry) -> bool:
        return (
            all(
                wanted is None or wanted == has
                for wanted, has in (
                    (self.tenant, entry.tenant),
                    (self.key_id, entry.key_id),
                    (self.outcome, entry.outcome),
                    (self.resource, entry.resource),
                )
            )
            and (self.action is None or self.action in entry.action)
            and (self.since is None or entry.at >= self.since)
            and (self.until is None or entry.at < self.until)
        )


def outcome_of(status: int) -> str:
    """The word for a status of HTTP."""
    return DONE if status < 400 else FAILED if status >= 500 else REFUSED
