"""The tracer over OpenTelemetry's SDK: spans go to OTLP by its usual variables, or to files of this machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan

from app import __version__
from app.tracing.spans import Begun, Facts, Span, Tracer, Value
from app.tracing.traceparent import is_sampled, span_id

OURS = "kinoray"
MOST_EVENTS = 1024  # of a span: one for each boundary of a long job
_KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "producer": SpanKind.PRODUCER}
_KINDS |= {"internal": SpanKind.INTERNAL, "consumer": SpanKind.CONSUMER}


class _GivenIds(RandomIdGenerator):
    """Random ids, but for a span whose id was known before it began."""

    def __init__(self) -> None:
        self._next = threading.local()

    def give(self, span: str | None) -> None:
        """The next span that this thread begins has that id; None: one of its own."""
        self._next.id = None if span is None else int(span, 16)

    def generate_span_id(self) -> int:
        given = getattr(self._next, "id", None)
        return super().generate_span_id() if given is None else int(given)


class OpenTelemetryTracer:
    """Keeps spans with the SDK, which hands them to its exporter from a thread of its own."""

    def __init__(self, exporter: SpanExporter, process: Mapping[str, str]) -> None:
        named = {SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", OURS), "service.version": __version__}
        if "replica" in process:
            named[SERVICE_INSTANCE_ID] = process["replica"]
        self._ids = _GivenIds()
        self._provider = TracerProvider(
            resource=Resource.create(named | {f"{OURS}.{name}": value for name, value in process.items()}),
            id_generator=self._ids,
            span_limits=SpanLimits(max_events=MOST_EVENTS),
            shutdown_on_exit=True,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(OURS, __version__)

    def begin(self, begun: Begun) -> Span:
        above = Context() if begun.parent is None else set_span_in_context(_remote(begun.parent), Context())
        self._ids.give(None if begun.own is None else span_id(begun.own))
        try:
            made = self._tracer.start_span(
                begun.name,
                above,
                _KINDS[begun.kind],
                _attributes(begun.facts),
                [Link(_context(each)) for each in begun.links],
                _nanoseconds(begun.began),
            )
        finally:
            self._ids.give(None)
        return _Kept(made)

    def flush(self) -> None:
        """Hand out what has ended, now."""
        self._provider.force_flush()

    def close(self) -> None:
        self._provider.shutdown()


class _Kept:
    """The Span port over the SDK's."""

    def __init__(self, made: SdkSpan) -> None:
        self._made = made
        self.kept = made.is_recording()
        context = made.get_span_context()
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 1:02x}"

    def rename(self, name: str) -> None:
        self._made.update_name(name)

    def note(self, facts: Facts) -> None:
        self._made.set_attributes(_attributes(facts))

    def event(self, name: str, facts: Facts, at: float | None = None) -> None:
        self._made.add_event(name, _attributes(facts), _nanoseconds(at))

    def link(self, traceparent: str, facts: Facts) -> None:
        self._made.add_link(_context(traceparent), _attributes(facts))

    def end(self, error: str | None = None, at: float | None = None) -> None:
        if error is not None:
            self._made.set_status(Status(StatusCode.ERROR, error))
            self._made.set_attribute("error.type", error)
        self._made.end(_nanoseconds(at))


def open_tracer(to: str, folder: Path, process: Mapping[str, str]) -> Tracer:
    """A tracer for this process: `to` "otlp" or "file", then into that folder. Raises OSError: nothing can be kept."""
    if to == "file":
        from app.tracing.files import FileExporter

        name = "-".join(filter(None, (process.get("deployment"), process.get("replica"), str(os.getpid()))))
        return OpenTelemetryTracer(FileExporter(folder / f"{name}.jsonl"), process)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OpenTelemetryTracer(OTLPSpanExporter(), process)


def _remote(traceparent: str) -> NonRecordingSpan:
    return NonRecordingSpan(_context(traceparent))


def _context(traceparent: str) -> SpanContext:
    _, trace, span, _ = traceparent.split("-")
    flags = TraceFlags(TraceFlags.SAMPLED if is_sampled(traceparent) else TraceFlags.DEFAULT)
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=flags)


def _attributes(facts: Facts) -> dict[str, Value]:
    return {f"{OURS}.{name}" if "." not in name else name: value for name, value in facts.items() if value is not None}


def _nanoseconds(at: float | None) -> int | None:
    return None if at is None else int(at * 1e9)
