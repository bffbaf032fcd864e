"""Settings that cannot be are a sentence each: which variable, which value, what is allowed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import Settings
from app.settings.read import BadSettings, allowed_of, args_of, read_settings, unknown
from cluster.local import CONFIG

BAD = {
    "KINORAY_PORT=abc": "it must be a whole number from 1 to 65535.",
    "KINORAY_PORT=0": "it must be a whole number from 1 to 65535.",
    "KINORAY_RETENTION_S=-3": "it must be a number of more than 0, in s.",
    "KINORAY_RETENTION_S=nan": "it must be a number of more than 0, in s.",
    "KINORAY_FETCH_IMAGES=perhaps": "it must be true or false.",
    "KINORAY_DTYPE=fp8": "it must be one of float32, bfloat16.",
    "KINORAY_MAX_BATCH=1.5": "it must be a whole number from 1 to 64, in jobs.",
    "KINORAY_OPERATORS=me": "it must be a JSON list, and is not JSON at character 1 (Expecting value).",
    'KINORAY_REPLICAS={"main":[3,1]}': "pool main: 0 <= least <= most, and most >= 1.",
    "KINORAY_MODELS=[]": "it must have at least 1 item, not 0.",
    "KINORAY_REDIS_URL=http://h": "it must be such as redis://host:6379/0, and begin with one of redis://",
    "KINORAY_REDIS_URL=redis://h:99999": "have a port from 1 to 65535.",
    "KINORAY_REDIS_URL=redis://": "name a host.",
    "KINORAY_CACHE_REDIS_URL=localhost:6379": "it must be such as redis://host:6379/0",
    "KINORAY_WEBHOOK_URL=foo": "it must be an address such as https://example.org/hook, not 'foo'.",
}


@pytest.mark.parametrize("said", BAD)
def test_variable_value_and_what_is_allowed_are_one_sentence(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _, value = said.partition("=")
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as bad:
        read_settings()
    line = str(bad.value)
    shown = f"{name}={json.dumps(json.loads(value))}" if value[:1] in "[{" else said
    assert line.startswith(f"{shown} cannot be used: ")
    assert BAD[said] in line
    assert "\n" not in line


def test_each_fault_within_an_entry_is_named_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINORAY_MODELS", '[{"id":"x","family":"wan","sizes":[[4,64]],"foo":1}]')
    with pytest.raises(BadSettings) as bad:
        read_settings()
    assert sorted(str(bad.value).splitlines()) == [
        "KINORAY_MODELS[0].foo cannot be used: there is no such field.",
        "KINORAY_MODELS[0].sizes[0][0]=4 cannot be used: it must be greater than or equal to 16.",
        "KINORAY_MODELS[0].source is missing: it must be given.",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KINORAY_API_KEYS", '{"a": "sesame'),
        ("KINORAY_API_KEYS", '{"a": ["sesame"]}'),
        ("KINORAY_WEBHOOK_SECRET", "sesame"),
        ("KINORAY_WEBHOOK_SECRETS", '{"a": "sesame"}'),
        ("KINORAY_REDIS_URL", "redis://me:sesame@h:99999"),
    ],
)
def test_no_secret_is_repeated(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as bad:
        read_settings()
    assert str(bad.value).startswith(name)
    assert "sesame" not in str(bad.value)


def test_settings_that_do_not_go_together_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINORAY_HOST_MEMORY_WARNING", "0.99")
    with pytest.raises(BadSettings, match=r"host_memory_warning=0.99 must be less than host_memory_critical=0.96"):
        read_settings()


def test_what_a_config_file_says_is_named_as_it_is_there() -> None:
    with pytest.raises(BadSettings, match="^port=abc cannot be used: it must be a whole number from 1 to 65535.$"):
        read_settings({"port": "abc"})
    with pytest.raises(BadSettings, match="^There is no setting prot; did you mean port?"):
        read_settings({"prot": 9000})


@pytest.mark.parametrize(
    "text", ["applications: [", "- 1", "applications: []", "", "applications: [{args: [1]}]", "\xff\xfe"]
)
def test_a_file_that_is_no_config_is_said_so(text: str, tmp_path: Path) -> None:
    config = tmp_path / "serve_config.yaml"
    config.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadSettings, match=str(config)):
        args_of(config)


def test_the_shipped_config_can_be_read() -> None:
    assert read_settings(args_of(CONFIG)).port == Settings().port


def test_a_variable_that_is_misspelt_is_told() -> None:
    assert unknown({"KINORAY_PROT": "1", "KINORAY_PORT": "1", "KINORAY_URL": "x", "PATH": ""}) == (
        "KINORAY_PROT is not a setting and changes nothing; did you mean KINORAY_PORT?",
    )


def test_what_is_allowed_can_be_said_of_every_setting() -> None:
    for name, field in Settings.model_fields.items():
        assert "another value" not in allowed_of(name, field), name


@pytest.mark.parametrize(
    "words", [["-m", "kinoray", "serve"], ["-m", "kinoray", "models"], ["-m", "cluster.demo"]], ids=lambda it: it[-1]
)
def test_every_command_says_it_in_a_line(words: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "KINORAY_PORT": "abc", "KINORAY_STATE_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "KINORAY_PORT=abc cannot be used: it must be a whole number from 1 to 65535.\n"
