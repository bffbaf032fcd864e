"""What is kept and for how long: records and files come in, those whose time is over go; nothing in use is touched."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from app.artifacts.store import ArtifactStore
from app.errors import Conflict, JobNotFound, KinorayError
from app.jobs.board import Board
from app.jobs.events import EventLog
from app.jobs.outbox import Outbox
from app.jobs.record import is_id
from app.jobs.store import JobStore, find
from app.jobs.storyboards.store import StoryboardStore, find_story, is_story_id
from app.service.artifact_refs import cached_mark, forget_artifacts
from app.service.endings import end_of
from app.service.lora_retention import tidy_lora
from app.service.story_retention import MOST_UNTOLD, remove_stale
from app.settings import Settings
from app.telemetry import ARTIFACTS_REMOVED, Meter
from app.types import Job, Word
from app.types.storyboard import Storyboard
from app.uploads.loras import LoraUploads

log = logging.getLogger(__name__)

OWNER_KEY = "owner/identity"
NEVER = 0.0
SPEECH = "speech_"  # narrations, each kept under the digest of what is said and how


class Kept(Protocol):
    """The durable ports that a sweep needs."""

    @property
    def jobs(self) -> JobStore: ...
    @property
    def events(self) -> EventLog: ...
    @property
    def board(self) -> Board: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def artifacts(self) -> ArtifactStore: ...
    @property
    def meter(self) -> Meter: ...
    @property
    def loras(self) -> LoraUploads: ...
    @property
    def storyboards(self) -> StoryboardStore: ...


Record: TypeAlias = Job | Storyboard
"""Who makes and needs files."""


class Verdict(Word):
    """What becomes of one job's files."""

    KEEP = "keep"
    EXPIRED = "expired"  # every record that names them ended too long ago
    ORPHANED = "orphaned"  # no record names them: their writer died, or an earlier delete did


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds for which files are kept after the last job answered with them ended, and after nobody names them.

    A narration that nobody names is its own cache, and kept for `speech_s` after it was written.
    """

    files_s: float
    orphans_s: float
    speech_s: float = 0.0


def terms_of(settings: Settings) -> Terms:
    """The terms of the settings."""
    speech_s = max(settings.orphan_grace_s, settings.result_ttl_s)
    return Terms(settings.artifacts_kept_s, settings.orphan_grace_s, speech_s)


def judge(
    maker: Record | None, holders: Sequence[Record], cached: bool, written_at: float, now: float, terms: Terms
) -> Verdict:
    """What becomes of the files that `maker` made (None: its record is gone), last written at `written_at`.

    `holders` are the jobs on record that were answered with them, perhaps the maker among them, and the storyboards
    whose film shows them or is made of them; `cached`: a cached
    result refers to them. A maker under way may be writing them right now.
    """
    if cached or (maker is not None and not maker.phase.ended):
        return Verdict.KEEP
    if not holders:
        return Verdict.ORPHANED if now - written_at > terms.orphans_s else Verdict.KEEP
    if not all(each.phase.ended for each in holders):
        return Verdict.KEEP
    last = max(each.completed_at or each.created_at for each in holders)
    return Verdict.EXPIRED if now - last > terms.files_s else Verdict.KEEP


async def expire(stores: Kept, now: float, limit: int) -> int:
    """Remove records past their time with events and files, but not before their webhook is told; how many.

    May be called again after a death in between: what it left has no holder, and goes as orphaned. Raises
    StoreUnavailable only where Redis does; files that cannot be removed now are left to `tidy`.
    """
    untold = min(await stores.outbox.count(), MOST_UNTOLD)
    found = await stores.jobs.expired(now, limit + untold)
    waiting = await stores.outbox.waiting([job.id for job in found])
    due = [job for job in found if job.id not in waiting][:limit]
    for job in due:
        try:
            await stores.jobs.delete(job.id, job.tenant)
        except JobNotFound:  # another was quicker
            continue
        await stores.events.forget(job.id)
        await stores.events.tell_tenant(job.tenant, job.id, "end", now, end_of(None))
        try:
            await forget_artifacts(job, stores.board, stores.artifacts, even_cached=False)
        except KinorayError as error:
            log.warning("The files of %s are left for later: %s", job.id, error)
    return len(due)


async def tidy(stores: Kept, terms: Terms, now: float) -> int:
    """Look at all that lies in the artifact store and remove what is expired or orphaned; how many jobs' files.

    Only what lies under the id of a job, a storyboard or a narration is touched, and nothing at all where another
    Kinoray, with records of its own, keeps its files in the same place. Raises StoreUnavailable.
    """
    if not await _is_ours(stores):
        return 0
    removed = 0
    for name in await stores.artifacts.makers():
        if await tidy_lora(name, stores, terms.orphans_s, now):
            log.info("Removed the file of %s, which nobody needs", name)
            removed += 1
            continue
        verdict = await _verdict(name, stores, terms, now) if _is_maker(name) else Verdict.KEEP
        if verdict is Verdict.KEEP:
            if is_story_id(name):
                await remove_stale(name, stores, terms.orphans_s, now)
            continue
        await stores.artifacts.clear(name)
        removed += 1
        log.info("Removed the files of %s: %s", name, verdict)
        await stores.meter.add({f"{ARTIFACTS_REMOVED}:{verdict}": 1})
    return removed


async def _verdict(name: str, stores: Kept, terms: Terms, now: float) -> Verdict:
    """A hold without a record is left by a request that died; one that lives found its way here by a cached result."""
    cached = await stores.board.get(cached_mark(name)) is not None
    holders = [await _record(each, stores) for each in await stores.board.holders(name)]
    maker = await _record(name, stores)
    if maker is not None and maker.artifacts:
        holders.append(maker)
    known = [each for each in holders if each is not None]
    if name.startswith(SPEECH):
        terms = replace(terms, orphans_s=terms.speech_s)
    if judge(maker, known, cached, NEVER, now, terms) is Verdict.KEEP:  # whatever their age
        return Verdict.KEEP
    written_at = await stores.artifacts.written_at(name)
    return Verdict.KEEP if written_at is None else judge(maker, known, cached, written_at, now, terms)


async def _is_ours(stores: Kept) -> bool:
    """Whether the mark in the store is that of our records; where there is none, it is made."""
    mark = await stores.board.put_once("identity", uuid.uuid4().hex)
    try:
        await stores.artifacts.put(OWNER_KEY, mark.encode(), "text/plain")
    except Conflict:
        log.warning(
            "The artifact store belongs to other records, as its file %s says: nothing in it is removed as orphaned or "
            "expired. Give each service a place of its own; if the records are gone for good, remove that file.",
            OWNER_KEY,
        )
        return False
    return True


async def _record(name: str, stores: Kept) -> Record | None:
    """A job or a storyboard; narrations have no record."""
    if is_story_id(name):
        return await find_story(stores.storyboards, name)
    return await find(stores.jobs, name) if is_id(name) else None


def _is_maker(name: str) -> bool:
    return is_id(name) and name.startswith(("video_", "story_", SPEECH))
