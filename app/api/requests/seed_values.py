"""A seed as clients write it comes in: a number, an integral float, digits, a list of one; an integer goes out."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, WithJsonSchema

from app.plan.seed import FRESH, MOST

BAD_SEED: Final = (
    f"seed must be an integer from {FRESH} to 2^63-1 ({MOST}): a number, its digits as text, or a list of one."
)
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,2})?")


def seed_of(value: object) -> int | None:
    """The seed that a value means, None for none. Raises ValueError for what is none."""
    if isinstance(value, (list, tuple)):
        if len(value) != 1:
            raise ValueError("is a list of more or less than one")
        value = value[0]
        if value is None:
            raise ValueError("is a list of nothing")
    if isinstance(value, str):
        text = value.strip().removeprefix("[").removesuffix("]").strip()  # a form's "[5]"
        if not _NUMBER.fullmatch(text):
            raise ValueError("is no number")
        value = Decimal(text)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)) or not FRESH <= value <= MOST:
        raise ValueError("is out of range")
    if value != int(value):
        raise ValueError("is no integer")
    return int(value)


_NUMERIC: Final = {"type": "integer", "format": "int64", "minimum": FRESH, "maximum": MOST}
_SPELLINGS: Final = [_NUMERIC, {"type": "string", "pattern": r"^-?[0-9]+$"}]

Seed = Annotated[
    int | None,
    BeforeValidator(seed_of),
    WithJsonSchema(
        {"anyOf": [*_SPELLINGS, {"type": "array", "items": _NUMERIC, "minItems": 1, "maxItems": 1}, {"type": "null"}]}
    ),
    Field(
        description=f"An integer from -1 to 2^63-1 ({MOST}): a number, its digits as text, or a list of one. "
        "The same seed, the same video; -1: a fresh one; without it the seed follows from the request. Noise is drawn "
        "on the CPU by torch's generator from the seed's lower 32 bits, as diffusers' pipelines do"
    ),
]
