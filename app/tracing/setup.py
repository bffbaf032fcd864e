"""Has a process keep its spans, or not, as settings and OpenTelemetry's own variables say."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from app.settings import Settings
from app.tracing.spans import install

log = logging.getLogger(__name__)
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def trace_process(settings: Settings, process: Mapping[str, str]) -> None:
    """To be called as a process starts; `process` says of each span whose it is. Never raises: jobs come first."""
    to = destination(settings.traces, os.environ)
    if to is None:
        install(None)
        return
    from app.tracing.sdk import open_tracer  # a tenth of a second and 20 MB: only where spans are kept

    try:
        install(open_tracer(to, settings.traces_folder, process))
    except (OSError, ValueError) as error:
        install(None)
        log.warning("Spans of this process are not kept: %s", error)


def destination(setting: str | None, environment: Mapping[str, str]) -> str | None:
    """Where spans go: "otlp" or "file"; None: nowhere. What the setting leaves open, OpenTelemetry's variables say."""
    if setting == "off" or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if setting is not None:
        return setting
    if environment.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return None
    return "otlp" if any(environment.get(name) for name in ENDPOINTS) else None
