"""How a setting is declared: its default and bounds for pydantic, its meaning, unit and first version for people."""

from __future__ import annotations

from typing import Any

from pydantic import Field


def setting(
    default: object,
    meaning: str,
    unit: str = "",
    unset: str = "",
    since: str = "0.1",
    *,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
    min_length: int | None = None,
    pattern: str | None = None,
) -> Any:
    """A field of Settings; the bounds are pydantic's.

    `unset` says what the default stands for where that is None or empty, `since` the version that brought the setting.
    """
    return Field(
        default,
        description=meaning,
        json_schema_extra={"unit": unit, "unset": unset, "since": since},
        gt=gt,
        ge=ge,
        lt=lt,
        le=le,
        min_length=min_length,
        pattern=pattern,
    )
