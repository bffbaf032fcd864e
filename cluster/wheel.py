"""How Kinoray is packed: the checkout's folders come in, a wheel with the one package `kinoray` goes out.

In a checkout `app`, `deployments` and `cluster` are packages of their own. Installed like that, `app` would be in the
way of anybody else's. So the wheel has `kinoray.app` and so on, and the names of modules in its sources are changed as
they are packed: in imports, and in texts such as "app.engine.families.ltx" or `python -m cluster.deploy`.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from setuptools import Command, find_packages
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

PACKAGE: Final = "kinoray"
FOLDERS: Final = ("app", "cluster", "deployments")
CONFIGS: Final = ("serve_config.yaml", "serve_config.cluster.yaml")
LEFT_OUT: Final = "wheel"  # this file: who has a wheel builds none

_NAMED = re.compile(rf"(?<![\w.{{/])(?:{'|'.join(FOLDERS)})(?:\.\w+)+")

Edit = tuple[int, int, str]
"""Bytes from, to, and what stands there instead."""


class CannotPack(Exception):
    """A source names a module in a way that cannot be changed safely; the message says where."""


def layout(root: Path) -> tuple[list[str], dict[str, str]]:
    """The wheel's packages, and the folders whose names change, as setuptools wants them."""
    found = find_packages(str(root), include=[pattern for name in FOLDERS for pattern in (name, f"{name}.*")])
    packages = [PACKAGE, *(f"{PACKAGE}.{name}" for name in found)]
    return sorted(packages), {PACKAGE: PACKAGE, **{f"{PACKAGE}.{name}": name for name in FOLDERS}}


def modules_in(root: Path) -> frozenset[str]:
    """The dotted names of all packages and modules of those folders, below `root`."""
    names = (path.relative_to(root).with_suffix("") for name in FOLDERS for path in (root / name).rglob("*.py"))
    return frozenset(".".join(part for part in name.parts if part != "__init__") for name in names)


def moved(source: str, modules: frozenset[str]) -> str:
    """A module's source as the wheel has it: same lines, the names of `modules` below `kinoray`.

    Raises:
        CannotPack: it would not do exactly what the original does.
    """
    tree = ast.parse(source)
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    data = bytearray(b"".join(lines))
    for start, end, text in sorted(_edits(tree, bytes(data), starts, modules), reverse=True):
        data[start:end] = text.encode()
    result = data.decode()
    if ast.dump(ast.parse(result)) != ast.dump(_Moved(modules).visit(tree)):
        raise CannotPack("a text that names a module is written in a way that is not understood")
    return result


def _edits(tree: ast.AST, data: bytes, starts: list[int], modules: frozenset[str]) -> Iterator[Edit]:
    for node in _imports_and_texts(tree):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        if isinstance(node, ast.ImportFrom):
            name = data.index((node.module or "").encode(), start)
            yield name, name, f"{PACKAGE}."
        elif isinstance(node, ast.alias):
            yield start, start, f"{PACKAGE}."
        else:
            text = data[start:end].decode()
            if (other := _renamed(text, modules)) != text:
                yield start, end, other


def _imports_and_texts(tree: ast.AST) -> Iterator[ast.ImportFrom | ast.alias | ast.expr]:
    """What may name a module, whole texts once: what is inside of an f-string is a part of it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom):
            if _ours(node):
                yield node
        elif isinstance(node, ast.Import):
            yield from (_renamed_alias(alias) for alias in node.names if alias.name.split(".")[0] in FOLDERS)
        elif isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            yield node
        else:
            yield from _imports_and_texts(node)


def _ours(node: ast.ImportFrom) -> bool:
    return not node.level and node.module is not None and node.module.split(".")[0] in FOLDERS


def _renamed_alias(alias: ast.alias) -> ast.alias:
    if alias.asname is None:
        raise CannotPack(f"`import {alias.name}` binds a name that the wheel does not have; say `from … import`")
    return alias


def _renamed(text: str, modules: frozenset[str]) -> str:
    """The text with `kinoray.` before each name that begins with one of those modules."""

    def rename(found: re.Match[str]) -> str:
        first = ".".join(found[0].split(".")[:2])
        return f"{PACKAGE}.{found[0]}" if first in modules else found[0]

    return _NAMED.sub(rename, text)


class _Moved(ast.NodeTransformer):
    """What the changed source has to mean, said of the tree instead of the text."""

    def __init__(self, modules: frozenset[str]) -> None:
        self._modules = modules

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        if _ours(node):
            node.module = f"{PACKAGE}.{node.module}"
        return node

    def visit_alias(self, node: ast.alias) -> ast.alias:
        return node

    def visit_Import(self, node: ast.Import) -> ast.Import:
        for alias in node.names:
            if alias.name.split(".")[0] in FOLDERS:
                alias.name = f"{PACKAGE}.{alias.name}"
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, str):
            node.value = _renamed(node.value, self._modules)
        return node


class Packed(build_py):
    """Copies the sources into the wheel, moved; an editable installation has the checkout as it is."""

    def run(self) -> None:
        """Build from nothing: what an older tree has left would go into the wheel too."""
        if self.editable_mode:
            super().run()
            return
        target = Path(self.build_lib) / PACKAGE
        shutil.rmtree(target, ignore_errors=True)
        self._modules = modules_in(Path.cwd())
        super().run()
        for name in CONFIGS:
            shutil.copyfile(name, target / name)

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        """All modules of a package but this one."""
        found: list[tuple[str, str, str]] = super().find_package_modules(package, package_dir)
        return [row for row in found if (package, row[1]) != (f"{PACKAGE}.cluster", LEFT_OUT)]

    def build_module(self, module: str, module_file: str, package: str) -> tuple[str, bool]:
        """Copy one module. Raises CannotPack."""
        outfile, copied = super().build_module(module, module_file, package)
        try:
            text = moved(Path(module_file).read_text("utf-8"), self._modules)
        except CannotPack as error:
            raise CannotPack(f"{module_file}: {error}") from error
        Path(outfile).write_text(text, "utf-8")
        return outfile, copied


class Editable(editable_wheel):
    """Installs the checkout itself, where `app`, `deployments` and `cluster` are packages of their own."""

    def finalize_options(self) -> None:
        """Before anything is laid out, the packages are those of the checkout."""
        self.distribution.packages = [
            PACKAGE,
            *find_packages(include=[pattern for name in FOLDERS for pattern in (name, f"{name}.*")]),
        ]
        self.distribution.package_dir = {}
        super().finalize_options()


COMMANDS: Final[Mapping[str, type[Command]]] = {"build_py": Packed, "editable_wheel": Editable}
