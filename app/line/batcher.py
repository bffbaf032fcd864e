"""Who joins, pauses, goes on, leaves and shares the next forward: decided at a step boundary, without clock or I/O."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.line.borrowed_time import borrows
from app.line.order import Entry, Paused, Running, Standing, Urgency, Waiting, over, standings
from app.line.packing import companions
from app.line.profile import Profile, Shape, fitting_size, useful_sizes
from app.line.rules import Rules
from app.line.slots import SlotAssignment
from app.line.tenant_order import by_tenant, class_levels, in_turn

__all__ = ["Boundary", "Paused", "Profile", "Rules", "Running", "Shape", "Urgency", "Waiting", "decide"]

Starts = Callable[[Collection[str]], Mapping[str, float]]
"""Where each tenant stands beside those present, as `app.line.fair_share.TenantShare.starts` tells."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """What changes at a step boundary, as job ids, to be done in this order; who joins may be in the batch at once."""

    leave: tuple[str, ...] = ()
    pause: tuple[str, ...] = ()
    park: tuple[str, ...] = ()  # paused jobs whose tensors go to host memory
    resume: tuple[str, ...] = ()
    join: tuple[str, ...] = ()
    batch: tuple[str, ...] = ()
    hand_back: tuple[str, ...] = ()  # checkpointed, and out of the engine: memory is short
    rivals: Mapping[str, str] = field(default_factory=dict, compare=False)  # of those paused: for whom, if for anyone


def level_with_all(present: Collection[str]) -> Mapping[str, float]:
    """Of no tenant it is known what it has had before its jobs here."""
    return {}


def decide(
    now: float,
    running: Sequence[Running],
    waiting: Sequence[Waiting],
    paused: Sequence[Paused],
    rules: Rules,
    profile: Profile,
    starts: Starts = level_with_all,
) -> Boundary:
    """The next boundary; `starts` says of tenants without a running job where they stand.

    Free slots go to the most urgent, waiting or paused, within a class of the tenant that holds least. When there are
    none, a more urgent job, or one of a tenant short of its share, pauses the running one with most slack. The batch is
    of one shape and of a size that pays, or packed with other shapes where that pays: of several tenants begins who has
    had least of the device's time, and others' jobs join as far as its own step no more slowly than at its share of the
    device; of its jobs those who would be late at a fair share first, by slack; else the shape that has had least.
    """
    if len(running) == 1 and not waiting and not paused:  # nothing to weigh, at most boundaries of a long job
        lone = running[0]
        names = (lone.job_id,)
        return Boundary(leave=names) if over(lone, now) else Boundary(batch=() if lone.forecast else names)
    rank = standings(now, rules, profile)
    everyone: list[Entry] = [*running, *paused, *waiting]
    leave = tuple([entry.job_id for entry in everyone if over(entry, now)])
    gone = set(leave)
    line = [rank(entry) for entry in everyone[len(running) :] if entry.job_id not in gone]
    slots = SlotAssignment([rank(entry) for entry in running if entry.job_id not in gone], rules)
    if line:
        _admit(line, slots, len(paused) - sum(entry.job_id in gone for entry in paused))
    holders = [*slots.kept, *slots.admitted]
    left = [entry for entry in (*paused, *slots.preempted) if entry.job_id not in {*gone, *slots.admitted_ids}]
    return Boundary(
        leave=leave,
        pause=tuple(entry.job_id for entry in slots.preempted),
        park=_parked(left, slots, rank),
        resume=tuple(one.entry.job_id for one in slots.admitted if isinstance(one.entry, Paused)),
        join=tuple(one.entry.job_id for one in slots.admitted if isinstance(one.entry, Waiting)),
        batch=_batch(holders, rules, profile, starts),
        rivals=slots.rivals,
    )


def _admit(line: list[Standing], slots: SlotAssignment, paused: int) -> None:
    """Fill the free slots in order, then let the more urgent take a slot each from one who can wait."""
    if slots.free:
        for one in in_turn(slots.free, line, slots.held, slots.rules):
            if not slots.admit(one):
                break  # a large job is not overtaken for ever by smaller ones
    rivals = line if not slots.admitted else [one for one in line if one.entry.job_id not in slots.admitted_ids]
    for one in in_turn(slots.rules.slots, rivals, slots.held, slots.rules, by_class=True):
        leaves_pause = isinstance(one.entry, Paused)
        if paused - leaves_pause < slots.rules.max_paused and slots.preempt_for(one):
            paused += 1 - leaves_pause


def _parked(left: Sequence[Entry], slots: SlotAssignment, rank: Callable[[Entry], Standing]) -> tuple[str, ...]:
    """The paused jobs that have to leave the device for those with a slot, the least urgent first."""
    limit = slots.rules.device_bytes
    if limit is None:
        return ()
    room, parked = limit - slots.held_bytes, []
    on_device = [entry for entry in left if not (isinstance(entry, Paused) and entry.parked)]
    for entry in sorted(on_device, key=lambda entry: rank(entry).key):
        room -= entry.state_bytes
        if room < 0:
            parked.append(entry.job_id)
    return tuple(parked)


def _batch(holders: Sequence[Standing], rules: Rules, profile: Profile, starts: Starts) -> tuple[str, ...]:
    """Those of the next forward: the first in turn and, as far as it pays, the next in turn of its shape."""
    ready = [one for one in holders if not one.entry.forecast]
    if not ready:
        return ()
    if len(ready) == 1:  # most often so where steps are long, and nothing is to be weighed
        return (ready[0].entry.job_id,)
    counts = Counter(one.entry.shape for one in ready)
    sizes = {shape: useful_sizes(profile, shape, rules.max_batch, rules.gain) for shape in counts}
    slower = {
        shape: _stretch(profile, shape, fitting_size(sizes[shape], count), counts) for shape, count in counts.items()
    }
    used_s = {one.entry.shape: one.entry.used_s for one in ready if isinstance(one.entry, Running)}
    least_s = min(used_s.values(), default=0.0)

    def turn(one: Standing) -> tuple[Any, ...]:
        entry = one.entry
        stepped = entry.stepped if isinstance(entry, Running) else math.inf
        # A job of unknown length is stepped, and so known, before a stream of others can hold it up.
        pressed = not one.length_s or one.slack_s < (slower[entry.shape] - 1) * one.remaining_s
        by_claim = one.key[1:3] if pressed else (used_s.get(entry.shape, least_s), 0.0)
        return (-one.level, not pressed, *by_claim, stepped, entry.urgency.arrived, entry.job_id)

    shared = _turn_of_tenants(ready, holders, starts)

    def place(one: Standing) -> tuple[Any, ...]:
        return (*shared[one.entry.urgency.tenant], *turn(one))

    key = turn if len(shared) == 1 else place
    first = min(ready, key=key)
    if first.entry.alone:
        return (first.entry.job_id,)
    shape = first.entry.shape
    mates = sorted((one for one in ready if _shares(one.entry, first.entry)), key=key)
    size, most_s = _size(mates, sizes[shape], rules, profile), math.inf
    if len(shared) > 1:
        size, most_s = _fair_size(mates, size, sizes[shape], _fair_stretch(first, holders, shared, rules), profile)
    batch = _filled(mates, size)
    if rules.pack and len(counts) > 1:
        others = sorted((one for one in ready if _packs(one, first)), key=key)
        batch += _packed(batch, others, rules, profile, most_s)
    return tuple(one.entry.job_id for one in batch)


def _filled(mates: list[Standing], size: int) -> list[Standing]:
    """The first of the mates whose passes are no more than those of `size` guided steps; there is always one."""
    room, count = float(size), 0
    for one in mates:
        room -= one.entry.passes if isinstance(one.entry, Running) else 1.0
        if room < 0 and count:
            break
        count += 1
    return mates[:count]


def _size(mates: Sequence[Standing], sizes: tuple[int, ...], rules: Rules, profile: Profile) -> int:
    """How many of the mates step together. Those of a lower class than the first stay away if they slow it down."""
    size, shape = fitting_size(sizes, len(mates)), mates[0].entry.shape
    peers = sum(one.level == mates[0].level for one in mates)
    if peers >= size:
        return size
    own = fitting_size(sizes, peers)
    return size if profile.step_s(shape, size) <= rules.company_stretch * profile.step_s(shape, own) else own


def _fair_stretch(first: Standing, holders: Sequence[Standing], shared: Mapping[str, _Turn], rules: Rules) -> float:
    """How many times longer than alone a job of the first one's tenant takes at its share; infinite: without a limit.

    Those of its class share with it. Who is the only one of its class is slowed by lower ones as `_size` says, and who
    is on borrowed time by those who are not as by a lower class.
    """
    tenant = first.entry.urgency.tenant
    level = shared[tenant].level
    with_it = {one.entry.urgency.tenant for one in holders} - {
        other for other, row in shared.items() if row.level != level
    }
    if len(with_it) < 2:
        return math.inf
    if shared[tenant].borrows:
        with_it = {other for other in with_it if other in shared and shared[other].borrows}
        return max(rules.company_stretch, sum(map(rules.weight, with_it)) / rules.weight(tenant))
    return sum(map(rules.weight, with_it)) / rules.weight(tenant)


def _fair_size(
    mates: Sequence[Standing], size: int, sizes: tuple[int, ...], stretch: float, profile: Profile
) -> tuple[int, float]:
    """How many of the mates, at most `size`, step together where the first one's tenant is slowed by others' jobs.

    Its own in the batch take at most `stretch` times as long as without the others; so many seconds come with it.
    Between two such steps others have the device by themselves only when they have had less of it. So all in all the
    tenant has at least its share of the device, or all of the batch that it can fill.
    """
    shape, tenant = mates[0].entry.shape, mates[0].entry.urgency.tenant
    own = fitting_size(sizes, sum(one.entry.urgency.tenant == tenant for one in mates[:size]))
    most_s = stretch * profile.step_s(shape, own)
    fair = [each for each in sizes if each <= own or (each <= size and profile.step_s(shape, each) <= most_s)]
    return min(size, max(fair)), most_s


def _packed(
    batch: Sequence[Standing], others: Sequence[Standing], rules: Rules, profile: Profile, most_s: float
) -> Sequence[Standing]:
    """Those of the others, in turn, who step in one forward with a batch of another shape, within so many seconds."""
    shapes = [one.entry.shape for one in others]
    return others[: companions(profile, [one.entry.shape for one in batch], shapes, rules, most_s)]


def _packs(one: Standing, first: Standing) -> bool:
    """Whether it may be packed with the first: of its class and group, and of another shape."""
    if one.entry.shape == first.entry.shape or one.level != first.level or one.entry.alone:
        return False
    return len({one.entry.group, first.entry.group} - {None}) < 2


class _Turn(NamedTuple):
    """Where a tenant stands among others, the least first: its class, negated; the device time that it has had."""

    level: int
    used_s: float
    running: bool
    borrows: bool = False


def _turn_of_tenants(ready: Sequence[Standing], holders: Sequence[Standing], starts: Starts) -> dict[str, _Turn]:
    """Of each tenant the class that it stands in and the device time that it has had, by weight: the least goes first.

    One that has no running job yet stands where `starts` says, or level with the least of the others; of equals it goes
    first, for it came while another had the device.
    """
    own = by_tenant(ready)
    if len(own) == 1:
        return dict.fromkeys(own, _Turn(0, 0.0, running=True))
    levels = class_levels(ready)
    used_s = {one.entry.urgency.tenant: one.entry.tenant_used_s for one in holders if isinstance(one.entry, Running)}
    known, least_s = starts(used_s.keys()), min(used_s.values(), default=0.0)
    found = {}
    for tenant, ones in own.items():
        level = max(levels[one.entry.urgency.priority] for one in ones)
        at_s = used_s[tenant] if tenant in used_s else known[tenant] if known else least_s
        found[tenant] = _Turn(-level, at_s, tenant in used_s, borrows(known, at_s))
    return found


def _shares(entry: Entry, first: Entry) -> bool:
    """Whether it may be in the first one's forward, as far as is known."""
    groups = {entry.group, first.group} - {None}
    return entry.shape == first.shape and not entry.alone and len(groups) < 2


def _stretch(profile: Profile, shape: Shape, size: int, counts: Mapping[Shape, int]) -> float:
    """How many times longer than alone a job of this shape takes when the shapes take turns, in batches of `size`."""
    alone_s = profile.step_s(shape)
    together = profile.step_s(shape, size) / alone_s if alone_s else 1.0
    return len(counts) * math.ceil(counts[shape] / size) * together
