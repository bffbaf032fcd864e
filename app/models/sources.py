"""Where a model's files are, and what they are worth as a name: a folder or a revision of the hub, and a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.settings.model_entry import LoraEntry, ModelEntry, TransformerFile

SAMPLES = 16  # blocks of a weights file that its digest covers, evenly spread, the first and the last among them
BLOCK_BYTES = 64 * 2**10
MAX_HEADER_BYTES = 100 * 2**20  # what safetensors itself allows
INDEX = "model_index.json"
MODULAR = "modular_model_index.json"
"""What models have that diffusers knows as modular blocks alone."""


class SourceMissing(ValueError):
    """The files cannot be found; the message says which model's and where."""


@dataclass(frozen=True, slots=True)
class Located:
    """A model's files. `folder` is None where they are still on the hub."""

    folder: Path | None
    digest: str  # 12 hex digits; other files, other digits
    commit: str = ""  # of the hub; "" for a folder of one's own


def locate(entry: ModelEntry) -> Located:
    """The files of a model that is not built in, and the digest that caches and checkpoints know it by.

    On the hub a revision is a commit, and its first 12 digits are the digest. Of a folder it is the SHA-256 over the
    configurations and, of every safetensors file, its name, size, header and 16 evenly spread blocks of 64 KiB: files
    of many gigabytes are not read whole at every start, and other weights differ in every block. LoRA files and scales
    are part of it, and so is a single file with the denoiser's weights.

    Raises:
        SourceMissing: no such folder, no diffusers model in it, or the hub does not know it.
    """
    folder, commit = find(entry.source, entry.revision, entry.local_files_only, entry.id)
    if folder is not None and index_of(folder) is None:
        raise SourceMissing(f"{folder} holds no {INDEX}; it has to be a folder as diffusers saves it")
    digest = commit if folder is None or commit else folder_digest(folder)
    extras = [lora_digest(name, lora, entry) for name, lora in sorted(entry.loras.items())]
    if entry.transformer is not None:
        extras.append(_transformer_digest(entry.transformer, entry))
    if extras:
        digest = hashlib.sha256(json.dumps([digest, *extras]).encode()).hexdigest()
    return Located(folder, digest[:12], commit)


def trained_shift(folder: Path) -> float | None:
    """The shift of the signal to noise ratio that a folder says its weights were trained with; None: it says nothing.

    Raises:
        ValueError: its configuration cannot be read.
    """
    path = folder / "scheduler" / "scheduler_config.json"
    facts = json.loads(path.read_text()) if path.is_file() else {}
    found = facts.get("snr_shift_scale") if isinstance(facts, dict) else None
    return float(found) if isinstance(found, (int, float)) else None


def index_of(folder: Path) -> Path | None:
    """The file that says what a folder's parts are; None: it is no model's."""
    return next((folder / name for name in (INDEX, MODULAR) if (folder / name).is_file()), None)


def pipeline_of(folder: Path) -> str:
    """The pipeline class that a folder's index names; empty without one. Raises ValueError: it is damaged."""
    index = index_of(folder)
    said = None if index is None else json.loads(index.read_text()).get("_class_name")
    return said if isinstance(said, str) else ""


def find(source: str, revision: str | None, local: bool, name: str) -> tuple[Path | None, str]:
    """The folder if it is on this machine, and the hub's commit ("" for a folder of one's own).

    Raises:
        SourceMissing: it is neither.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return path, ""
    if source.count("/") != 1 or source.startswith(("/", ".", "~")):
        raise SourceMissing(f"there is no folder {source}")
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.errors import HTTPError as Unreached  # type: ignore[attr-defined]  # of whichever client it has

    try:
        for index in (INDEX, MODULAR):
            cached = try_to_load_from_cache(source, index, revision=revision)
            if isinstance(cached, str):
                return Path(cached).parent, Path(cached).parent.name
        if local:
            raise SourceMissing(f"{source} is not in the hub's cache, and local_files_only forbids to download it")
        return None, str(HfApi().model_info(source, revision=revision, timeout=30).sha)
    except (Unreached, HFValidationError, OSError) as error:
        raise SourceMissing(f"the hub does not give {source}: {type(error).__name__}") from error


def folder_digest(folder: Path) -> str:
    """SHA-256 (hex) as `locate` says."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".json", ".model", ".txt") and path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
        elif path.suffix == ".safetensors":
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + sampled(path).encode())
    return digest.hexdigest()


