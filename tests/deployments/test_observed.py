from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from logging.handlers import MemoryHandler, RotatingFileHandler
from pathlib import Path

import pytest

from app.logs.context import about
from app.logs.setup import formatter_of, listen
from app.settings import Settings
from deployments.observed import SERVE, IntoServe
from tests.logs.recorded import recorded


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """Serve's log as it sets it up in a replica: a file behind a buffer."""
    before, SERVE.handlers = SERVE.handlers, []
    path = tmp_path / "replica_Diffuser.log"
    _serve_sets_up(path)
    with recorded():
        yield path
    _clear()
    SERVE.handlers = before


def _clear() -> None:
    for handler in SERVE.handlers:
        if isinstance(handler, MemoryHandler) and handler.target is not None:
            handler.target.close()
    SERVE.handlers.clear()


def _serve_sets_up(path: Path) -> None:
    _clear()
    SERVE.addHandler(MemoryHandler(1, target=RotatingFileHandler(path)))


def _listen(settings: Settings) -> None:
    into = IntoServe(formatter_of(settings, {"deployment": "Diffuser"}), settings.log_max_bytes, settings.log_files)
    listen(into, settings.log_level)


def test_our_lines_and_serves_own_are_in_its_file_in_one_form(file: Path) -> None:
    _listen(Settings())
    with about(job="video_1"):
        logging.getLogger("app.worker").info("started")
    SERVE.warning("a replica of %s is slow", "Cache")
    ours, serves = [json.loads(line) for line in file.read_text().splitlines()]
    assert (ours["message"], ours["job"], ours["deployment"]) == ("started", "video_1", "Diffuser")
    assert (serves["message"], serves["logger"], serves["deployment"]) == (
        *("a replica of Cache is slow", "ray.serve", "Diffuser"),
    )


def test_a_deploy_that_sets_serves_log_up_anew_changes_no_form(file: Path, tmp_path: Path) -> None:
    _listen(Settings())
    other = tmp_path / "other.log"
    _serve_sets_up(other)
    logging.getLogger("app.worker").info("started")
    assert json.loads(other.read_text())["message"] == "started"


def test_files_are_put_aside_at_their_size_and_no_more_are_kept_than_the_settings_say(file: Path) -> None:
    _listen(Settings(log_max_bytes=2000, log_files=2))
    for number in range(200):
        logging.getLogger("app.worker").info("line %d", number)
    kept = sorted(file.parent.glob("replica_Diffuser.log*"))
    assert [path.name.removeprefix("replica_Diffuser.log") for path in kept] == ["", ".1", ".2"]
    assert all(2000 <= path.stat().st_size < 2400 for path in kept[1:]), "the line that fills one is its last"
