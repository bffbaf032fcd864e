"""Who may import whom: the rooms in the order of the house, each above those it uses (CONTRIBUTING, "Layers")."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = (
    "types",
    "errors",
    "telemetry",
    "settings",
    "logs",
    "tracing",
    "redis",
    "outbound",
    "line",
    "plan",
    "cache",
    "jobs",
    "artifacts",
    "voice",
    "captions",
    "video",
    "health",
    "uploads",
    "stores",
    "embedded",
    "engine",
    "models",
    "webhooks",
    "service",
    "storyboards",
    "access",
    "dispatch",
    "worker",
    "calibration",
    "simulate",
    "api",
    "ingress",
    "client",
    "studio",
)
"""From the ground up: each room may import those before it."""
LOOSE = {"__init__.py", "errors.py", "stores.py"}
NARROW = {
    "types": set[str](),
    "errors": {"types"},
    "telemetry": {"types", "errors"},
    "line": {"types", "errors", "settings"},  # pure: no stores, no clock, no torch
    "logs": {"types", "errors", "settings"},  # nearly everybody logs
    "tracing": {"types", "errors", "settings", "logs"},
    "plan": {"types", "errors", "telemetry", "settings", "redis"},
    "embedded": {"types", "errors", "plan"},  # a model, not a service
    "client": set[str](),  # what people install to call a service; the entries below hand over to it on demand
    "studio": set[str](),
}
"""Rooms that may use less than all that stands before them."""
SUB_ROOMS = {
    "app/engine/samplers": {"app.engine.samplers", "app.engine.denoiser", "app.errors", "app.types"},
    "app/engine/timing": {"app.engine", "app.errors", "app.types", "app.line", "app.settings", "app.plan"},
    "app/engine/memory": {"app.engine.memory", "app.engine.denoiser", "app.errors", "app.types", "app.line"},
    "app/embedded/world": {"app.embedded.world", "app.errors", "app.types"},
    "app/embedded/checker": {"app.embedded", "app.errors", "app.types", "app.plan"},
    "app/plan/prompt": {"app.plan.prompt", "app.errors", "app.types"},
    "app/plan/masks": {"app.plan.masks", "app.errors", "app.types", "app.settings"},
    "app/api/requests": {
        *("app.api.requests", "app.api.limits", "app.api.problems", "app.errors", "app.types", "app.settings"),
        *(
            "app.jobs.admission_limits",
            "app.jobs.marks",
            "app.plan",
            "app.service",
            "app.access.api_key",
            "app.access.scopes",
        ),
        "app.storyboards",
    },
}
"""Sub-rooms that know only some of their own room."""
EXCEPTIONS = {
    *(
        ("app/client/simulate_commands.py", f"app.simulate.load.{part}")
        for part in ("command", "figures", "outcome", "picture", "problem", "show")
    ),
    ("app/client/key_commands.py", "app.access.direct"),
    ("app/client/models.py", "app.engine.timing.hardware"),
    ("app/client/models.py", "app.models.fits"),
    ("app/client/models.py", "app.models.report"),
    ("app/client/models.py", "app.settings.read"),
    ("app/client/calibrate.py", "app.settings.read"),
    ("app/client/models.py", "app.settings.read"),
    ("app/client/settings.py", "app.settings.document"),
    ("app/client/calibrate.py", "app.settings.read"),
    ("app/client/models.py", "app.settings.read"),
    ("app/client/calibrate.py", "app.calibration.subject"),
    ("app/client/calibrate.py", "app.calibration.everything"),
    ("app/client/calibrate.py", "app.calibration.masks"),
    ("app/client/calibrate.py", "app.calibration.budgets"),
    ("app/client/calibrate.py", "app.calibration.similar"),
    ("app/client/calibrate.py", "app.calibration.drafts"),
    ("app/client/calibrate.py", "app.calibration.magnitudes"),
    ("app/client/calibrate.py", "app.calibration.layouts"),
    ("app/client/simulate_faults.py", "app.simulate.faults.search"),
}
HEAVY = {
    "torch": (
        "app/engine/",
        "app/embedded/",
        "app/calibration/",
        "app/video/interpolate",
        "app/video/upscale/model.py",
        "app/voice/transformers_speech.py",
    ),
    "diffusers": ("app/engine/families/", "app/embedded/"),
    "transformers": (
        *("app/engine/families/", "app/engine/prompt_writer.py", "app/embedded/"),
        "app/voice/transformers_speech.py",
    ),
    "cv2": ("app/video/interpolate/flow.py", "app/video/prepared.py", "app/video/subjects/"),
    "onnxruntime": ("app/video/subjects/onnx.py",),
    "espeakng_loader": ("app/voice/espeak/process.py",),
    "spandrel": ("app/video/upscale/model.py",),
    "kokoro_onnx": ("app/voice/kokoro.py",),
    "pyloudnorm": ("app/voice/loudness.py",),
    "opentelemetry": ("app/tracing/sdk.py", "app/tracing/files.py", "app/client/callers_trace.py"),
    "structlog": ("app/logs/", "app/tracing/carry.py"),
    "fastapi": ("app/api/", "deployments/front.py", "deployments/router.py"),
    "ray": ("deployments/", "cluster/"),
    "redis": ("app/redis/", "cluster/redis.py"),  # the latter starts servers, before there is an event loop
}
OURS = ("app", "deployments", "cluster", "benchmarks", "kinoray")
PRIVATE = {
    "diffusers": "app/engine/families/diffusers_private.py",
    "torch": "app/engine/families/torch_private.py",
    "ray": "deployments/ray_private.py",
    "asyncio": "app/simulate/virtual_time.py",
}
"""The one file of each library that may use its underscore names."""
PUBLIC = {"_asdict", "_fields", "_replace"}  # of named tuples


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> tuple[str, ...]:
    return tuple(imported(tree_of(path)))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def where(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(module: str) -> str:
    return module.split(".")[1]


def rooms() -> list[str]:
    """The rooms that exist."""
    return sorted(
        {path.relative_to(ROOT / "app").parts[0].removesuffix(".py") for path in sources("app")} - {"__init__"}
    )


def test_app_holds_rooms_and_no_loose_files() -> None:
    assert {path.name for path in (ROOT / "app").glob("*.py")} <= LOOSE
    assert set(rooms()) <= set(ROOMS), "a new room has to be given its place in ROOMS"


@pytest.mark.parametrize("room", rooms())
def test_a_room_imports_only_those_before_it(room: str) -> None:
    may = {room, *NARROW.get(room, ROOMS[: ROOMS.index(room)])}
    folder = [ROOT / "app" / f"{room}.py"] if room in {"errors", "stores"} else sources(f"app/{room}")
    for path in folder:
        for name in imports(path):
            if name.startswith("app.") and (where(path), name) not in EXCEPTIONS:
                assert room_of(name) in may, f"{where(path)} imports {name}"


@pytest.mark.parametrize("folder", sorted(SUB_ROOMS))
def test_a_sub_room_imports_only_its_neighbours(folder: str) -> None:
    for path in sources(folder):
        for name in imports(path):
            known = any(name == module or name.startswith(f"{module}.") for module in SUB_ROOMS[folder])
            assert known or not name.startswith("app."), f"{where(path)} imports {name}"


@pytest.mark.parametrize("package", sorted(HEAVY))
def test_a_heavy_package_is_imported_only_where_it_is_needed(package: str) -> None:
    for path in sources("app", "deployments", "cluster"):
        if any(name.split(".")[0] == package for name in imports(path)):
            assert where(path).startswith(HEAVY[package]), f"{where(path)} imports {package}"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def own_names(tree: ast.AST) -> Iterator[str]:
    """The underscore names that a file of ours defines."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
            if not isinstance(node, ast.ClassDef):
                yield from (each.arg for each in (*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs))
        elif isinstance(node, (ast.Attribute, ast.Name)) and isinstance(node.ctx, ast.Store):
            yield node.attr if isinstance(node, ast.Attribute) else node.id