def sampled(path: Path) -> str:
    """SHA-256 (hex) over size, header and blocks of one weights file."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little") if path.suffix == ".safetensors" else BLOCK_BYTES
        digest.update(file.read(min(length, MAX_HEADER_BYTES)))
        for place in range(SAMPLES):
            file.seek(max(0, size - BLOCK_BYTES) * place // (SAMPLES - 1))
            digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()


def lora_digest(name: str, lora: LoraEntry, entry: ModelEntry) -> list[Any]:
    """What tells an adapter from every other: its files, or its hub revision, and its scale. Raises SourceMissing."""
    path = Path(lora.source).expanduser()
    if path.exists():
        return [name, lora.scale, *(sampled(file) for file in lora_files(path, lora))]
    _, commit = find(lora.source, lora.revision, entry.local_files_only, name)
    return [name, lora.scale, commit, lora.file, lora.file_2]


def _transformer_digest(single: TransformerFile, entry: ModelEntry) -> list[Any]:
    """What tells a denoiser's single files from all others. Raises SourceMissing."""
    files = transformer_files(single)
    if files:
        return ["transformer", *(sampled(file) for file in files)]
    _, commit = find(single.source, single.revision, entry.local_files_only, "transformer")
    return ["transformer", commit, single.file, single.file_2]


def transformer_files(single: TransformerFile) -> list[Path]:
    """The files that are on this machine, the first expert's first; none: they are the hub's. Raises SourceMissing."""
    path = Path(single.source).expanduser()
    if not path.exists() and single.source.count("/") == 1 and not single.source.startswith((".", "~", "/")):
        if single.file is None:
            raise SourceMissing(f"say which file of {single.source} holds the transformer")
        return []
    names = [name for name in (single.file, single.file_2) if name is not None]
    files = [path] if path.is_file() else [path / each for each in names]
    missing = [file for file in files if not file.is_file()]
    if not files or missing:
        raise SourceMissing(f"there is no transformer file {missing[0] if missing else path}")
    return files


def lora_files(path: Path, lora: LoraEntry) -> Sequence[Path]:
    """The files of an adapter that is on this machine. Raises SourceMissing."""
    names = [name for name in (lora.file, lora.file_2) if name is not None]
    files = [path] if path.is_file() else [path / each for each in names] or sorted(path.glob("*.safetensors"))
    missing = [file for file in files if not file.is_file()]
    if not files or missing:
        raise SourceMissing(f"there is no LoRA file {missing[0] if missing else path}")
    return files


def headers(folder: Path) -> dict[str, list[tuple[int, str]]]:
    """Of each component, a folder of its own: numbers and type ("BF16") of every tensor, from the headers alone.

    Raises:
        SourceMissing: a file is no safetensors file, or not a whole one.
    """
    found: dict[str, list[tuple[int, str]]] = {}
    for path in sorted(folder.glob("*/*.safetensors")):
        tensors = [(_product(shape), dtype) for dtype, shape in header(path).values()]
        found.setdefault(path.parent.name, []).extend(tensors)
    return found


def header(path: Path) -> dict[str, tuple[str, list[int]]]:
    """Type and shape of every tensor in a safetensors file, by name; its numbers are not read.

    Raises:
        SourceMissing: it is no safetensors file, or its end is missing, as after a download that was cut short.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            table = json.loads(file.read(length if length <= MAX_HEADER_BYTES else 0))
        tensors = {name: entry for name, entry in table.items() if name != "__metadata__"}
        end = max((int(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
        found = {name: (str(entry["dtype"]), [int(side) for side in entry["shape"]]) for name, entry in tensors.items()}
    except OSError as error:
        raise SourceMissing(f"{path} cannot be read: {error.strerror or type(error).__name__}") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise SourceMissing(f"{path} is no safetensors file") from error
    if 8 + length + end > size:
        raise SourceMissing(f"{path} is cut short: it has {size} bytes of {8 + length + end}")
    return found


def _product(shape: Iterable[int]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
