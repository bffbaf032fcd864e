"""Where a webhook may go: its URL is looked at before anything is stored."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

import httpx

from app.errors import InvalidRequest
from app.outbound.addresses import is_public

MOST_URL_CHARS = 2048
_PORTS = frozenset({None, *range(1, 65536)})
_LOCAL_NAMES = ("localhost", ".localhost", ".local", ".internal")


@lru_cache(maxsize=1024)  # looked at when a job comes, and at each attempt to tell of its end
def check_url(url: str, allow_http: bool, allow_private: bool) -> httpx.URL:
    """The URL, parsed. What its name resolves to is looked at when it is connected to.

    Raises InvalidRequest (`invalid_webhook_url`, `forbidden_webhook_address`) for what will never be sent to.
    """
    if len(url) > MOST_URL_CHARS or any(char.isspace() or ord(char) < 32 for char in url):
        raise _bad(f"must be an address of at most {MOST_URL_CHARS} characters, without blanks")
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise _bad("is not a well-formed address") from error
    if found.scheme != "https" and not (allow_http and found.scheme == "http"):
        raise _bad("must begin with https://")
    if not found.host or found.userinfo or found.fragment or found.port not in _PORTS:
        raise _bad("must have a host, and neither a user name nor a fragment")
    if not allow_private and _is_local(found.host):
        raise InvalidRequest("webhook.url leads into a private network.", "webhook.url", "forbidden_webhook_address")
    return found


def _is_local(host: str) -> bool:
    name = host.rstrip(".").lower()
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.endswith(_LOCAL_NAMES)
    return not is_public(name)


def _bad(why: str) -> InvalidRequest:
    return InvalidRequest(f"webhook.url {why}.", "webhook.url", "invalid_webhook_url")
