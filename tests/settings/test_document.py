"""The page of settings is what the settings say."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import __version__
from app.client.cli import app
from app.settings import Settings
from app.settings.document import Told, markdown, told

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
ROWS = [row for _, rows in told() for row in rows]


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


def test_the_committed_page_is_the_one_that_the_settings_give() -> None:
    assert PAGE.read_text() == markdown(), "kinoray settings --markdown > docs/settings.md"


def test_every_setting_is_told_once() -> None:
    names = [row.name.removeprefix("KINORAY_").lower() for row in ROWS]
    assert sorted(names) == sorted(Settings.model_fields)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_setting_says_what_it_means_in_which_unit_by_default_and_since_when(row: Told) -> None:
    assert row.meaning[:1].isupper()
    assert row.default
    assert (0, 1) <= version(row.since) <= max((0, 3), version(__version__))
    for suffix, unit in {"_S": "s", "_BYTES": "bytes", "_PIXELS": "pixels", "_WATTS": "W"}.items():
        assert not row.name.endswith(suffix) or row.unit == unit


def test_large_defaults_are_easy_to_read() -> None:
    defaults = {row.name: row.default for row in ROWS}
    assert defaults["KINORAY_RETENTION_S"] == "604800 (7 d)"
    assert defaults["KINORAY_CACHE_REDIS_BYTES"] == "1073741824 (1 GiB)"
    assert defaults["KINORAY_REDIS_URL"] == "unset: Kinoray starts its own"
    assert defaults["KINORAY_FETCH_IMAGES"] == "true"


def test_the_command_shows_them_all_or_those_of_a_word() -> None:
    page = CliRunner().invoke(app, ["settings", "--markdown"])
    assert (page.exit_code, page.stdout) == (0, markdown())
    some = CliRunner().invoke(app, ["settings", "webhook"], env={"COLUMNS": "200"}).stdout
    assert "KINORAY_WEBHOOK_URL" in some
    assert "KINORAY_REDIS_URL" not in some
