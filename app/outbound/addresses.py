"""Addresses that others name: looked up, refused where they lead into our network, and asked as they were checked."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass

import httpx

from app.errors import InvalidRequest

_METADATA = frozenset({"168.63.129.16"})  # a cloud's inner door that has a public address (Azure)
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 behind NAT64, RFC 6052
LONGEST_URL = 2048


class AddressRefused(InvalidRequest):
    """The address is no web address, or leads where clients have no business."""

    code = "address_refused"


@dataclass(frozen=True, slots=True)
class Target:
    """A web address and the checked IP that answers to it."""

    url: httpx.URL
    ip: str

    @property
    def pinned(self) -> httpx.URL:
        """The same address with the IP for a host: a second look-up could give another."""
        return self.url.copy_with(host=self.ip)

    @property
    def headers(self) -> dict[str, str]:
        """What has to be sent to the IP, so that the host knows itself."""
        return {"host": self.url.netloc.decode("ascii")}

    @property
    def extensions(self) -> dict[str, str]:
        """For httpx: the name that the certificate is checked for."""
        return {"sni_hostname": self.url.raw_host.decode("ascii")}


async def target(address: str, private: bool = False, param: str | None = None) -> Target:
    """The address, looked up. Every IP that it has must be a public one, unless `private` allows all.

    Raises:
        AddressRefused: not http or https, with a password in it, too long, unknown, or not public.
    """
    try:
        url = httpx.URL(address)
        known = len(address) <= LONGEST_URL and url.scheme in ("http", "https") and bool(url.host) and not url.userinfo
    except httpx.InvalidURL:
        known = False
    if not known:
        raise AddressRefused("The address must be an http or https URL without a password.", param)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        name = url.raw_host.decode("ascii").strip("[]")
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(f"There is no host {url.host[:80]!r}.", param) from None
    ips = [str(entry[4][0]) for entry in found]
    if not ips or not (private or all(is_public(ip) for ip in ips)):
        raise AddressRefused(f"{url.host[:80]!r} is not a public host.", param)
    return Target(url, ips[0])


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
