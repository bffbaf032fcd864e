"""`kinoray report` and `Kinoray.report`: a waterfall for people, JSON for programs, a picture, and plain words."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from app.client.client import Kinoray
from app.client.report import ReportAttempt, ReportBatch, VideoReport
from app.client.waterfall import PNG_MISSING, batches
from tests.client.service import DONE, REPORT, Service, video

Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def there(service: Service) -> None:
    service.videos["v"] = video("v", **DONE)


@pytest.mark.anyio
async def test_a_report_comes_as_records_and_keeps_what_a_newer_server_adds(client: Kinoray) -> None:
    found = await client.report("v")
    assert (found.id, found.bottleneck.name, found.extra["a_newer_field"]) == ("v", "steps", 1)
    assert found.attempts[0].batches == (ReportBatch(4, 2, 5.0), ReportBatch(0, 1, 0.0))
    assert [stage.duration_s for stage in found.stages][-1] is None


def test_a_report_with_fields_missing_is_one_all_the_same() -> None:
    found = VideoReport.parse({"id": "v", "stages": [{"name": "line"}, 3], "attempts": None})
    assert (len(found.stages), found.attempts, found.bottleneck.sentence) == (1, (), "")


def test_people_see_a_bar_for_each_stage_the_waits_and_the_batches(kinoray: Command) -> None:
    said = kinoray("report", "v").stdout
    assert "60% of 10 s went into denoising." in said
    bars = {line.split()[0]: line.count("━") for line in said.splitlines() if "━" in line}
    assert bars["steps"] == pytest.approx(2 * bars["line"], abs=1)
    assert "batches 4×2  forecast×1" in said
    assert "fence 1, r1: completed" in said
    assert "1,024 MiB" in said
    assert "\x1b[31m" not in said


def test_programs_get_all_that_the_server_says(kinoray: Command) -> None:
    told = json.loads(kinoray("report", "v", "--json").stdout)
    assert told["a_newer_field"] == 1
    assert told["stages"][2] == {**told["stages"][2], **REPORT["stages"][2]}  # type: ignore[index]


def test_a_picture_is_written_where_it_can_be(kinoray: Command, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    png = tmp_path / "report.png"
    assert kinoray("report", "v", "--png", str(png)).exit_code == 0
    assert png.read_bytes()[:4] == b"\x89PNG"
    refused = kinoray("report", "v", "--png", str(tmp_path / "no" / "report.png"))
    assert (refused.exit_code, "No such file" in refused.stderr) == (1, True)


def test_without_matplotlib_there_is_a_plain_sentence(
    kinoray: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    refused = kinoray("report", "v", "--png", str(tmp_path / "report.png"))
    assert (refused.exit_code, refused.stderr.strip()) == (1, PNG_MISSING)


def test_a_video_that_is_not_there_is_said_to_be_so(kinoray: Command) -> None:
    refused = kinoray("report", "gone")
    assert (refused.exit_code, refused.stderr.startswith("video_not_found")) == (1, True)


def test_batches_are_run_lengths() -> None:
    assert batches(ReportAttempt(batches=(ReportBatch(3, 7, 1.0), ReportBatch(0, 2, 0.0)))) == "3×7  forecast×2"
    mates = ({"job": None, "shape": None},)
    assert batches(ReportAttempt(batches=(ReportBatch(2, 5, 1.0, mates),))) == "2×5 packed"
