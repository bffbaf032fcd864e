"""The client finds the service that the same environment starts, and says what is wrong with an address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import pytest

from app.client.address import checked, from_environment, local_url
from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from tests.client.conftest import Typed
from tests.client.service import Service


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"KINORAY_PORT": "9000"}, "http://127.0.0.1:9000"),
        ({"KINORAY_PORT": "9000", "KINORAY_HOST": "0.0.0.0"}, "http://127.0.0.1:9000"),
        ({"KINORAY_PORT": "9000", "KINORAY_HOST": "::1"}, "http://[::1]:9000"),
        ({"KINORAY_HOST": "10.0.0.7"}, "http://10.0.0.7:8000"),
        ({"KINORAY_PORT": "9000", "KINORAY_URL": "https://video.example"}, "https://video.example"),
        ({"KINORAY_URL": "", "KINORAY_PORT": ""}, "http://127.0.0.1:8000"),
    ],
)
def test_the_environment_says_where_the_service_is(environment: Mapping[str, str], url: str) -> None:
    assert from_environment(environment) == url


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "80.5", "²"])
def test_a_port_that_cannot_be_is_named(port: str) -> None:
    with pytest.raises(KinorayClientError, match=f"KINORAY_PORT={port} cannot be used: it must be a port, 1 to 65535"):
        from_environment({"KINORAY_PORT": port})


BAD = [
    "",
    "foo",
    "localhost:8000",
    "http://",
    "http://[::1",
    "http://a:99999",
    "http://a:port",
    "http://a b",
    "ftp://a",
]


@pytest.mark.parametrize("url", [*BAD, "http://a/?x=1", "http://a:0"])
def test_an_address_that_cannot_be_is_named_with_where_it_came_from(url: str) -> None:
    with pytest.raises(KinorayClientError) as bad:
        checked(url, "--url")
    assert bad.value.message.startswith(f"--url={url} is not the address of a service, such as http://127.0.0.1:8000: ")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1", "https://a", "http://[::1]:80/", "http://me:pw@a/below"])
def test_an_address_that_can_be_is_taken(url: str) -> None:
    assert checked(url) == url


@pytest.mark.anyio
async def test_the_client_and_the_command_read_the_port(
    service: Service, typed: Callable[..., Typed], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = str(urlsplit(service.url).port)
    assert typed("list", KINORAY_URL="", KINORAY_PORT=port).status == 0
    monkeypatch.delenv("KINORAY_URL", raising=False)
    monkeypatch.setenv("KINORAY_PORT", port)
    async with Kinoray() as client:
        assert (await client.health()).ok


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (["list", "--url", "foo"], {}, "--url=foo is not the address"),
        (["--url", "foo", "list"], {}, "--url=foo is not the address"),
        (["status"], {"KINORAY_URL": "foo"}, "KINORAY_URL=foo is not the address"),
        (["generate", "x"], {"KINORAY_URL": "", "KINORAY_PORT": "abc"}, "KINORAY_PORT=abc cannot be used"),
    ],
)
def test_a_bad_address_is_one_sentence(
    words: list[str], variables: dict[str, str], said: str, typed: Callable[..., Typed]
) -> None:
    ended = typed(*words, **variables)
    assert (ended.status, ended.stderr.startswith(said), ended.stderr.count("\n")) == (2, True, 1)


def test_a_server_that_listens_everywhere_is_near() -> None:
    assert local_url("::", 8000) == local_url("0.0.0.0", 8000) == "http://127.0.0.1:8000"
