"""Turns jobs, replicas and events into JSON bytes and back: what is kept is read by another version some day."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from app.errors import JobNotFound, RecordTooNew, StoreUnavailable
from app.types import (
    Artifact,
    CacheUse,
    Delivery,
    DraftUse,
    Failure,
    Job,
    Masks,
    Measured,
    Phase,
    Plan,
    ReplicaInfo,
    Wishes,
)
from app.types.masks import bits, unbits

VERSION = 8
"""The newest form of a record; a reader refuses what is newer than itself."""
PLAIN_VERSION = 1
"""What is written wherever an older Kinoray reads the record rightly: 2 to 8 have what it would leave out."""

_JOB = TypeAdapter(Job)
_REPLICA = TypeAdapter(ReplicaInfo)
_ID = re.compile(r"[a-z]{1,16}_[0-9A-Za-z]{8,64}")

# What changes after creation, each kept beside the record under its own name, and how it is read back.
_MOVING: dict[str, TypeAdapter[Any]] = {
    "phase": TypeAdapter(Phase),
    **dict.fromkeys(("fence", "attempts", "step", "losses"), TypeAdapter(int)),
    "eta_s": TypeAdapter(float | None),
    "started_at": TypeAdapter(float | None),
    "not_before": TypeAdapter(float | None),
    "completed_at": TypeAdapter(float | None),
    "expires_at": TypeAdapter(float | None),
    "failure": TypeAdapter(Failure | None),
    "artifacts": TypeAdapter(dict[str, Artifact]),
    "measured": TypeAdapter(Measured | None),
    "cache": TypeAdapter(CacheUse),
    "delivery": TypeAdapter(Delivery | None),
    "draft": TypeAdapter(DraftUse | None),
    "favourite": TypeAdapter(bool),
    "tags": TypeAdapter(tuple[str, ...]),
    "rating": TypeAdapter(int | None),
    "priority_now": TypeAdapter(str | None),
}
_NUMBERS = frozenset({"fence", "attempts", "step", "losses"})
_BESIDE = frozenset({"wishes", "favourite", "tags", "rating"})  # the latter a record never begins with
_COUNTED = ("phase", *sorted(_NUMBERS))
_FIXED = frozenset({b"record", b"tenant", b"created_at", b"holder"})

_WISHES = {{"cache": "cache_mode"}.get(each.name, each.name): each.name for each in fields(Wishes)}
"""The wishes by their names in a record, where they stand beside the job's own fields."""


def check_id(job_id: str) -> str:
    """The id itself. Raises JobNotFound for what cannot be one: it never becomes part of a key or a path."""
    if not isinstance(job_id, str) or not is_id(job_id):
        raise JobNotFound("There is no such video.")
    return job_id


@lru_cache(maxsize=8192)  # those of the jobs under way are asked about again and again
def is_id(text: str) -> bool:
    """Whether it may be a job's id."""
    return _ID.fullmatch(text) is not None


def parse_event_id(event_id: str | None) -> tuple[int, int]:
    """An event id as numbers; what is no id at all stands before the first event. It comes from clients."""
    left, _, right = (event_id or "").partition("-")
    if not (left.isascii() and left.isdigit()) or not (right.isascii() and (right.isdigit() or not right)):
        return 0, 0
    return min(int(left[:20]), 2**63 - 1), min(int(right[:20] or 0), 2**63 - 1)


def job_to_json(job: Job) -> bytes:
    """The whole record, with the version of its form."""
    own = {each.name: getattr(job, each.name) for each in fields(job) if each.name not in _BESIDE}
    if job.draft is None:
        del own["draft"]
    wishes = {kept: getattr(job.wishes, name) for kept, name in _WISHES.items()}
    return orjson.dumps({"version": version_of(job), **own, **wishes, "plan": _packed(job.plan)})


def version_of(job: Job) -> int:
    """The form of a job's record: the oldest that says all of it. Who reads no newer one cannot run the job."""
    version = PLAIN_VERSION if isinstance(job.plan.adapters_mark, str) and job.plan.extends is None else 2
    if job.plan.uploads or job.plan.postprocessing is not None:
        version = 3
    if job.plan.student is not None:
        version = 4
    if job.plan.draft is not None:  # of which an older replica would make another video
        version = 5
    if job.plan.references or job.plan.sound:  # which it would leave out
        version = 6
    said = set(job.plan.sampling.later_fields)
    if not {"rule", "levels"} <= said or job.plan.stages:  # which it would walk otherwise
        version = 7
    by_stage = job.plan.stages and job.plan.sampling.rule is not None  # where it would guide by the steps of all
    if by_stage or not {"ar_step", "causal_block"} <= said:
        version = VERSION
    return version


