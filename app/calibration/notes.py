"""What a calibration has measured so far: a line of JSON for each unit of work, appended as it becomes known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Notes:
    """Results by the key of what was measured. Read back, they are those of the same `asked`, or refused."""

    def __init__(self, path: Path, asked: Mapping[str, object]) -> None:
        """Raises ValueError: the file is of something else (other weights, prompts or counts)."""
        self._path = path
        self._known: dict[str, Any] = {}
        lines = _whole_lines(path)
        if not lines:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"asked": asked}) + "\n")
        elif lines[0].get("asked") != json.loads(json.dumps(asked)):
            raise ValueError(f"{path.name} is of other weights, prompts or counts; remove it to start anew.")
        for line in lines[1:]:
            self._known[line["key"]] = line["found"]

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def __getitem__(self, key: str) -> Any:
        return self._known[key]

    def keep(self, key: str, found: Any) -> None:
        """Note a result: JSON."""
        with self._path.open("a") as file:
            file.write(json.dumps({"key": key, "found": found}) + "\n")
        self._known[key] = found


def _whole_lines(path: Path) -> list[Any]:
    """The lines of a file; what a killed process left half written at its end is taken off."""
    if not path.exists():
        return []
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    return [json.loads(line) for line in whole.splitlines()]
