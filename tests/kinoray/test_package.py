"""What `import kinoray` gives, and what it costs."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import kinoray
from app.cache.version import cache_version
from app.client.cli import app
from kinoray import Kinoray, __version__
from kinoray.serve import build, policy

ROOT = Path(__file__).resolve().parent.parent.parent
HEAVY = {"torch", "ray", "numpy", "pydantic", "fastapi", "redis", "diffusers", "transformers", "typer"}
MOST_S = 0.5


def test_the_client_is_there_without_what_a_server_needs() -> None:
    probe = "import kinoray, sys; sys.stdout.write(' '.join({name.split('.')[0] for name in sys.modules}))"
    loaded = set(
        subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "httpx" in loaded
    assert not HEAVY & loaded


def test_the_client_is_there_within_half_a_second() -> None:
    # Processor time, the least of three: others on the machine do not count.
    assert min(_processor_s("import kinoray") for _ in range(3)) <= MOST_S


def _processor_s(program: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_all_that_is_named_is_there() -> None:
    assert [name for name in kinoray.__all__ if not hasattr(kinoray, name)] == []
    assert Kinoray.__module__ == "app.client.client"


def test_it_is_typed() -> None:
    assert (Path(kinoray.__file__).parent / "py.typed").is_file()


def test_serve_finds_builder_and_policy() -> None:
    assert (build.__module__, policy.__module__) == ("deployments.build", "deployments.scaling")


@pytest.mark.parametrize("words", [["--version"], ["version"]])
def test_the_command_says_the_version(words: list[str]) -> None:
    assert CliRunner().invoke(app, words).stdout.split()[-1] == __version__


def test_the_cache_the_image_and_the_changelog_have_the_same_version() -> None:
    assert cache_version().endswith(f"-{__version__}")
    assert f'image.version="{__version__}"' in (ROOT / "cluster" / "Dockerfile").read_text()
    (released, *_) = re.findall(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)
    assert released == __version__


def test_the_manifests_name_an_image_of_this_version() -> None:
    for path in ("cluster/kuberay/base/rayservice.yaml", "cluster/ray_up.yaml"):
        assert set(re.findall(r"image: kinoray:([^\s-]+)", (ROOT / path).read_text())) == {__version__}


def test_what_is_checked_before_a_commit_is_what_make_lint_checks() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {hook["id"] for hook in local["hooks"]} == {"ruff-check", "ruff-format", "mypy"}
    lint = (ROOT / "Makefile").read_text()
    assert [hook["id"] for hook in local["hooks"] if hook["entry"].replace(".venv/bin", "$(BIN)") not in lint] == []
