"""Secrets come from variables, files and references; where they stand in `args` they are refused, and never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from app.settings.read import BadSettings, read_settings, unknown

WHSEC = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
LITERAL: dict[str, dict[str, Any]] = {
    "keys": {"api_keys": {"alice": "hunter2"}},
    "a Redis with a password": {"redis_url": "redis://:hunter2@h/0"},
    "a Redis of a user": {"redis_url": "redis://hunter2@h/0"},
    "sentinels with a password": {"cache_redis_url": "redis+sentinel://h/kinoray/0?sentinel_password=hunter2"},
    "a webhook secret": {"webhook_secret": WHSEC},
    "webhook secrets": {"webhook_secrets": {"alice": WHSEC}},
    "a store with a password": {"artifacts_url": "ftp://me:hunter2@h/files"},
    "a receiver with a token": {"webhook_urls": {"alice": "https://example.org/hook?token=hunter2"}},
    "an address of Slack's": {"notify_urls": ["https://hooks.slack.com/services/T0/B0/hunter2"]},
    "a key that cannot be": {"api_keys": "hunter2"},
}


@pytest.mark.parametrize("case", LITERAL)
def test_a_secret_in_args_is_refused_with_what_to_do_instead_and_not_shown(case: str) -> None:
    args = LITERAL[case]
    with pytest.raises(BadSettings, match="KINORAY_.*_FILE.*env:NAME") as refused:
        read_settings(args)
    with pytest.raises(ValueError, match="stands in `args`") as by_ray:  # as Ray makes the settings of `build`
        Settings.model_validate(args)
    for said in (str(refused.value), str(by_ray.value), repr(by_ray.value)):
        assert "hunter2" not in said
        assert WHSEC not in said


def test_args_may_refer_to_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALICES", "hunter2")
    monkeypatch.setenv("ALL_KEYS", '{"ben": "hunter3"}')
    (tmp_path / "redis").write_text("redis://:hunter2@h/0\n")
    one = read_settings({"api_keys": {"alice": "env:ALICES"}, "redis_url": f"file:{tmp_path}/redis"})
    assert one.api_keys["alice"].get_secret_value() == "hunter2"
    assert one.redis_url is not None
    assert one.redis_url.get_secret_value() == "redis://:hunter2@h/0"
    assert read_settings({"api_keys": "env:ALL_KEYS"}).api_keys["ben"].get_secret_value() == "hunter3"
    assert read_settings({"redis_url": "redis://h:6379/0"}).redis_url is not None
    assert "hunter2" not in repr(one) + str(one.model_dump())


@pytest.mark.parametrize("reference", ["env:NOT_THERE", "file:/not/there"])
def test_a_reference_that_leads_nowhere_is_named(reference: str) -> None:
    with pytest.raises(BadSettings, match="webhook_secret.*not|webhook_secret.*there is no"):
        read_settings({"webhook_secret": reference})


def test_each_secret_may_be_a_mounted_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in (
        ("REDIS_URL", "redis://:hunter2@h/0\n"),
        ("WEBHOOK_SECRET", WHSEC),
        ("WEBHOOK_SECRETS", f'{{"alice": "{WHSEC}"}}'),
    ):
        file = tmp_path / name
        file.write_text(text)
        monkeypatch.setenv(f"KINORAY_{name}_FILE", str(file))
    settings = read_settings()
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == "redis://:hunter2@h/0"
    assert settings.webhook_keys("alice") == settings.webhook_keys("ben") == (WHSEC,)
    assert unknown({"KINORAY_REDIS_URL_FILE": "x", "KINORAY_API_KEYS_FILE": "y"}) == ()
    monkeypatch.setenv("KINORAY_REDIS_URL", "redis://other/0")
    first = read_settings().redis_url
    assert first is not None
    assert first.get_secret_value() == "redis://other/0"
    monkeypatch.setenv("KINORAY_WEBHOOK_SECRET_FILE", str(tmp_path / "none"))
    with pytest.raises(BadSettings, match="KINORAY_WEBHOOK_SECRET_FILE names .* cannot be read: No such file"):
        read_settings()


def test_what_pydantic_says_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINORAY_REDIS_URL", "http://:hunter2@h/0")
    with pytest.raises(ValueError, match="must be such as redis") as refused:
        Settings()
    assert "hunter2" not in str(refused.value)


def test_addresses_to_notify_come_from_a_list_of_references_or_one_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slack = "https://hooks.slack.com/services/T0/B0/hunter2"
    monkeypatch.setenv("OURS", slack)
    (tmp_path / "urls").write_text(f'["{slack}"]\n')
    for given in (["env:OURS"], f"file:{tmp_path}/urls"):
        settings = read_settings({"notify_urls": given})
        assert [url.get_secret_value() for url in settings.notify_urls] == [slack]
        assert "hunter2" not in repr(settings)
    monkeypatch.setenv("KINORAY_NOTIFY_URLS_FILE", str(tmp_path / "urls"))
    assert [url.get_secret_value() for url in read_settings().notify_urls] == [slack]


@pytest.mark.parametrize("urls", ['["ftp://example.org/hunter2"]', '["hunter2"]', '["https://example.org/hunter2"]'])
def test_an_address_to_notify_that_cannot_be_or_has_no_secret_to_sign_with_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, urls: str
) -> None:
    monkeypatch.setenv("KINORAY_NOTIFY_URLS", urls)
    with pytest.raises(BadSettings, match="number 1 must be an address|KINORAY_WEBHOOK_SECRET") as refused:
        read_settings()
    assert "hunter2" not in str(refused.value)
