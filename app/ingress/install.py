"""What Serve's proxy calls before it listens: the settings of its environment come in, its guard is put before it."""

from __future__ import annotations

import logging
import os
import resource
from typing import Final

import uvicorn.config
from starlette.middleware import Middleware

from app.api.bodies import BELOW, LARGER, Bodies, body_rules
from app.ingress.connections import Rules
from app.ingress.health_door import HealthDoor
from app.ingress.keys import PerKey
from app.ingress.openings import Openings
from app.ingress.protocol import Guard, guarded
from app.settings import Settings
from app.settings.read import BadSettings, read_settings

log = logging.getLogger(__name__)
HAPROXY: Final = "RAY_SERVE_ENABLE_HA_PROXY"
SPARE_FILES: Final = 512
"""Open files that a proxy needs beside its clients' connections."""


def guard_proxy() -> list[Middleware]:
    """The layers of Serve's HTTP proxy; uvicorn's own protocol is exchanged for a guarded one.

    Named by `RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH`. With settings that cannot be read, those that nobody set are
    taken: a proxy that does not start helps nobody, and the Router says what is wrong with them.
    """
    try:
        settings = read_settings()
    except BadSettings as error:
        log.error("The proxy is guarded as if nothing were set: %s", error)
        settings = Settings.model_construct()
    return layers(settings, rules_of(settings, by_address=os.environ.get(HAPROXY, "0") != "1", files=_files()))


def layers(settings: Settings, rules: Rules) -> list[Middleware]:
    """The outermost first. Raises OSError where the health port is nobody's to bind."""
    # Uvicorn finds the protocol of a server that names none in this table; Serve names none.
    uvicorn.config.HTTP_PROTOCOLS["auto"] = guarded(Guard(rules))  # type: ignore[assignment]
    door = settings.health_port  # in HAProxy mode of each Router, of which a machine may have several
    # Serve puts the last of them outermost.
    return [
        Middleware(Openings),
        Middleware(Bodies, rules=body_rules(settings)),
        Middleware(PerKey, most=settings.max_requests_per_key),
        *(
            [Middleware(HealthDoor, host=settings.host, port=door, shared=not rules.by_address)]
            if door is not None
            else []
        ),
    ]


def rules_of(settings: Settings, by_address: bool, files: int) -> Rules:
    """What connections may do; fewer of them where a process may not open as many `files`."""
    return Rules(
        header_s=settings.header_timeout_s,
        header_bytes=settings.max_header_bytes,
        body_s=settings.body_timeout_s,
        stalled_s=settings.stalled_reader_s,
        body_bytes=settings.max_body_bytes,
        larger=frozenset(path.encode() for path in LARGER),
        larger_below=tuple(path.encode() for path in BELOW),
        larger_bytes=max(settings.lora_upload_max_bytes, settings.upload_max_bytes),
        most=max(64, min(settings.max_connections, files - SPARE_FILES)),
        most_of_address=settings.max_connections_per_address,
        by_address=by_address,
        trusted=tuple(settings.trusted_proxies),
    )


def _files() -> int:
    """How many files this process may open, after asking for as many as it can have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft
