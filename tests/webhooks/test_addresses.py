from __future__ import annotations

import pytest

from app.errors import InvalidRequest
from app.webhooks.addresses import check_url

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
