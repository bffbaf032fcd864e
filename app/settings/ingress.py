"""The settings of what slow, fat and many clients may take, as Serve's proxy and the Routers read them."""

from __future__ import annotations

from pydantic import BaseModel

from app.settings.field import setting

MIB = 2**20


class Ingress(BaseModel):
    """Slow and fat clients: what a connection, a request and all of them together may take"""

    header_timeout_s: float = setting(
        15.0, "A request's headers must be there so long after its connection, or first byte", "s", since="0.3", gt=0
    )
    max_header_bytes: int = setting(
        32 * 1024, "More than that in headers is refused with 431", "bytes", since="0.3", ge=4096
    )
    body_timeout_s: float = setting(120.0, "All of a body must be there by then, else 408", "s", since="0.3", gt=0)
    min_body_rate: float = setting(
        1024.0, "Bodies that come more slowly, after 10 s of grace, are refused with 408", "bytes/s", since="0.3", gt=0
    )
    max_bodies_bytes: int = setting(
        256 * MIB, "Bodies under way at one proxy and at one Router; 503 beyond", "bytes", since="0.3", gt=0
    )
    stalled_reader_s: float = setting(
        60.0, "A client that takes nothing of its answer for so long is cut off", "s", since="0.3", gt=0
    )
    max_connections: int = setting(8192, "Connections of one proxy; 503 beyond", "connections", since="0.3", ge=64)
    max_connections_per_address: int = setting(
        2048,
        "Connections of one address (IPv6: one /64) that is no trusted proxy; 429 beyond",
        "connections",
        since="0.3",
        ge=1,
    )
    max_requests_per_key: int = setting(
        2048, "Requests and streams of one key under way at one proxy; 429 beyond", "requests", since="0.3", ge=1
    )
    max_followers: int = setting(
        1500, "Event streams, WebSockets and waiting requests at one Router; 503 beyond", "streams", since="0.3", ge=1
    )
    health_port: int | None = setting(
        None,
        "Port on which each proxy answers `/health`, what is below it and `/metrics` too, with connections of its own",
        unset="none",
        since="0.3",
        ge=1,
        le=65535,
    )
