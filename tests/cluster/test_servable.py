"""A config with a secret in it is refused by whoever reads it first, before Ray has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cluster.deploy import app
from cluster.servable import unservable_anywhere, unservable_here


def config_with(args: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(Path("serve_config.yaml").read_text())
    config["applications"][0]["args"] = args
    return config


SECRETS: dict[str, dict[str, Any]] = {
    "a key": {"api_keys": {"alice": "hunter2"}},
    "a Redis with a password": {"redis_url": "redis://:hunter2@h:6379/0"},
}


@pytest.mark.parametrize("case", SECRETS)
def test_a_secret_in_a_config_is_refused_and_not_shown(case: str, tmp_path: Path) -> None:
    config = config_with(SECRETS[case])
    why = unservable_anywhere(config) or ""
    assert "stands in `args`" in why
    assert "hunter2" not in why
    with pytest.raises(ValueError, match="stands in `args`"):
        unservable_here(config)
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    refused = CliRunner().invoke(app, ["apply", str(file), "--without-backup"])
    assert (refused.exit_code, "stands in `args`" in refused.output, "hunter2" in refused.output) == (1, True, False)


def test_a_reference_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALICES", "hunter2")
    assert unservable_anywhere(config_with({"api_keys": {"alice": "env:ALICES"}})) is None
