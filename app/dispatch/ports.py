"""What the Dispatcher reaches outside itself: the workers, the roll call, webhook delivery and the stores."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from app.errors import KinorayError
from app.health.history import History
from app.health.recoveries import Recoveries
from app.health.samples import Samples
from app.health.server import ServerPort
from app.jobs.clock import Clock
from app.jobs.events import StopSignals
from app.jobs.outbox import Outbox
from app.jobs.shards import Shards
from app.service.ports import Shared
from app.uploads.files import FileUploads
from app.uploads.loras import LoraUploads


class AttemptLost(KinorayError):
    """An attempt came back without having ended its job.

    `replica_at_fault`: it was lost with a replica that ran it, which counts against the job; otherwise no replica ever
    took it, or one gave it up because the stores were away. `died`: with its process, which can tell nothing any more.
    """

    code = "attempt_lost"

    def __init__(self, message: str = "", replica_at_fault: bool = True, died: bool = False) -> None:
        super().__init__(message)
        self.args = (message, replica_at_fault, died)
        self.replica_at_fault = replica_at_fault
        self.died = died


class Workers(Protocol):
    """The replicas of all pools; which one of a pool an attempt goes to is not decided here."""

    async def run(self, pool: str, job_id: str, fence: int) -> None:
        """One attempt, by right of the lease with that fence; returns when it has ended or was handed back.

        Raises AttemptLost.
        """
        ...


class RollCall(Protocol):
    """Asks who can still be given work."""

    async def present(self, pool: str) -> Collection[str] | None:
        """The names of the pool's replicas that answered; None when it is not certain who did not answer."""
        ...


class Deliveries(Protocol):
    """Tells receivers of jobs' ends; `app.webhooks.delivery`."""

    async def due(self, now: float) -> Sequence[str]:
        """Jobs to call `deliver` with, claimed. Raises StoreUnavailable."""
        ...

    async def deliver(self, job_id: str) -> None:
        """One attempt. Never raises."""
        ...


class DispatchStores(Shared, Protocol):
    """The stores that the Dispatcher reads and writes."""

    @property
    def shards(self) -> Shards: ...
    @property
    def stops(self) -> StopSignals: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def loras(self) -> LoraUploads: ...
    @property
    def uploads(self) -> FileUploads: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def samples(self) -> Samples: ...
    @property
    def history(self) -> History: ...
    @property
    def recoveries(self) -> Recoveries: ...
    @property
    def server(self) -> ServerPort: ...
