"""Which service a client talks to: an address that was given, or what the environment says; checked before use."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from app.client.errors import BAD_URL, KinorayClientError

URL, HOST, PORT = "KINORAY_URL", "KINORAY_HOST", "KINORAY_PORT"
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000
EXAMPLE = "http://127.0.0.1:8000"
_EVERYWHERE = {"", "0.0.0.0", "::"}
"""What a server binds to be reached by every address of its machine; a client takes the nearest."""


def local_url(host: str, port: int) -> str:
    """The address, for clients on this machine, of a service that listens there."""
    near = DEFAULT_HOST if host in _EVERYWHERE else host
    return f"http://[{near}]:{port}" if ":" in near else f"http://{near}:{port}"


def from_environment(environment: Mapping[str, str]) -> str:
    """KINORAY_URL, else the service that KINORAY_HOST and KINORAY_PORT start on this machine.

    Raises KinorayClientError (`bad_url`), which names the variable.
    """
    if environment.get(URL):
        return checked(environment[URL], URL)
    said = environment.get(PORT) or str(DEFAULT_PORT)
    if not (said.isascii() and said.isdigit() and 1 <= int(said) <= 65535):
        raise KinorayClientError(0, BAD_URL, f"{PORT}={said} cannot be used: it must be a port, 1 to 65535.")
    return local_url(environment.get(HOST, DEFAULT_HOST), int(said))


def checked(url: str, named: str = "") -> str:
    """The address, if it is one of a service; `named` says whence. Raises KinorayClientError (`bad_url`)."""
    why = _fault(url)
    if why is None:
        return url
    said = f"{named}={url}" if named else repr(url)
    raise KinorayClientError(0, BAD_URL, f"{said} is not the address of a service, such as {EXAMPLE}: {why}.")


def _fault(url: str) -> str | None:
    try:
        parts = httpx.URL(url)
        port = parts.port
    except (httpx.InvalidURL, ValueError) as error:
        return str(error).rstrip(".") or "it cannot be read"
    if parts.scheme not in ("http", "https"):
        return "it must begin with http:// or https://"
    if not parts.host:
        return "it has no host"
    if any(each.isspace() for each in url):
        return "there must be no blank in it"
    if port is not None and not 1 <= port <= 65535:
        return "its port must be 1 to 65535"
    return "nothing may follow a ? or #" if parts.query or parts.fragment else None
