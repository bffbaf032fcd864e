from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider

from app.client.client import Kinoray
from tests.client.service import Service

pytestmark = pytest.mark.anyio


async def test_requests_go_on_with_the_trace_of_who_makes_them(service: Service, client: Kinoray) -> None:
    with TracerProvider().get_tracer("caller").start_as_current_span("shoot") as span:
        await client.create("a red ball")
    context = span.get_span_context()
    await client.create("a blue ball")
    first, second = service.headers
    assert first["traceparent"].startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-0")
    assert first["authorization"] == "Bearer secret"
    assert "traceparent" not in second
