"""Model folders as diffusers saves them: fetched from the hub if need be, their parts read from safetensors alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import torch

WANTED = ("*.json", "*.safetensors", "*.model", "*.txt")  # no pickles, no code
MAX_CONFIG_BYTES = 2**20

Index: TypeAlias = "Mapping[str, object]"
"""What a model_index.json says: each part with its library and class, and facts of the pipeline."""


@dataclass(frozen=True, slots=True)
class Lora:
    """An adapter to read: `file` of a folder or hub id `source`, `file_2` for a second expert."""

    name: str
    source: str
    file: str | None = None
    file_2: str | None = None
    revision: str | None = None
    scale: float = 1.0


def fetched(
    source: str,
    revision: str | None,
    local: bool,
    without_transformers: bool = False,
    without: Sequence[str] = (),
) -> Path:
    """The folder on this machine; from the hub, if it is a hub id and `local` does not forbid it.

    `without_transformers`: their weights are elsewhere, and are not downloaded; nor is what `without` matches.

    Raises:
        OSError: it is not there.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    from huggingface_hub import snapshot_download

    left = [*without, *(["transformer*/*.safetensors"] if without_transformers else [])]
    return Path(
        snapshot_download(
            source, revision=revision, local_files_only=local, allow_patterns=list(WANTED), ignore_patterns=left or None
        )
    )


def config(folder: Path, name: str) -> Index:
    """A JSON table in the folder.

    Raises:
        OSError: it is not there.
        ValueError: it is no table, or unreasonably long.
    """
    path = folder / name
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise ValueError(f"{path} is too long")
    found = json.loads(path.read_text())
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no table")
    return found


def has(facts: Index, name: str) -> bool:
    """Whether a model index lists a part that is not left out: it is [library, class], or [null, null]."""
    entry = facts.get(name)
    return isinstance(entry, list) and len(entry) == 2 and entry[1] is not None


def part(folder: Path, name: str, library: str, kind: str, dtype: torch.dtype, device: torch.device) -> Any:
    """A part of the model by our own class name, never one that the folder names; in eval mode, on the device.

    Raises:
        OSError: it is not there, or not as safetensors.
    """
    cls = getattr(import_module(library), kind)
    word = "torch_dtype" if library == "diffusers" else "dtype"
    options: dict[str, object] = {word: dtype, "use_safetensors": True, "local_files_only": True}
    model = cls.from_pretrained(folder / name, **options)
    return model.to(device).eval().requires_grad_(False)
