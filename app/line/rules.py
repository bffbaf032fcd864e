"""The order's policy as data: how many, how urgent, how long, in the numbers that the batcher reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from app import types
from app.settings.placement import BATCH_GAIN
from app.settings.settings import Settings

PRIORITIES: Mapping[str, int] = MappingProxyType({name: level for level, name in enumerate(types.PRIORITIES)})
NORMAL, HIGHEST = PRIORITIES[types.NORMAL], max(PRIORITIES.values())


@dataclass(frozen=True, slots=True)
class Rules:
    """Limits and policy of one replica. Durations in seconds, shares and gains as fractions of 1."""

    max_batch: int  # jobs that share a forward
    slots: int  # jobs under way at a time, paused ones not counted
    max_paused: int = 16
    device_bytes: int | None = None  # what job states may hold on the device; None: as much as they like
    gain: float = BATCH_GAIN  # what a batch size has to save per job over the next smaller one
    pack: bool = False  # jobs of other shapes join a forward where the denoiser can and it was seen to pay
    pack_stretch: float = 1.25  # how much longer than in turns by device time a job may wait for its packed step
    company_stretch: float = 1.25  # how much longer an urgent job's steps may be for company of a lower class
    patience: float = 3.0  # a job without deadline is due after this many times its standalone time (vLLM-Omni RFC 290)
    grain: float = 0.25  # slacks closer than this share of a job's length are equal: no swapping back and forth
    age_s: float = 120.0  # so long without a step lifts a job by one priority class
    aged_share: float = 0.1  # of the device's time, that a job so lifted can use before it sinks again
    linger_share: float = 0.05  # of a step's time, that an idle device waits after a first job for others to step with
    preview_share: float = 0.02  # of the stepping time, that previews may take
    checkpoint_share: float = 0.01  # of a job's device time, that its checkpoints may take; or
    checkpoint_every: int = 0  # one after so many steps, whatever it costs; 0: as the share allows
    stuck_s: float = 60.0  # a step is stuck after this, and after
    stuck_times: float = 20.0  # this many times its expected time;
    stuck_first_s: float = 600.0  # but the first steps of a shape may compile
    most_of_tenant: int | None = None  # leases that one tenant may hold; None: any number
    pause_most_s: float = 60.0  # longest time that a job stays out after its replica was lost
    weights: Mapping[str, float] = field(default_factory=dict)  # of tenants' shares; of those not named here 1
    borrow_s: float = 0.0  # device time by which a tenant that comes may be ahead of its share

    def __post_init__(self) -> None:
        if self.max_batch < 1 or self.slots < 1:
            raise ValueError("max_batch and slots are at least 1")
        if self.max_paused < 0 or min(self.patience, self.grain, self.age_s, self.aged_share) <= 0:
            raise ValueError("max_paused is at least 0; patience, grain, age_s and aged_share are above 0")
        if min(self.weights.values(), default=1.0) <= 0:
            raise ValueError("a tenant's weight is above 0")

    def weight(self, tenant: str) -> float:
        """What a tenant's share is worth beside another's of weight 1."""
        return self.weights.get(tenant, 1.0)

    def borrow(self, tenant: str) -> float:
        """The most that a tenant may borrow, in virtual time: whatever its weight, others lose as many seconds."""
        return self.borrow_s / self.weight(tenant)


def rules_of(settings: Settings) -> Rules:
    """The rules of one replica; the dispatcher and every replica decide by the same ones."""
    return Rules(
        max_batch=settings.max_batch,
        slots=settings.slots,
        max_paused=settings.max_paused,
        gain=settings.layout.batch_gain,
        pack=settings.packing == "auto",
        age_s=settings.age_s,
        checkpoint_every=settings.checkpoint_every,
        most_of_tenant=settings.tenant_max_running,
        pause_most_s=settings.retry_most_s,
        weights=settings.tenant_weights,
        borrow_s=settings.tenant_borrow_s,
    )
