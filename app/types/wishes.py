"""What a client wishes of a job beside the video itself: one record, carried whole from the request to the job."""

from __future__ import annotations

from dataclasses import dataclass

from app.types.words import NORMAL, WEBHOOK_EVENTS, CacheMode, Phase


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who is told of a job's end."""

    url: str | None  # None: the URL that the service's settings name for the tenant, looked up for each attempt
    events: tuple[str, ...] = WEBHOOK_EVENTS

    def wants(self, phase: Phase) -> bool:
        """Whether it is to be told that a job has come to this phase."""
        return f"video.{phase.value}" in self.events


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a job is to be treated; nothing here changes what its video shows.

    A new option is a field here, one of the wire's schema (`app.api.requests.schemas`) and the place that honours it.
    """

    cache: CacheMode = CacheMode.USE
    cache_ttl_s: float | None = None  # how long the result is cached; None: as long as the settings say
    similar: bool = False  # it may begin with a similar video of the caller's, and is kept for that itself
    priority: str = NORMAL  # one of PRIORITIES
    deadline_s: float | None = None  # seconds from its acceptance, after which the video is of no use
    preview: bool = False  # show the clean estimate on the way
    user: str | None = None
    remixed_from: str | None = None
    webhook: Webhook | None = None
    after: tuple[str, ...] = ()  # ids of jobs that have to be completed before this one enters the line
    storyboard: tuple[str, int] | None = None  # whose scene it makes, from 1; never asked for from outside
