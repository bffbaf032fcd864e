"""What a seed draws: processes, settings, a load and faults. Pure, and all data, so that faults can be left out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.types.words import PRIORITIES, Word

LOAD_S, FAULTS_S = 10.0, 13.0  # what happens begins within so many virtual seconds
TENANTS = ("ada", "bob", "eve")


class FaultKind(Word):
    """What goes wrong."""

    KILL = "kill"  # a process dies, between two callbacks
    KILL_AT_CALL = "kill at call"  # a process dies at its n-th call of a store, before or after that has had its effect
    PAUSE = "pause"  # a process is frozen, perhaps for longer than a lease
    DEVICE = "device"  # a replica's GPU is lost
    MEMORY = "memory"  # a replica's: nearly full, or full, the host's or (below 0) the device's
    STARTS = "starts"  # of replicas: most fail
    DRAIN = "drain"  # a replica is no longer routed to, and is to leave
    SKEW = "skew"  # a process's wall clock jumps
    REDIS_AWAY = "redis away"
    REDIS_SLOW = "redis slow"
    FAILOVER = "failover"  # another Redis takes over, without the last writes
    ANSWERS_LOST = "answers lost"  # of Redis: written, and whoever wrote is told that it failed
    ARTIFACTS = "artifacts"  # the artifact store is full, or fails
    LOSE = "lose"  # messages between processes
    DOUBLE = "double"
    DELAY = "delay"  # and so reorder
    RECEIVER = "receiver"  # of webhooks: away, or answers with errors


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, from `at` on, for `lasts_s`. `amount`: seconds of a skew, of lost writes; a count."""

    kind: FaultKind
    at: float
    target: str = ""
    lasts_s: float = 0.0
    amount: float = 0.0

    def __str__(self) -> str:
        parts = [f"{self.at:.2f} s: {self.kind}"]
        parts += [self.target] if self.target else []
        parts += [f"for {self.lasts_s:.1f} s"] if self.lasts_s else []
        parts += [f"({self.amount:.2f})"] if self.amount else []
        return " ".join(parts)


