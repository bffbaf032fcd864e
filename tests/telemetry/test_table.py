"""The table names every metric there is, once, and every code that anybody raises is counted from the start."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from app import errors
from app.errors import KinorayError
from app.telemetry import names
from app.telemetry.codes import codes, outcomes
from app.telemetry.document import markdown
from app.telemetry.table import METERED, TABLE, Metric

ROOT = Path(__file__).resolve().parents[2]
KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, KinorayError)}


def trees() -> Iterator[ast.AST]:
    for folder in ("app", "deployments"):
        yield from (ast.parse(path.read_text()) for path in (ROOT / folder).rglob("*.py"))


def words(node: ast.Call) -> Iterator[str]:
    """The code that a call gives an error, an answer or a failure, where it stands there as a word."""
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    place = 2 if name in KINDS else {"Failure": 0, "problem": 1, "error_body": 1}.get(name)
    if place is None:
        return
    given = [*node.args[place : place + 1], *(each.value for each in node.keywords if each.arg == "code")]
    yield from (each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str))


@cache
def raised() -> frozenset[str]:
    nodes = [node for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.Call | ast.ClassDef)]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    own = {
        each.value.value
        for kind in classes
        if {getattr(base, "id", "") for base in kind.bases} & KINDS
        for each in kind.body
        if isinstance(each, ast.Assign | ast.AnnAssign) and isinstance(each.value, ast.Constant)
        if "code" in {getattr(target, "id", "") for target in getattr(each, "targets", [getattr(each, "target", None)])}
        if isinstance(each.value.value, str)
    }
    return frozenset(own | {code for call in calls for code in words(call)})


def test_every_code_that_is_raised_anywhere_is_in_the_list() -> None:
    found = raised()
    assert len(found) > 60
    assert found - set(codes()) == set(), "a line in app/telemetry/codes.py is missing"


def test_the_search_finds_codes_by_place_and_by_name() -> None:
    (call,) = (each.value for each in ast.parse('NotFound("x", None, "gone")').body if isinstance(each, ast.Expr))
    assert isinstance(call, ast.Call)
    assert list(words(call)) == ["gone"]
    assert {"content_gone", "cross_origin", "worker_lost", "upgrade_required", "invalid_api_key"} <= raised()


def test_every_figure_that_is_added_to_has_its_row() -> None:
    constants = {value for name, value in vars(names).items() if name.isupper()}
    elsewhere = {names.CACHE_HITS, names.CACHE_MISSES, names.CACHE_SAVED}  # told by the rows of the caches
    assert constants - elsewhere == set(METERED)


@pytest.mark.parametrize("metric", TABLE, ids=lambda metric: metric.name)
def test_a_metric_says_all_that_a_reader_needs(metric: Metric) -> None:
    assert re.fullmatch(r"[a-z][a-z_]*[a-z]", metric.name)
    assert metric.unit
    assert metric.about[0].isupper() or metric.about[0].isdigit()
    assert not metric.about.endswith(".")
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert all(label.values or label.of for label in metric.labels)
    assert len({metric.name for metric in TABLE}) == len(TABLE)


def test_a_job_can_end_by_every_code() -> None:
    assert {"completed", "out_of_memory", "artifact_store_failed", "worker_lost", "cancelled"} <= set(outcomes())


def test_the_list_of_metrics_is_that_of_the_table() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    assert page == markdown(), "python -m app.telemetry.document > docs/metrics.md"
    assert set(re.findall(r"^\| `(\w+)`", page, flags=re.M)) == {metric.full_name for metric in TABLE}
