"""Where a job stands: its place in the line or behind others, and when it will be done, as far as is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.jobs.board import BACKLOG, PLACES
from app.line.backlog import backlog_from_note
from app.line.queue_places import Place, place_behind, places_from_note
from app.service.ports import Shared
from app.service.single_flight import leader_of
from app.types import Job, Phase


@dataclass(frozen=True, slots=True)
class Outlook:
    """Jobs before this one in the line (None unless it waits), and seconds until it is done, as predicted.

    `leader` is the job that makes the same video already, where this one waits for it; `waits_for` are the ids of those
    that it comes after and that have not completed.
    """

    position: int | None
    eta_s: float | None
    leader: Job | None = None
    waits_for: tuple[str, ...] = ()
    reason: str | None = None  # what it waits for in the line besides those before it, as `app.line.queue_places`


async def outlook_of(job: Job, stores: Shared) -> Outlook:
    """Where a job stands and when it will be done. Raises StoreUnavailable."""
    if job.phase is not Phase.QUEUED:
        return Outlook(None, job.eta_s)
    places = places_from_note(await stores.board.get(PLACES))
    place = places.jobs.get(job.id)
    if place is not None:
        return _placed(place)
    # It has just come, is far back, or nobody has looked at the line lately.
    position = await stores.jobs.position(job.id)
    if position is None:
        return await _outside_the_line(job, stores)
    backlog = backlog_from_note(await stores.board.get(BACKLOG))
    return _placed(place_behind(places, backlog, position, job))


def _placed(place: Place) -> Outlook:
    return Outlook(place.position, place.eta_s, reason=place.reason)


async def _outside_the_line(job: Job, stores: Shared) -> Outlook:
    """Of a queued job that waits for others, or for the video of another."""
    awaited = tuple(await stores.jobs.awaited(job.id)) if job.after else ()
    if awaited:
        return Outlook(None, None, waits_for=awaited)
    leader = await leader_of(job, stores)
    if leader is not None:
        return replace(await outlook_of(leader, stores), leader=leader)
    return Outlook(None, job.plan.estimate.seconds)  # it is being taken out of the line right now