@lru_cache(maxsize=2048)
def job_from_json(data: bytes) -> Job:
    """Raises StoreUnavailable when the record is damaged, RecordTooNew when a newer Kinoray wrote it."""
    try:
        values = orjson.loads(data)
        version = values.pop("version")
        if version > VERSION:
            raise RecordTooNew(f"A record has version {version}; this Kinoray reads up to {VERSION}. Update it.")
        values["wishes"] = {name: values.pop(kept) for kept, name in _WISHES.items() if kept in values}
        return _JOB.validate_python({**values, "plan": _unpacked(values["plan"])})
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # damaged JSON is a ValueError, too
        raise StoreUnavailable(f"A job record is damaged: {type(error).__name__}.") from error


def fields_to_json(values: Mapping[str, object]) -> dict[str, bytes]:
    """Changed fields by name; phases are bare words, so that scripts can compare them."""
    return {
        name: value.value.encode() if isinstance(value, Phase) else orjson.dumps(value)
        for name, value in values.items()
    }


def job_to_fields(job: Job) -> dict[str, bytes]:
    """A new record as kept in one hash: whole, and beside it what the scripts look at. Changes add their fields."""
    moving = fields_to_json({name: getattr(job, name) for name in _COUNTED})
    if job.webhook is not None:  # the phases whose reaching puts the job into the outbox
        moving["webhook"] = f"|{'|'.join(event.partition('.')[2] for event in job.webhook.events)}|".encode()
    if job.key_id is not None:
        moving["key"] = job.key_id.encode()
    return {
        "record": job_to_json(job),
        "tenant": job.tenant.encode(),
        "created_at": repr(job.created_at).encode(),
    } | moving


def job_from_fields(kept: Mapping[bytes, bytes], masked: Callable[[Plan], Plan] | None = None) -> Job:
    """The record with its changes. Raises StoreUnavailable when it is damaged or newer than this Kinoray.

    `masked` gives masks to the plan of a record that was written before plans carried theirs.
    """
    try:
        job = job_from_json(kept[b"record"])
        if masked is not None and job.plan.masks is None:
            job = replace(job, plan=masked(job.plan))
        changed = {name.decode(): data for name, data in kept.items() if name not in _FIXED}
        return replace(job, **{name: _read(name, data) for name, data in changed.items() if name in _MOVING})
    except (KeyError, ValidationError, ValueError) as error:
        raise StoreUnavailable(f"A job record is damaged: {type(error).__name__}.") from error


def replica_to_json(replica: ReplicaInfo) -> bytes:
    """What a replica says of itself."""
    return _REPLICA.dump_json(replica)


@lru_cache(maxsize=8192)  # a replica says the same for a while, and is read at each pass
def replica_from_json(data: bytes) -> ReplicaInfo | None:
    """None when it cannot be read: the replica will say it again."""
    try:
        return _REPLICA.validate_json(data)
    except ValidationError:
        return None


def _read(name: str, data: bytes) -> Any:
    if name == "phase":
        return Phase(data.decode())
    return int(data) if name in _NUMBERS else _MOVING[name].validate_json(data)


_RARE = ("uploads", "postprocessing", "prepared", "student", "draft", "references", "sound", "stages", "shown")
"""Fields of a plan that are left out of its record where there is nothing in them: an older Kinoray knows them not."""


def _packed(plan: Plan) -> dict[str, object]:
    """The plan's fields, its masks as 1s and 0s under `mask_bits`.

    `masks` is what it was before plans carried theirs, so that an older Kinoray beside this one reads the record.
    """
    values = _fields(plan) | {"masks": plan.bits_mark}
    del values["mark"]
    if isinstance(adapter := plan.adapters_mark, str):
        values["adapter"] = adapter  # as it was when a plan had one at most
        del values["adapters"]
    for name in _RARE:
        if not values[name]:
            del values[name]
    if plan.masks is None:
        return values
    return values | {"mask_bits": _mask_bits(plan.masks)}


def _unpacked(plan: Mapping[str, Any]) -> dict[str, object]:
    """The same read back. Raises ValueError, KeyError or TypeError when it cannot be."""
    values = dict(plan)
    if adapter := values.pop("adapter", ""):
        values["adapters"] = ((adapter, 1.0),)
    packed, mark = values.pop("mask_bits", None), values.pop("masks", "")
    if packed is None:
        return values | {"mark": mark}
    masks = _masks(packed["run"], packed["unconditional"], packed["order"], packed.get("late_guidance", False))
    return values | {"masks": masks, "mark": mark.removeprefix(masks.digest)}


@lru_cache(maxsize=1024)  # many jobs have the same masks
def _mask_bits(masks: Masks) -> Mapping[str, object]:
    told = {"run": bits(masks.run), "unconditional": bits(masks.unconditional), "order": masks.order}
    return told | ({"late_guidance": True} if masks.late_guidance else {})


@lru_cache(maxsize=1024)
def _masks(run: str, unconditional: str, order: int, late_guidance: bool) -> Masks:
    return Masks(unbits(run), unbits(unconditional), int(order), late_guidance=late_guidance)


def _fields(record: Plan) -> dict[str, object]:
    """Only one level deep: orjson knows dataclasses and enumerations below."""
    return {field.name: getattr(record, field.name) for field in fields(record)}
