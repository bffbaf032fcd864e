from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app.tracing.sdk import open_tracer
from app.tracing.spans import Begun

CALLER, MATE = f"00-{'4' * 32}-{'7' * 16}-01", f"00-{'5' * 32}-{'8' * 16}-01"


def test_spans_are_lines_of_otlp_json_as_a_collector_reads_them(tmp_path: Path) -> None:
    tracer = open_tracer("file", tmp_path / "traces", {"deployment": "Diffuser", "replica": "r1"})
    span = tracer.begin(Begun("attempt", CALLER, facts={"fence": 3}))
    span.event("boundary", {"step": 1})
    span.link(MATE, {})
    span.end("worker_lost")
    tracer.close()
    [path] = (tmp_path / "traces").iterdir()
    [line] = path.read_text().splitlines()
    [resource] = json.loads(line)["resourceSpans"]
    [told] = resource["scopeSpans"][0]["spans"]
    assert (told["traceId"], told["parentSpanId"], told["links"][0]["spanId"]) == ("4" * 32, "7" * 16, "8" * 16)
    assert (told["name"], told["status"]["code"], told["events"][0]["name"]) == ("attempt", 2, "boundary")
    process = {each["key"]: each["value"]["stringValue"] for each in resource["resource"]["attributes"]}
    assert (process["service.name"], process["kinoray.deployment"]) == ("kinoray", "Diffuser")
    ParseDict(_without_ids(json.loads(line)), ExportTraceServiceRequest())  # the rest is its own JSON


def _without_ids(told: dict[str, Any]) -> dict[str, Any]:
    for span in told["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for each in (span, *span["links"]):
            for name in ("traceId", "spanId", "parentSpanId"):
                each.pop(name, None)
    return told
