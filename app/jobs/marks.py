"""What a tenant keeps its videos by, favourites and tags: how they are written, and the port that stores them."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from app.errors import Conflict, InvalidRequest
from app.types import Job, Page

MOST_TAGS: Final = 20
"""Of a video."""
MOST_TAG_CHARS: Final = 40
MOST_TAGS_OF_TENANT: Final = 500
"""Different ones."""
MOST_ASKED: Final = 5
"""Tags that a list may be narrowed by at once."""


@dataclass(frozen=True, slots=True)
class Among:
    """Which videos of a tenant are listed: favourites alone, or those with all of these tags."""

    favourite: bool = False
    tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.favourite or bool(self.tags)

    def takes(self, job: Job) -> bool:
        """Whether a job is one of them."""
        return (job.favourite or not self.favourite) and set(self.tags) <= set(job.tags)


ALL: Final = Among()


class Marks(Protocol):
    """The part of the job store that knows what its tenants have marked."""

    async def mark(
        self,
        job_id: str,
        tenant: str,
        favourite: bool | None = None,
        tags: Sequence[str] | None = None,
        rating: int | None = None,
    ) -> Job:
        """Set what is given, whatever the job is doing; nobody's fence moves.

        Raises JobNotFound, also of another tenant's, and Conflict (`too_many_tags`) above MOST_TAGS_OF_TENANT.
        """
        ...

    async def list_marked(self, tenant: str, among: Among, after: str | None, limit: int, newest_first: bool) -> Page:
        """As `list`, of those alone; `after` need not be one of them any more."""
        ...

    async def tags(self, tenant: str) -> Mapping[str, int]:
        """The tenant's tags and how many videos have each."""
        ...


def checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Tags as they are kept: composed characters, single spaces, each once. Raises InvalidRequest (`tags`)."""
    found = tuple(dict.fromkeys(checked_tag(tag) for tag in tags))
    if len(found) > MOST_TAGS:
        raise InvalidRequest(f"A video has {MOST_TAGS} tags at most, not {len(found)}.", "tags")
    return found


def checked_tag(tag: str, param: str = "tags") -> str:
    """One of them. Raises InvalidRequest."""
    if len(tag) > 4 * MOST_TAG_CHARS:  # before anything is done with it
        raise _too_long(param)
    try:
        tag.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest("A tag holds half of a character.", param) from error
    plain = " ".join(unicodedata.normalize("NFC", tag).split())
    if not plain or any(unicodedata.category(each) in ("Cc", "Cf", "Cn", "Co") for each in plain):
        raise InvalidRequest("A tag has something to read in it, and nothing that cannot be seen.", param)
    if len(plain) > MOST_TAG_CHARS:
        raise _too_long(param)
    return plain


def too_many_tags() -> Conflict:
    """The tenant has its share of different ones."""
    return Conflict(f"You have {MOST_TAGS_OF_TENANT} different tags; use one of them.", code="too_many_tags")


def _too_long(param: str) -> InvalidRequest:
    return InvalidRequest(f"A tag has {MOST_TAG_CHARS} characters at most.", param)
