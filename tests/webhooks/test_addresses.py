from __future__ import annotations

import pytest

from app.errors import InvalidRequest
from app.webhooks.addresses import check_url, is_public

PRIVATE = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200"),
    *("0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "168.63.129.16", "::1", "::", "fe80::1", "fe80::1%eth0"),
    *("fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"),
    *("2002:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe", "localhost", ""),
)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_known_in_any_coat(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_a_public_address_is_let_through(address: str) -> None:
    assert is_public(address)


BAD = (
    *("", "x", "//x", "ftp://example.com", "http://example.com/a", "https://", "https:///a", "https://u:p@example.com"),
    *("https://example.com/#f", "https://exa mple.com", "https://example.com/\n", "https://example.com:0"),
    *("https://example.com:99999", "javascript:alert(1)", "https://[::1", "https://" + "a" * 3000),
)


@pytest.mark.parametrize("url", BAD)
def test_a_bad_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_url(url, allow_http=False, allow_private=True)
    assert (refused.value.error_code, refused.value.param) == ("invalid_webhook_url", "webhook.url")


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "https://[::1]:8443/x", "https://localhost/", "https://a.localhost.", "https://x.local"],
)
def test_a_url_into_a_private_network_is_refused_unless_allowed(url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_url(url, allow_http=False, allow_private=False)
    assert refused.value.error_code == "forbidden_webhook_address"
    assert check_url(url, allow_http=False, allow_private=True).scheme == "https"


def test_http_is_for_those_who_allow_it() -> None:
    assert check_url("http://example.com:8080/a?b=c", allow_http=True, allow_private=False).port == 8080
