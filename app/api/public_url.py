"""Where clients reach this service: a request's scope and the settings come in, the address before `/v1` goes out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.settings import Settings
from app.settings.proxies import is_trusted

KEY: Final = "kinoray.public_url"  # of the ASGI scope
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_PAIR = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",;\s]*))\s*')
_SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_MOVED: Final = (307, 308)


def public_url(settings: Settings, scope: Scope) -> str:
    """The address, without a slash at its end, under which whoever asks finds `/v1`.

    It is `KINORAY_PUBLIC_URL`; else what the proxies that are trusted say in `Forwarded` (RFC 7239) or `X-Forwarded-*`;
    else what was asked for. Nothing in it is taken from a client that could not be a part of an address.
    """
    if settings.public_url is not None:
        return settings.public_url
    headers = Headers(scope=scope)
    scheme, host, prefix = _forwarded(headers, scope, settings.trusted_proxies)
    scheme = _SCHEMES.get((scheme or "").lower()) or _SCHEMES.get(scope.get("scheme", "http"), "http")
    for named in (host, headers.get("host", "")):
        if named and _HOST.fullmatch(named):
            break
    else:
        named = _bound(scope, settings)
    root = scope.get("app_root_path", scope.get("root_path", ""))
    return f"{scheme}://{named}{prefix}{root}".rstrip("/")


def _bound(scope: Scope, settings: Settings) -> str:
    """The address that the server listens at."""
    host, port = scope.get("server") or (settings.host, settings.port)
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host


def _forwarded(headers: Headers, scope: Scope, trusted: Sequence[str]) -> tuple[str, str, str]:
    """Scheme, host and path prefix as the outermost trusted proxy knew them; empty where none says it."""
    peer = (scope.get("client") or ("",))[0]
    if not is_trusted(peer, trusted):
        return "", "", ""
    if elements := _elements(headers.getlist("forwarded")):
        said = _outermost(elements, [_address(each.get("for", "")) for each in elements], trusted)
        return said.get("proto", ""), said.get("host", ""), _prefix(headers, 1)
    hops = _hops([_address(each) for each in _listed(headers, "x-forwarded-for")], trusted)
    host = _nth(_listed(headers, "x-forwarded-host"), hops)
    port = _nth(_listed(headers, "x-forwarded-port"), hops)
    scheme = _nth(_listed(headers, "x-forwarded-proto"), hops)
    if host and port.isdigit() and not re.search(r":[0-9]+$", host) and port != _usual_port(scheme):
        host = f"{host}:{port}"
    return scheme, host, _prefix(headers, hops)


def _usual_port(scheme: str) -> str:
    return {"http": "80", "https": "443"}.get(scheme.lower(), "")


def _prefix(headers: Headers, hops: int) -> str:
    """The path that a proxy has taken away."""
    prefix = _nth(_listed(headers, "x-forwarded-prefix"), hops).rstrip("/")
    return prefix if _PREFIX.fullmatch(prefix) else ""


def _hops(before: Sequence[str], trusted: Sequence[str]) -> int:
    """How many proxies in a row, from the nearest on, are trusted; `before` are the addresses that asked them."""
    hops = 1
    for address in reversed(before):
        if not is_trusted(address, trusted):
            break
        hops += 1
    return hops


def _nth(values: Sequence[str], hops: int) -> str:
    """What the outermost trusted proxy said: each appends on the right, and what lies further left may be invented."""
    return values[-min(hops, len(values))] if values else ""


def _outermost(
    elements: Sequence[Mapping[str, str]], before: Sequence[str], trusted: Sequence[str]
) -> Mapping[str, str]:
    return elements[-min(_hops(before, trusted), len(elements))]


def _listed(headers: Headers, name: str) -> list[str]:
    return [part.strip() for line in headers.getlist(name) for part in line.split(",") if part.strip()]


def _elements(lines: Iterable[str]) -> list[dict[str, str]]:
    """The elements of `Forwarded`, each as its parameters by name."""
    found = []
    for part in re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+', ",".join(lines)):
        pairs = [_PAIR.fullmatch(each) for each in re.findall(r'(?:[^;"]|"(?:[^"\\]|\\.)*")+', part)]
        found.append({each[1].lower(): each[2] or each[3] or "" for each in pairs if each is not None})
    return found


def _address(node: str) -> str:
    """The bare address of a node, which may have a port and brackets."""
    if node.startswith("["):
        return node[1:].partition("]")[0]
    return node.partition(":")[0] if node.count(":") == 1 else node


class PublicAddress:
    """ASGI middleware: the scope gets the public address, and redirects lead to it."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        base = scope[KEY] = public_url(self._settings, scope)
        root: str = scope.get("root_path", "")

        async def led(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in _MOVED:
                _lead(MutableHeaders(scope=message), base, root)
            await send(message)

        await self._app(scope, receive, led)


def _lead(headers: MutableHeaders, base: str, root: str) -> None:
    """Have a redirect inside of this service begin with its public address."""
    if (to := headers.get("location")) is not None:
        parts: Any = urlsplit(to)
        query = f"?{parts.query}" if parts.query else ""
        headers["location"] = f"{base}{parts.path.removeprefix(root)}{query}"
