"""Where tables measured offline are: those that come with Kinoray, and an operator's own of other models."""

from __future__ import annotations

from pathlib import Path

from app.settings import Settings

KINDS = ("masks", "budgets")
_own: Path | None = None


def use(settings: Settings) -> None:
    """From now on this process finds the operator's tables, too; every deployment does this as it starts."""
    global _own  # where files are is a fact of the process, as the working directory is
    _own = settings.calibration_folder


def own() -> Path | None:
    """The operator's folder, if this process was told of one."""
    return _own


def files(packaged: Path, kind: str, operators: Path | None) -> list[Path]:
    """All tables of a kind, the operator's last, so that they count."""
    mine = [] if operators is None else sorted((operators / kind).glob("*.json"))
    return [*sorted(packaged.glob("*.json")), *mine]


def file_name(model: str) -> str:
    """A table's file name: model ids may hold slashes."""
    return f"{model.replace('/', '--')}.json"
