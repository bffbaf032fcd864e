"""Which proxies are believed: the addresses and networks of a setting, checked when it is read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

EVERYONE: Final = "*"


@lru_cache(1024)
def _network(written: str) -> IPv4Network | IPv6Network:
    return ip_network(written, strict=False)


def is_trusted(address: str, trusted: Sequence[str]) -> bool:
    """Whether the address is one of those, which are addresses, networks or `*`."""
    if EVERYONE in trusted:
        return True
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)  # as a dual-stack socket shows an IPv4 peer
    return any((mapped or found) in _network(each) for each in trusted)


def checked_proxies(written: Sequence[str]) -> list[str]:
    """The same. Raises ValueError for what is neither an address, a network nor `*`."""
    for each in written:
        if each != EVERYONE:
            try:
                _network(each)
            except ValueError:
                raise ValueError(f"{each!r} is neither an address, a network such as 10.0.0.0/8, nor *") from None
    return list(written)


def checked_public_url(written: str | None) -> str | None:
    """The address without a slash at its end. Raises ValueError for what is no http or https address."""
    if written is None or not written.strip():
        return None
    parts = urlsplit(written.strip())
    plain = (
        parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment or parts.username)
    )
    if not plain:
        raise ValueError("it must be http://host or https://host, perhaps with a port and a path")
    return written.strip().rstrip("/")
