"""Spans as lines of OTLP JSON in a file of this process, which collectors read too; old lines go when it is full."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

log = logging.getLogger(__name__)
MOST_BYTES = 64 * 2**20  # of a file; one more is kept
_IDS = ("traceId", "spanId", "parentSpanId")


class FileExporter(SpanExporter):
    """Writes each batch as one line: an ExportTraceServiceRequest, ids in hexadecimal, as OTLP JSON wants them.

    Raises OSError: the file cannot be made.
    """

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._file = RotatingFileHandler(path, maxBytes=most_bytes, backupCount=1, encoding="utf-8")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        told = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
        for resource in told.get("resourceSpans", ()):
            for scope in resource.get("scopeSpans", ()):
                for each in scope.get("spans", ()):
                    _in_hex(each)
        line = json.dumps(told, separators=(",", ":"))
        with self._lock:
            self._file.emit(logging.makeLogRecord({"msg": line}))
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._file.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        self._file.flush()
        return True


def _in_hex(span: dict[str, Any]) -> None:
    for each in (span, *span.get("links", ())):
        for name in _IDS:
            if name in each:
                each[name] = base64.b64decode(each[name]).hex()
