"""Fixtures that more than one room's tests use, and how tests share two processes."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOM = Path(__file__).parent / "deployments"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With two processes a file's tests stay together, and so do all of the one service; what waits longest is first.

    The tests of the service and the drills mostly wait: the others run beside them.
    """
    for item in items:
        item.add_marker(pytest.mark.xdist_group("service" if _served(item) else str(item.path)))
    items.sort(key=lambda item: (not _served(item), item.get_closest_marker("cluster") is None))


def _served(item: pytest.Item) -> bool:
    """Whether it asks the real service, which is started once in a process."""
    return ROOM in item.path.parents and "service" in getattr(item, "fixturenames", ())


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