def used_names(tree: ast.AST) -> Iterator[str]:
    """The names that a file uses of something else: attributes, keywords, and what it imports or asks for by text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "").split("."))
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr", "setattr"):
            yield from (
                each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
            )


def test_underscore_names_of_libraries_are_used_in_one_file_of_each() -> None:
    trees = {where(path): tree_of(path) for path in sources(*OURS)}
    ours = {name for tree in trees.values() for name in own_names(tree) if is_private(name)}
    strange = {
        file: found
        for file, tree in trees.items()
        if file not in PRIVATE.values()
        and (found := {name for name in used_names(tree) if is_private(name) and name not in ours | PUBLIC})
    }
    assert not strange


def test_nothing_imports_the_deployments_but_the_cluster() -> None:
    for path in sources("app"):
        assert not any(name.split(".")[0] in ("deployments", "cluster") for name in imports(path)), path


def test_a_deployment_is_short() -> None:
    long = {where(path): lines for path in sources("deployments") if (lines := path.read_text().count("\n")) > 150}
    assert not long


def test_nothing_is_unpickled() -> None:
    for path in sources("app", "deployments", "cluster"):
        assert not {"pickle", "cloudpickle", "dill", "joblib"} & set(imports(path)), path


def test_every_module_opens_with_a_sentence() -> None:
    for path in sources("app", "deployments", "cluster"):
        assert ast.get_docstring(tree_of(path)), path
