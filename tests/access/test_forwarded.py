"""The client's address: what trusted proxies say, and nothing that a client could invent."""

from __future__ import annotations

import pytest

from app.access.forwarded import client_address, network_of

TRUSTED = ["10.0.0.0/8", "::1"]
PROXY = "10.0.0.7"

# peer, `Forwarded`, `X-Forwarded-For`, who is trusted, the address
CASES: dict[str, tuple[str, list[str], list[str], list[str], str]] = {
    "no proxy": ("8.8.8.8", [], [], [], "8.8.8.8"),
    "an untrusted peer's word": ("8.8.8.8", ["for=1.1.1.1"], ["1.1.1.1"], TRUSTED, "8.8.8.8"),
    "nobody trusted": (PROXY, [], ["1.1.1.1"], [], PROXY),
    "one proxy": (PROXY, [], ["8.8.8.8"], TRUSTED, "8.8.8.8"),
    "what the client invented": (PROXY, [], ["6.6.6.6, 8.8.8.8"], TRUSTED, "8.8.8.8"),
    "two proxies": (PROXY, [], ["6.6.6.6, 8.8.8.8", "10.0.0.8"], TRUSTED, "8.8.8.8"),
    "all trusted": (PROXY, [], ["10.0.0.1, 10.0.0.2"], TRUSTED, "10.0.0.1"),
    "everyone trusted": (PROXY, [], ["6.6.6.6, 8.8.8.8"], ["*"], "6.6.6.6"),
    "RFC 7239": (PROXY, ['for="[2001:db8::1]:99";proto=https'], ["6.6.6.6"], TRUSTED, "2001:db8::1"),
    "a hidden client": (PROXY, ["for=_secret"], [], TRUSTED, PROXY),
    "no address": (PROXY, [], ["8.8.8.8, ; drop"], TRUSTED, PROXY),
    "a port": (PROXY, [], ["8.8.8.8:1234"], TRUSTED, "8.8.8.8"),
    "IPv4 on a dual-stack socket": ("::ffff:8.8.8.8", [], [], TRUSTED, "8.8.8.8"),
    "a proxy on a dual-stack socket": ("::ffff:10.0.0.7", [], ["::ffff:8.8.8.8"], TRUSTED, "8.8.8.8"),
    "a socket without addresses": ("", [], ["8.8.8.8"], TRUSTED, ""),
}


@pytest.mark.parametrize("case", CASES)
def test_the_address_is_what_the_outermost_trusted_proxy_saw(case: str) -> None:
    peer, forwarded, x_forwarded_for, trusted, address = CASES[case]
    assert client_address(peer, forwarded, x_forwarded_for, trusted) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:8.8.8.8", "::ffff:8.8.8.8"),
        ("", ""),
    ],
)
def test_a_client_is_one_address_or_one_network_of_its_own(address: str, network: str) -> None:
    assert network_of(address) == network
