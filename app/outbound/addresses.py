"""Addresses that others name: which are web addresses at all, and which lead out of our network."""

from __future__ import annotations

import ipaddress

import httpx

from app.errors import InvalidRequest

_METADATA = frozenset({"168.63.129.16"})  # a cloud's inner door that has a public address (Azure)
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 behind NAT64, RFC 6052
LONGEST_URL = 2048


class AddressRefused(InvalidRequest):
    """The address is no web address, or leads where clients have no business."""

    code = "address_refused"


def web_address(address: str, param: str | None = None) -> httpx.URL:
    """The address, parsed. Where its name leads is looked at when it is connected to (`app.outbound.connect`).

    Raises:
        AddressRefused: not http or https, with a password in it, or too long.
    """
    try:
        url = httpx.URL(address)
        known = len(address) <= LONGEST_URL and url.scheme in ("http", "https") and bool(url.host) and not url.userinfo
    except httpx.InvalidURL:
        known = False
    if not known:
        raise AddressRefused("The address must be an http or https URL without a password.", param)
    return url


def is_public(ip: str) -> bool:
    """Whether an IP address is somebody's on the internet: none of a private, loopback, link-local, shared, multicast
    or reserved range, nor one of those in an IPv6 coat, nor a cloud's metadata service."""
    try:
        found = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return False
    inner = _inside(found) if isinstance(found, ipaddress.IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    return found.is_global and not found.is_multicast and not found.is_reserved and str(found) not in _METADATA


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for."""
    if address.teredo is not None:
        return address.teredo[1]
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
