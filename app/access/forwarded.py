"""What proxies say of a request on its way: `Forwarded` and `X-Forwarded-For` come in, addresses and hops go out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from app.settings.proxies import is_trusted

_PAIR = re.compile(r'\s*([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",;\s]*))\s*')


def elements(lines: Iterable[str]) -> list[dict[str, str]]:
    """The elements of `Forwarded` (RFC 7239), each as its parameters by name."""
    found = []
    for part in re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+', ",".join(lines)):
        pairs = [_PAIR.fullmatch(each) for each in re.findall(r'(?:[^;"]|"(?:[^"\\]|\\.)*")+', part)]
        found.append({each[1].lower(): each[2] or each[3] or "" for each in pairs if each is not None})
    return found


def listed(lines: Iterable[str]) -> list[str]:
    """The entries of a header that is a list with commas between, over all of its lines."""
    return [part.strip() for line in lines for part in line.split(",") if part.strip()]


def bare_address(node: str) -> str:
    """The address of a node, which may have a port and brackets."""
    if node.startswith("["):
        return node[1:].partition("]")[0]
    return node.partition(":")[0] if node.count(":") == 1 else node


def hops(before: Sequence[str], trusted: Sequence[str]) -> int:
    """How many proxies in a row, from the nearest on, are trusted; `before` are the addresses that asked them."""
    count = 1
    for address in reversed(before):
        if not is_trusted(address, trusted):
            break
        count += 1
    return count


def client_address(peer: str, forwarded: Sequence[str], x_forwarded_for: Sequence[str], trusted: Sequence[str]) -> str:
    """The address of who asked the outermost trusted proxy; that of the peer where none is trusted.

    `forwarded` and `x_forwarded_for` are the lines of these headers, of which the first is believed where there is any.
    What lies left of the last trusted proxy's word may be invented, and a word that is no address ends the way back.
    """
    nearest = _plain(peer)
    if not trusted or nearest is None or not is_trusted(str(nearest), trusted):
        return peer if nearest is None else str(nearest)
    nodes = [each.get("for", "") for each in elements(forwarded)] if forwarded else listed(x_forwarded_for)
    for node in reversed(nodes):
        named = _plain(bare_address(node))
        if named is None:
            break
        nearest = named
        if not is_trusted(str(named), trusted):
            break
    return str(nearest)


def network_of(address: str) -> str:
    """What one client has for itself: an IPv4 address, or the /64 of an IPv6 one, in which a client may choose."""
    found = _plain(address)
    if not isinstance(found, IPv6Address):
        return address
    return str(IPv6Address(int(found) >> 64 << 64)) + "/64"


def _plain(written: str) -> IPv4Address | IPv6Address | None:
    """The address, an IPv4 one where a dual-stack socket shows it as IPv6; None: it is none."""
    try:
        found = ip_address(written.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
