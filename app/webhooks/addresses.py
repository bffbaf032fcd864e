"""Where a webhook may go: a URL comes in before anything is stored, an address before anything is connected."""

from __future__ import annotations

import ipaddress

import httpx

from app.errors import InvalidRequest

MOST_URL_CHARS = 2048
_METADATA = frozenset({"168.63.129.16"})  # a cloud's inner door that has a public address (Azure)
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 behind NAT64, RFC 6052
_PORTS = frozenset({None, *range(1, 65536)})
_LOCAL_NAMES = ("localhost", ".localhost", ".local", ".internal")


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


def is_public(address: str) -> bool:
    """Whether an IP address is somebody's on the internet: none of a private, loopback, link-local, shared, multicast
    or reserved range, nor one of those in an IPv6 coat, nor a cloud's metadata service."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _inside(found) if isinstance(found, ipaddress.IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    return found.is_global and not found.is_multicast and str(found) not in _METADATA


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if address.teredo is not None:
        return address.teredo[1]
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_local(host: str) -> bool:
    name = host.rstrip(".").lower()
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.endswith(_LOCAL_NAMES)
    return not is_public(name)


def _bad(why: str) -> InvalidRequest:
    return InvalidRequest(f"webhook.url {why}.", "webhook.url", "invalid_webhook_url")
