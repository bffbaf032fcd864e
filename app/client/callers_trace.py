"""The caller's trace: where OpenTelemetry is active in the program that uses the client, requests go on with it."""

from __future__ import annotations

import sys
from collections.abc import Mapping

API = "opentelemetry.trace"


def traced(headers: Mapping[bytes, bytes] | None) -> Mapping[bytes, bytes] | None:
    """The headers with the caller's `traceparent`, and what else its propagators add; as they are outside of a span."""
    if API not in sys.modules:  # who has not imported it keeps no trace
        return headers
    from opentelemetry import propagate, trace

    if not trace.get_current_span().get_span_context().is_valid:
        return headers
    added: dict[str, str] = {}
    propagate.inject(added)
    return {**(headers or {}), **{name.encode(): value.encode() for name, value in added.items()}}
