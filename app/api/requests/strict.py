"""What all records of a request's body are: read to the letter, so that a slip is told and never guessed at."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Nothing is coerced, nothing is unknown, nothing is NaN."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
