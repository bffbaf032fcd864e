"""A real OTLP/HTTP receiver in this process: spans come in as a collector would get them, and are kept."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.ports import free_port
from tests.waiting import wait_until


@dataclass(frozen=True)
class Received:
    """A span as it came over the wire."""

    name: str
    trace: str
    span: str
    parent: str
    began_s: float
    ended_s: float
    kind: int
    error: str
    facts: Mapping[str, object] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    process: Mapping[str, object] = field(default_factory=dict)


class Receiver:
    """`spans` are all that have come."""

    def __init__(self) -> None:
        self.spans: list[Received] = []
        self.requests = 0
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.hooks: list[dict[str, str]] = []  # headers of what was posted to /hook
        routes = [Route("/v1/traces", self._take, methods=["POST"]), Route("/hook", self._hook, methods=["POST"])]
        config = uvicorn.Config(Starlette(routes=routes), port=self.port, log_level="critical")
        self.server = uvicorn.Server(config)

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        told = ExportTraceServiceRequest.FromString(body)
        self.requests += 1
        for resource in told.resource_spans:
            process = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.spans += [_received(span, process) for scope in resource.scope_spans for span in scope.spans]
        return Response(b"", media_type="application/x-protobuf")

    async def _hook(self, request: Request) -> Response:
        await request.body()
        self.hooks.append(dict(request.headers))
        return Response(status_code=204)

    def of(self, trace: str) -> list[Received]:
        """The spans of one trace."""
        return [span for span in self.spans if span.trace == trace]


def _received(span: ProtoSpan, process: Mapping[str, object]) -> Received:
    return Received(
        name=span.name,
        trace=span.trace_id.hex(),
        span=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        began_s=span.start_time_unix_nano / 1e9,
        ended_s=span.end_time_unix_nano / 1e9,
        kind=int(span.kind),
        error=span.status.message,
        facts={each.key: _value(each.value) for each in span.attributes},
        events=tuple(event.name for event in span.events),
        links=tuple(link.span_id.hex() for link in span.links),
        process=process,
    )


def _value(told: AnyValue) -> object:
    return getattr(told, told.WhichOneof("value") or "string_value")


@contextmanager
def receiver() -> Iterator[Receiver]:
    """One that listens, on a thread of its own."""
    made = Receiver()
    thread = threading.Thread(target=made.server.run, daemon=True)
    thread.start()
    wait_until(lambda: made.server.started)
    try:
        yield made
    finally:
        made.server.should_exit = True
        thread.join()
