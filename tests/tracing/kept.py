"""Spans of this process, kept by the SDK as they would be exported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.tracing.sdk import OpenTelemetryTracer
from app.tracing.spans import install


class Kept:
    """`spans` once `close` has been called, by name."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer = OpenTelemetryTracer(self._exporter, {"deployment": "test"})

    def spans(self) -> dict[str, list[ReadableSpan]]:
        """All that have ended, each name's in order. Nothing is kept afterwards."""
        self.tracer.flush()
        found: dict[str, list[ReadableSpan]] = {}
        for span in self._exporter.get_finished_spans():
            found.setdefault(span.name, []).append(span)
        return found


@contextmanager
def kept() -> Iterator[Kept]:
    """Within it, spans are kept."""
    made = Kept()
    install(made.tracer)
    try:
        yield made
    finally:
        install(None)
        made.tracer.close()


def ids(span: ReadableSpan) -> tuple[str, str, str | None]:
    """Trace, span and parent, in hexadecimal."""
    context = span.get_span_context()
    assert context is not None
    above = None if span.parent is None else f"{span.parent.span_id:016x}"
    return f"{context.trace_id:032x}", f"{context.span_id:016x}", above
