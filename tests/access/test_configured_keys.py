"""Keys of the settings and of a file: every documented form, read again on a change, refused without being shown."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from app.access.configured_keys import LOOK_S, BadKeys, ConfiguredKeys
from app.access.scopes import ALL, OF_TENANTS
from app.settings import Settings

YAML = """
alice: a long secret
bob: [new one, old one]
ci:
  key: 12345
  tenant: bob
  scopes: [videos:read, stats]
  expires_at: 2027-01-31T00:00:00Z
boss: {keys: [b]}
"""


def keys_of(file: Path, text: str, **settings: Any) -> ConfiguredKeys:
    file.write_text(text)
    return ConfiguredKeys(Settings(api_keys_file=file, **settings))


def who(keys: ConfiguredKeys, text: str, now: float = 0.0) -> tuple[str, str, frozenset[str]] | None:
    found = keys.find(text, now)
    return None if found is None else (found.id, found.tenant, found.scopes)


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_file_has_keys_by_tenant_with_scopes_and_expiry(form: str, tmp_path: Path) -> None:
    text = YAML if form == "yaml" else json.dumps(yaml.load(YAML, Loader=yaml.BaseLoader))
    keys = keys_of(tmp_path / "keys", text, operators=["boss"])
    assert who(keys, "a long secret") == ("file:alice", "alice", OF_TENANTS)
    assert who(keys, "new one") == ("file:bob:1", "bob", OF_TENANTS)
    assert who(keys, "old one") == ("file:bob:2", "bob", OF_TENANTS)
    assert who(keys, "12345") == ("file:ci", "bob", frozenset({"videos:read", "stats"}))
    assert who(keys, "b") == ("file:boss", "boss", ALL)
    assert who(keys, "12345", now=1_801_353_600.0) is None
    assert who(keys, "a long") is None


def test_a_mounted_folder_has_an_entry_in_each_file(tmp_path: Path) -> None:
    data = tmp_path / "..data"
    data.mkdir()
    (data / "alice").write_text("key: with a colon\n")
    (data / "bob").write_text("just: a secret, which looks like a map\n")
    (data / ".hidden").write_text("no")
    for name in ("alice", "bob", ".hidden"):
        (tmp_path / name).symlink_to(data / name)
    keys = ConfiguredKeys(Settings(api_keys_file=tmp_path))
    assert who(keys, "with a colon") == ("file:alice", "alice", OF_TENANTS)
    assert who(keys, "just: a secret, which looks like a map") == ("file:bob", "bob", OF_TENANTS)
    assert who(keys, "no") is None


def test_a_changed_file_is_read_again_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    now, file = 0.0, tmp_path / "keys"
    file.write_text("alice: one")
    keys = ConfiguredKeys(Settings(api_keys_file=file), monotonic=lambda: now)
    for text, good in (("alice: two", "two"), ("alice: {", "two"), ("alice: three\n", "three")):
        other = tmp_path / "next"
        other.write_text(text)
        os.replace(other, file)
        now += LOOK_S
        assert who(keys, good) == ("file:alice", "alice", OF_TENANTS)
    assert who(keys, "one") is None
    file.unlink()
    now += LOOK_S
    assert who(keys, "three") is not None


def test_keys_of_the_settings_may_have_scopes(tmp_path: Path) -> None:
    settings = Settings(api_keys={"ann": SecretStr("a"), "ben": SecretStr("b")}, api_key_scopes={"ann": ["stats"]})
    keys = ConfiguredKeys(settings)
    assert who(keys, "a") == ("settings:ann", "ann", frozenset({"stats"}))
    assert who(keys, "b") == ("settings:ben", "ben", OF_TENANTS)
    assert keys.any()
    assert not ConfiguredKeys(Settings()).any()
    with pytest.raises(BadKeys, match="no scope 'stat'"):
        ConfiguredKeys(Settings(api_keys={"ann": SecretStr("a")}, api_key_scopes={"ann": ["stat"]}))


BAD = {
    "not YAML": "alice: {hunter2",
    "a list": "[hunter2]",
    "an unknown field": "alice: {key: hunter2, scope: [stats]}",
    "an unknown scope": "alice: {key: hunter2, scopes: [video]}",
    "no key": "alice: {tenant: hunter2}",
    "an empty key": "alice: ''",
    "no time": "alice: {key: hunter2, expires_at: hunter2}",
    "one key for two": "alice: hunter2\nbob: hunter2",
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_cannot_be_used_is_refused_without_showing_a_key(case: str, tmp_path: Path) -> None:
    with pytest.raises(BadKeys) as refused:
        keys_of(tmp_path / "keys", BAD[case])
    assert "hunter2" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadKeys, match="No such file"):
        ConfiguredKeys(Settings(api_keys_file=tmp_path / "none"))
