"""Records with some of their fields changed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from app.line.rules import Rules
from app.types import Phase
from app.types.changed import changed
from tests.line.make import job


def test_it_is_what_replace_makes() -> None:
    one = job(1)
    moved = changed(one, phase=Phase.DENOISING, step=3)
    assert moved == replace(one, phase=Phase.DENOISING, step=3)
    assert (one.phase, one.step) == (Phase.QUEUED, 0)
    assert changed(one) == one


def test_what_is_no_field_is_refused() -> None:
    with pytest.raises(KeyError):
        changed(job(1), colour="red")


def test_records_that_check_themselves_are_refused() -> None:
    @dataclass(frozen=True)
    class Loose:
        name: str

    for record in (Rules(max_batch=1, slots=1), Loose("a")):
        with pytest.raises(TypeError):
            changed(record)
