"""The commands of README and guides exist, their examples parse, their links lead somewhere."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.client.cli import app
from app.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
PAGES = {path: path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
BLOCKS = [block for text in PAGES.values() for block in re.findall(r"```(\w*)\n(.*?)```", text, flags=re.S)]
NO_SETTINGS = {"TAG", "API_KEY", "URL", "MEMORY"}  # of the images, and of the command
COMMANDS = [line for kind, text in BLOCKS if kind == "" for line in text.splitlines()]


def test_the_first_command_comes_within_25_lines() -> None:
    assert any(line.startswith("make demo") for line in README.splitlines()[:25])


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    named = {command.split()[1] for command in COMMANDS if command.startswith("make ")}
    assert named <= targets


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("kinoray ")])
def test_every_kinoray_command_exists(command: str) -> None:
    verb = shlex.split(command)[1]
    assert CliRunner().invoke(app, [verb, "--help"]).exit_code == 0


@pytest.mark.parametrize("code", [text for kind, text in BLOCKS if kind == "python"])
def test_every_python_example_parses(code: str) -> None:
    ast.parse(code)


def test_every_setting_they_name_exists() -> None:
    named = set(re.findall(r"KINORAY_([A-Z_]+[A-Z])", "\n".join(PAGES.values()))) - NO_SETTINGS
    assert {name.lower() for name in named} <= set(Settings.model_fields)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_file_they_link_to_exists(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", PAGES[page]) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_ci_script_runs_the_test_command() -> None:
    assert "make test" in COMMANDS
    assert "make test" in (ROOT / ".ci" / "run").read_text()
