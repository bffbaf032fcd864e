"""Which videos a list is of: favourites, tags and words as query parameters."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from fastapi import Depends, Query

from app.jobs.marks import MOST_ASKED, Among, checked_tag
from app.service.search import MOST_WORDS_CHARS

Words: TypeAlias = Annotated[
    str | None, Query(max_length=MOST_WORDS_CHARS, description="Words of the prompt or the tags, or what it means")
]


def _among(
    favourite: Annotated[Literal["true", "false"], Query(description="true: only your favourites")] = "false",
    tag: Annotated[
        list[str] | None, Query(max_length=MOST_ASKED, description="Only those with this tag, or with all of several")
    ] = None,
) -> Among:
    return Among(favourite == "true", tuple(dict.fromkeys(checked_tag(each, "tag") for each in tag or ())))


Marked: TypeAlias = Annotated[Among, Depends(_among)]
