"""The order of the GPU day's rows, and its results file: what is measured is written at once, what failed says why."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

Row = dict[str, Any]

FIRST = ("step", "batches", "packing", "shown", "film", "decode", "checkpoint", "beside")
LAST = ("attention", "presets")
"""Functions of `measure`, by name; the last are made after the first rows of all models."""
TRIES = 2  # of a row that fails


def ordered(models: list[str]) -> list[tuple[str, str]]:
    """(model, row) in order of use: what serving rests on, model by model, then the rest."""
    rest = [(model, row) for row in LAST for model in models if row != "attention" or model == models[0]]
    return [*((model, row) for model in models for row in FIRST), *rest]


class Results:
    """A JSON file, written whole after each row. A row that a process died in is found under way, and has failed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"rows": {}}

    def open(self, facts: Row) -> None:
        """What it is measured on. Rows of another device, scale or precision begin anew."""
        if self.found.get("on") != facts:
            self.found = {"on": facts, "rows": {}}
        self._write()

    def left(self, models: list[str]) -> list[tuple[str, str]]:
        """Rows not measured yet, those that failed once last."""
        rows = self.found["rows"]
        wanted = ordered(models)
        new = [each for each in wanted if "/".join(each) not in rows]
        again = [each for each in wanted if 0 < rows.get("/".join(each), {}).get("tries", 0) < TRIES]
        return [*new, *again]

    def begin(self, name: str) -> None:
        """The row under way."""
        self.found["under_way"] = name
        self.found["out_of_time"] = [each for each in self.found.get("out_of_time", []) if each != name]
        self._write()

    def end(self, row: Row, took_s: float) -> None:
        """It is measured."""
        self.found["rows"][self.found.pop("under_way")] = {**row, "took_s": round(took_s, 2)}
        self._write()

    def fail(self, why: str, counts: bool = True) -> None:
        """The row under way, if there is one, is not measured, and why; `counts` as a try."""
        name = self.found.pop("under_way", None)
        if name is not None:
            tries = self.found["rows"].get(name, {}).get("tries", 0) + counts
            self.found["rows"][name] = {"failed": why[:400], "tries": tries}
            if not tries:
                del self.found["rows"][name]
                self.found["out_of_time"].append(name)
        self._write()

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".part")
        beside.write_text(json.dumps(self.found, indent=2) + "\n")
        os.replace(beside, self._path)
