"""`kinoray cache`."""

from __future__ import annotations

import json
from collections.abc import Callable

from typer.testing import CliRunner, Result

from app.client.cli import app
from tests.client.service import CACHES, Service

Kinoray = Callable[..., Result]


def test_stats_are_a_table_by_level(service: Service, kinoray: Kinoray) -> None:
    shown = kinoray("cache", "stats").stdout
    for said in ("results", "hit_rate", "9000", "evictions", "the shared tier is away"):
        assert said in shown
    assert json.loads(kinoray("cache", "stats", "--json").stdout) == CACHES


def test_clear_asks_before_it_forgets(service: Service) -> None:
    words = ["--url", service.url, "cache", "clear"]
    assert CliRunner().invoke(app, words, input="n\n").exit_code == 1
    assert service.heard == []
    assert CliRunner().invoke(app, words, input="y\n").stdout.endswith("Forgot 7 entries.\n")


def test_clear_takes_a_level(service: Service, kinoray: Kinoray) -> None:
    assert kinoray("cache", "clear", "--level", "results", "--yes").stdout == "Forgot 7 entries.\n"
    assert service.heard == [("DELETE", "/api/cache")]
    assert kinoray("cache", "clear", "--level", "jobs", "--yes").exit_code == 2


def test_who_may_not_is_told_so(service: Service, kinoray: Kinoray) -> None:
    error = {"code": "insufficient_scope", "message": "Only operators clear the caches."}
    service.refusals.append((403, {"error": error}, {}))
    refused = kinoray("cache", "clear", "--yes")
    assert (refused.exit_code, refused.stderr) == (1, "insufficient_scope: Only operators clear the caches.\n")
