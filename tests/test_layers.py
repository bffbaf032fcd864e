"""Who may import whom (CONTRIBUTING, "Layers")."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("plan", "cache", "jobs", "line", "video", "artifacts", "engine", "api", "embedded", "client", "webhooks")
FREE = {
    "app.types",
    "app.errors",
    "app.settings.settings",
    "app.telemetry",
    "app.settings.model_entry",
    "app.outbound.addresses",
    "app.plan.masks.files",
}
MAY = {
    "plan": {"plan"},
    "cache": {"cache"},
    "jobs": {"jobs"},
    "line": {"line"},
    "video": {"video"},
    "artifacts": {"artifacts"},
    "engine": {"engine", "line"},
    "embedded": {"embedded"},
    "client": {"client"},
    "webhooks": {"webhooks"},
    "api": {"api", "ports", "service", "plan", "jobs"},
}
EXCEPTIONS = {
    ("app/engine/families/embedded.py", "app.embedded"),  # the one place where the engine meets the model it ships with
    (
        "app/engine/families/loading/placement.py",
        "app.embedded.precision",
    ),  # and asks what the processor multiplies fast
    ("app/client/models.py", "app.engine.timing.hardware"),
    ("app/client/models.py", "app.models.report"),
}
HEAVY = {
    "torch": ("app/engine/", "app/embedded/", "app/video/frames.py"),
    "diffusers": ("app/engine/families/", "app/embedded/"),
    "transformers": ("app/engine/families/", "app/embedded/"),
    "fastapi": ("app/api/", "deployments/router.py"),
    "ray": ("deployments/", "cluster/", "benchmarks/", "tests/"),
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_its_neighbours(room: str) -> None:
    for path in sources(f"app/{room}"):
        for name in imports(path):
            where = path.relative_to(ROOT).as_posix()
            if not name.startswith("app.") or name in FREE:
                continue
            if any(where == place and name.startswith(module) for place, module in EXCEPTIONS):
                continue
            assert name.split(".")[1] in MAY[room], f"{where} imports {name}"


@pytest.mark.parametrize("package", sorted(HEAVY))
def test_a_heavy_package_is_imported_only_where_it_is_needed(package: str) -> None:
    for folder in ("app", "deployments", "cluster"):
        for path in sources(folder):
            where = path.relative_to(ROOT).as_posix()
            if any(name.split(".")[0] == package for name in imports(path)):
                assert where.startswith(HEAVY[package]), f"{where} imports {package}"


def test_nothing_reaches_into_the_private_parts_of_ray() -> None:
    for folder in ("app", "deployments", "cluster", "tests"):
        for path in sources(folder):
            assert not any(name.startswith("ray.serve._private") for name in imports(path)), path


def test_only_deployments_and_the_cluster_know_the_deployments() -> None:
    for path in sources("app"):
        assert not any(name.split(".")[0] in ("deployments", "cluster") for name in imports(path)), path


def test_nothing_is_unpickled() -> None:
    for folder in ("app", "deployments", "cluster"):
        for path in sources(folder):
            assert not {"pickle", "cloudpickle", "dill", "joblib"} & set(imports(path)), path


def test_every_module_opens_with_a_sentence() -> None:
    for folder in ("app", "deployments", "cluster"):
        for path in sources(folder):
            assert ast.get_docstring(ast.parse(path.read_text())), path
