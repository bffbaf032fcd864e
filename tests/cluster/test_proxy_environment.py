"""Serve's proxy is given no `args`: what it reads of the settings has to be in its environment, and nothing secret."""

from __future__ import annotations

import pytest

from app.settings import Settings
from app.settings.read import read_settings
from cluster.local import RAY_ENVIRONMENT, environment_of


def test_what_was_set_comes_back_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Settings(
        header_timeout_s=3.5, max_connections=100, health_port=8081, trusted_proxies=["10.0.0.0/8"], max_body_bytes=5
    )
    for name, value in environment_of(given).items():
        monkeypatch.setenv(name, value)
    read = read_settings()
    for name in ("header_timeout_s", "max_connections", "health_port", "trusted_proxies", "max_body_bytes"):
        assert getattr(read, name) == getattr(given, name)


def test_only_what_was_set_and_what_a_proxy_needs_is_told() -> None:
    settings = Settings(api_keys={"ann": "secret"}, max_followers=7)
    assert environment_of(settings) == {"KINORAY_MAX_FOLLOWERS": "7"}


def test_the_hook_that_serve_is_given_is_there() -> None:
    module, name = RAY_ENVIRONMENT["RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"].split(":")
    assert callable(getattr(__import__(module, fromlist=[name]), name))
