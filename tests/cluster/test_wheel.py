"""The wheel's sources are the checkout's with other names, or it is not built."""

from __future__ import annotations

from pathlib import Path

import pytest
from setuptools import Distribution

from cluster.wheel import CannotPack, Editable, Packed, layout, modules_in, moved

ROOT = Path(__file__).resolve().parent.parent.parent
MODULES = frozenset({"app", "app.redis", "app.redis.clock", "cluster", "cluster.local", "deployments.build"})


@pytest.mark.parametrize(
    ("source", "packed"),
    [
        ("from app.redis import clock\n", "from kinoray.app.redis import clock\n"),
        ("from app import redis\n", "from kinoray.app import redis\n"),
        ("import os, app.redis.clock as clock\n", "import os, kinoray.app.redis.clock as clock\n"),
        ("if x:\n    from  cluster.local  import y\n", "if x:\n    from  kinoray.cluster.local  import y\n"),
        ("run('-m', 'cluster.local')\n", "run('-m', 'kinoray.cluster.local')\n"),
        ('path = "deployments.build:build"\n', 'path = "kinoray.deployments.build:build"\n'),
        ('"""`python -m cluster.local` serves."""\n', '"""`python -m kinoray.cluster.local` serves."""\n'),
        ('f"app.redis.{name}: {count}"\n', 'f"kinoray.app.redis.{name}: {count}"\n'),
        ('s = "ünï"; from app import redis\n', 's = "ünï"; from kinoray.app import redis\n'),
    ],
)
def test_names_of_modules_are_moved(source: str, packed: str) -> None:
    assert moved(source, MODULES) == packed


@pytest.mark.parametrize(
    "source",
    [
        "from application import app\n",
        "from . import app\n",
        "app.redis.clock()\n",
        'f"{app.redis}"\n',
        'url = "redis.default.svc.cluster.local"\n',
        'path = "/src/app.redis"\n',
        'name = "app.unknown"\n',
        "# app.redis is said in a comment\n",
    ],
)
def test_what_names_no_module_stays(source: str) -> None:
    assert moved(source, MODULES) == source


@pytest.mark.parametrize("source", ["import app.redis\n", 'name = "app.re" "dis"\n', 'f"{1 + app.redis}"\n'])
def test_what_cannot_be_moved_safely_stops_the_build(source: str) -> None:
    with pytest.raises(CannotPack):
        moved(source, MODULES)


def test_every_source_can_be_packed_and_keeps_its_lines() -> None:
    modules = modules_in(ROOT)
    for path in sorted((ROOT / "app").rglob("*.py")):
        source = path.read_text()
        assert moved(source, modules).count("\n") == source.count("\n"), path


def test_a_wheel_has_one_package_and_an_editable_installation_the_checkouts_four() -> None:
    packages, folders = layout(ROOT)
    assert {name.split(".")[0] for name in packages} == {"kinoray"}
    assert {"kinoray.app.engine.families.wan", "kinoray.deployments"} <= set(packages)
    distribution = Distribution({"packages": packages, "package_dir": folders, "name": "kinoray"})
    command = Editable(distribution)
    command.ensure_finalized()
    assert {name.split(".")[0] for name in distribution.packages} == {"app", "cluster", "deployments", "kinoray"}
    assert command.package_dir == {}


def test_modules_are_built_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    folders = {"kinoray.cluster": "cluster"}
    command = Packed(Distribution({"packages": ["kinoray.cluster"], "package_dir": folders, "script_name": "setup.py"}))
    command.build_lib = str(tmp_path)
    command.ensure_finalized()
    command.run()
    built = tmp_path / "kinoray" / "cluster"
    assert "from kinoray.app.settings import Settings\n" in (built / "local.py").read_text()
    assert not (built / "wheel.py").exists()
    assert (tmp_path / "kinoray" / "serve_config.yaml").read_text() == (ROOT / "serve_config.yaml").read_text()
