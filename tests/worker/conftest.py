from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.engine.conftest import one_thread
from tests.worker.workplace import Workplace

__all__ = ["one_thread"]


@pytest.fixture
async def workplace() -> AsyncIterator[Callable[..., Workplace]]:
    """Makes workplaces, and closes them in the end."""
    made: list[Workplace] = []

    def make(**given: Any) -> Workplace:
        made.append(Workplace(**given))
        return made[-1]

    yield make
    for each in made:
        await each.close()