class ActionKind(Word):
    """What clients do."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    DELETE = "delete"
    REPRIORITISE = "reprioritise"
    FOLLOW = "follow"
    STORY = "story"
    CANCEL_STORY = "cancel story"


@dataclass(frozen=True, slots=True)
class Action:
    """One call of a client. `of`: the number of the submit that it is about."""

    kind: ActionKind
    at: float
    tenant: str
    router: int = 0
    of: int = 0
    prompt: int = 0
    steps: int = 6
    priority: str = "normal"
    cache: str = "use"
    picture: int | None = None  # that it begins with
    uploaded: bool = False  # the picture came in chunks
    forgets: bool = False  # the upload is deleted once the job is accepted
    after: tuple[int, ...] = ()
    deadline_s: float | None = None
    webhook: bool = False
    fails: bool = False  # it cannot be made
    key: str | None = None  # Idempotency-Key; such a call is made again where it fails
    leaves_after_s: float | None = None  # the client vanishes


@dataclass(frozen=True, slots=True)
class Scenario:
    """All that a run is decided by, beside the code."""

    seed: int
    pools: tuple[tuple[str, int], ...]  # names and replicas
    routers: int
    finishers: int
    slots: int
    max_batch: int
    step_s: float
    lease_s: float
    checkpoint_every: int
    tenant_max_running: int | None
    retention_s: float
    scales: tuple[tuple[str, int], ...]  # pools that grow and shrink, and the least that they may have
    actions: tuple[Action, ...]
    faults: tuple[Fault, ...] = field(default=())
    dispatchers: int = 1  # several share the pools

    def without(self, faults: Sequence[Fault]) -> Scenario:
        """The same with these faults only."""
        return replace(self, faults=tuple(faults))

    @property
    def processes(self) -> tuple[str, ...]:
        """All processes, by name."""
        return (
            *self.replicas,
            *(f"finisher{each}" for each in range(self.finishers)),
            *self.dispatcher_names,
            *self.router_names,
        )

    @property
    def replicas(self) -> tuple[str, ...]:
        return tuple(f"{pool}-{each}" for pool, count in self.pools for each in range(count))

    @property
    def dispatcher_names(self) -> tuple[str, ...]:
        return ("dispatcher", *(f"dispatcher{each}" for each in range(1, self.dispatchers)))

    @property
    def router_names(self) -> tuple[str, ...]:
        return tuple(f"router{each}" for each in range(self.routers))


def draw(seed: int, jobs: int = 30, replicas: int = 5, faults: int = 10, dispatchers: int = 1) -> Scenario:
    """About so many jobs, replicas and faults; the same seed draws the same."""
    rng = random.Random(seed)
    count = max(1, rng.randint(replicas - 2, replicas + 1))
    split = rng.randint(1, count - 1) if count > 1 and rng.random() < 0.3 else count
    pools = (("main", split),) if split == count else (("main", split), ("other", count - split))
    scenario = Scenario(
        seed=seed,
        pools=pools,
        routers=rng.randint(1, 2),
        finishers=rng.randint(1, 2),
        slots=rng.randint(1, 3),
        max_batch=rng.choice((1, 2, 4)),
        step_s=rng.choice((0.05, 0.15, 0.4)),
        lease_s=rng.choice((5.0, 7.0, 10.0)),
        checkpoint_every=rng.choice((0, 1, 3)),
        tenant_max_running=rng.choice((None, None, 1, 2, 4)),
        retention_s=rng.choice((15.0, 3600.0, 3600.0)),
        scales=tuple((pool, rng.choice((0, 0, 1))) for pool, _ in pools if rng.random() < 0.3),
        actions=_pictured(random.Random(f"{seed}/pictures"), _actions(rng, jobs, pools)),
        dispatchers=dispatchers,
    )
    return scenario.without(_faults(rng, scenario, faults))


def _actions(rng: random.Random, jobs: int, pools: Sequence[tuple[str, int]]) -> tuple[Action, ...]:
    actions: list[Action] = []
    count = rng.randint(max(1, jobs - 8), jobs + 8)
    at = 0.5
    for number in range(count):
        at += rng.expovariate(count / LOAD_S)
        actions.append(_submit(rng, at, number))
        if rng.random() < 0.12:
            kind = rng.choice((ActionKind.CANCEL, ActionKind.CANCEL, ActionKind.DELETE, ActionKind.REPRIORITISE))
            later = at + rng.expovariate(1 / 2.0)
            actions.append(
                replace(_about(rng, kind, later, number, actions[-1].tenant), priority=rng.choice(PRIORITIES))
            )
        if rng.random() < 0.25:
            gone = rng.choice((None, rng.uniform(0.1, 5.0)))
            follow = _about(rng, ActionKind.FOLLOW, at + 0.1, number, actions[-1].tenant)
            actions.append(replace(follow, leaves_after_s=gone))
    for number in range(rng.choice((0, 0, 1, 2))):
        begins = rng.uniform(0.5, LOAD_S / 2)
        tenant = rng.choice(TENANTS)
        actions.append(
            Action(ActionKind.STORY, begins, tenant, rng.randrange(4), number, rng.randrange(4), webhook=True)
        )
        if rng.random() < 0.2:
            cancel = _about(rng, ActionKind.CANCEL_STORY, begins + rng.uniform(0.5, 8.0), number, tenant)
            actions.append(cancel)
    return tuple(sorted(actions, key=lambda action: action.at))


def _pictured(rng: random.Random, actions: Sequence[Action]) -> tuple[Action, ...]:
    """In some runs some jobs begin with a picture, several of them with the same one, or the same words."""
    if rng.random() > 0.3:
        return tuple(actions)
    return tuple(
        replace(
            each,
            prompt=rng.randrange(2),
            picture=rng.randrange(3),
            uploaded=rng.random() < 0.6,
            forgets=rng.random() < 0.5,
        )
        if each.kind is ActionKind.SUBMIT and rng.random() < 0.2
        else each
        for each in actions
    )


def _about(rng: random.Random, kind: ActionKind, at: float, of: int, tenant: str) -> Action:
    return Action(kind, at, tenant, rng.randrange(4), of)


def _submit(rng: random.Random, at: float, number: int) -> Action:
    early = [rng.randrange(number) for _ in range(rng.randint(1, 2))] if number and rng.random() < 0.12 else []
    return Action(
        ActionKind.SUBMIT,
        at,
        tenant=TENANTS[0] if early else rng.choice(TENANTS),
        router=rng.randrange(4),
        of=number,
        prompt=rng.randrange(12),
        steps=rng.choice((3, 6, 12)),
        priority=rng.choices(PRIORITIES, (1, 3, 1))[0],
        cache=rng.choices(("use", "bypass", "off"), (6, 1, 1))[0],
        after=tuple(early),
        deadline_s=rng.uniform(2.0, 30.0) if rng.random() < 0.08 else None,
        webhook=rng.random() < 0.4,
        fails=rng.random() < 0.06,
        key=f"key-{number}" if rng.random() < 0.4 else None,
        leaves_after_s=rng.uniform(0.0, 0.2) if rng.random() < 0.08 else None,
    )


def _faults(rng: random.Random, scenario: Scenario, faults: int) -> list[Fault]:
    """None at all in some runs, where what is promised has to hold to the letter."""
    if rng.random() < 0.06:
        return []
    count = rng.randint(max(1, faults // 2), faults + faults // 2)
    return sorted((_fault(rng, scenario) for _ in range(count)), key=lambda fault: fault.at)


def _fault(rng: random.Random, scenario: Scenario) -> Fault:
    weights = {
        FaultKind.KILL: 5,
        FaultKind.KILL_AT_CALL: 6,
        FaultKind.PAUSE: 5,
        FaultKind.DEVICE: 1,
        FaultKind.MEMORY: 2,
        FaultKind.STARTS: 1,
        FaultKind.DRAIN: 2,
        FaultKind.SKEW: 2,
        FaultKind.REDIS_AWAY: 2,
        FaultKind.REDIS_SLOW: 1,
        FaultKind.FAILOVER: 1,
        FaultKind.ANSWERS_LOST: 2,
        FaultKind.ARTIFACTS: 2,
        FaultKind.LOSE: 2,
        FaultKind.DOUBLE: 2,
        FaultKind.DELAY: 2,
        FaultKind.RECEIVER: 1,
    }
    kind = rng.choices(list(weights), list(weights.values()))[0]
    at, short, long = rng.uniform(0.5, FAULTS_S), rng.uniform(0.2, 4.0), rng.uniform(1.0, 2.5 * scenario.lease_s)
    together = rng.sample(scenario.processes, 2 if rng.random() < 0.4 else 1)  # as where a machine stands still
    target = "+".join(together)
    if kind in (FaultKind.KILL, FaultKind.PAUSE):
        return Fault(kind, at, target, long if rng.random() < 0.6 else short)
    if kind is FaultKind.KILL_AT_CALL:
        return Fault(kind, at, together[0], short, rng.randint(1, 60) + rng.choice((0.0, 0.5)))
    if kind in (FaultKind.DEVICE, FaultKind.DRAIN):
        return Fault(kind, at, rng.choice(scenario.replicas), short)
    if kind is FaultKind.MEMORY:
        return Fault(kind, at, rng.choice(scenario.replicas), short, rng.choice((0.92, 0.97, -0.92, -0.97)))
    if kind is FaultKind.SKEW:
        return Fault(kind, at, together[0], 0.0, rng.choice((-1, 1)) * rng.choice((0.5, 20.0, 86400.0)))
    if kind is FaultKind.FAILOVER:
        return Fault(kind, at, "", rng.uniform(0.5, 3.0), rng.uniform(0.02, 1.5))
    return Fault(kind, at, "", short)
