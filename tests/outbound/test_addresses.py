"""Which addresses are web addresses, and which are somebody's on the internet."""

from __future__ import annotations

import pytest

from app.outbound.addresses import AddressRefused, is_public, web_address


@pytest.mark.parametrize(
    "ip",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "::"),
        *("255.255.255.255", "240.0.0.1", "ff02::1", "198.18.0.1", "192.0.2.1", "168.63.129.16", "100.100.100.200"),
        *("fd00:ec2::254", "::ffff:10.0.0.1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "localhost", ""),
    ],
)
def test_our_own_addresses_are_not_public(ip: str) -> None:
    assert not is_public(ip)


@pytest.mark.parametrize("ip", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_those_of_the_internet_are(ip: str) -> None:
    assert is_public(ip)


@pytest.mark.parametrize(
    "address",
    [
        *("ftp://8.8.8.8/a", "file:///a", "//8.8.8.8/a", "http://", "nonsense", "http://a:b@8.8.8.8/"),
        *("http://8.8.8.8/" + "a" * 3000, ""),
    ],
)
def test_what_is_no_web_address_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        web_address(address)
