"""How lists that grow are asked for page by page: the query parameters that they share."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from fastapi import Query

MOST_LISTED: Final = 100

PageAfter: TypeAlias = Annotated[
    str | None,
    Query(description="The last id of the page before; empty: the first page. It may have been deleted since"),
]
PageLimit: TypeAlias = Annotated[int, Query(ge=1, le=MOST_LISTED)]
PageOrder: TypeAlias = Annotated[Literal["asc", "desc"], Query(description="By creation time")]
