from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import Settings
from app.tracing.setup import destination, trace_process
from app.tracing.spans import is_on
from tests.logs.recorded import recorded

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("setting", "environment", "to"),
    [
        (None, {}, None),
        (None, ENDPOINT, "otlp"),
        (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, "otlp"),
        (None, ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, None),
        (None, ENDPOINT | {"OTEL_SDK_DISABLED": "true"}, None),
        ("file", ENDPOINT, "file"),
        ("off", ENDPOINT, None),
        ("otlp", {}, "otlp"),
        ("otlp", {"OTEL_SDK_DISABLED": "TRUE"}, None),
    ],
)
def test_settings_and_the_usual_variables_say_where_spans_go(
    setting: str | None, environment: dict[str, str], to: str | None
) -> None:
    assert destination(setting, environment) == to


def test_a_folder_that_cannot_be_written_to_stops_no_job(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with recorded() as log:
        trace_process(Settings(traces="file", traces_dir=tmp_path / "file" / "below"), {"deployment": "Diffuser"})
    assert not is_on()
    assert "not kept" in log.lines[0]["message"]


def test_where_traces_are_off_the_sdk_for_them_is_not_even_imported() -> None:
    told = "import sys, app.service.videos, app.worker.replica, app.dispatch.dispatcher, app.api.app; "
    told += "print([name for name in sys.modules if name.startswith('opentelemetry.sdk.trace')])"
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
