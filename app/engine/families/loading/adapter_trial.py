"""Whether a LoRA file fits a model: loaded as a replica would, on layers without numbers, in a process of its own.

`python -m app.engine.families.loading.adapter_trial` reads a `Trial` as JSON from its standard input and writes a
`Fit`: what a stranger has sent is opened by libraries here, where memory is bounded, and not in a router.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from app.engine.families.loading.folder import Lora, config
from app.engine.families.loading.lora import AdapterInvalid, load_adapter
from app.engine.families.loading.placement import HOST
from app.engine.families.loading.reader import Files
from app.engine.families.loading.shapes import skeleton
from app.engine.families.loading.single_file import transformer_class
from app.engine.families.registry import reader
from app.uploads.fit import Fit

CONFIGS = ("model_index.json", "*/config.json")  # what there is to know of a model's layers


@dataclass(frozen=True, slots=True)
class Trial:
    """A file, and the model that is to wear it; `part`: 0 its first transformer, 1 the second."""

    file: str
    loader: str
    family: str
    source: str
    revision: str | None
    local: bool
    part: int
    most_bytes: int  # of memory


def tried(trial: Trial) -> Fit:
    """What would become of it.

    Raises:
        OSError, ValueError: the model's configuration is not here, or is not what it should be.
    """
    folder = _configs(trial)
    known = reader(trial.loader)
    name = known.transformer_names(folder)[trial.part]
    transformer: Any = skeleton(
        "diffusers", transformer_class(folder / name).__name__, config(folder / name, "config.json")
    )
    path = Path(trial.file)
    lora = Lora("uploaded", str(path.parent), path.name)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "for .*: copying from a non-meta parameter"
            )  # there are no numbers to keep
            placed = load_adapter(lora, transformer, known.formats(_files(folder, trial)), path.name, True)
    except AdapterInvalid as error:
        why = str(error).removeprefix(f"the LoRA {lora.name} ({path.name}) ")
        return Fit(f"it {why}".replace(str(path.parent), ""))
    return Fit(None, placed.layers, placed.lost[:20], placed.others, placed.magnitudes)


def _files(folder: Path, trial: Trial) -> Files:
    return Files(str(folder), torch.float32, HOST, local=True, family=trial.family)


def _configs(trial: Trial) -> Path:
    folder = Path(trial.source).expanduser()
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download

    patterns = list(CONFIGS)
    return Path(
        snapshot_download(trial.source, revision=trial.revision, local_files_only=trial.local, allow_patterns=patterns)
    )


def main() -> None:
    """One trial, from standard input to standard output."""
    trial = Trial(**json.load(sys.stdin))
    logging.basicConfig(stream=sys.stderr)
    torch.set_num_threads(1)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (trial.most_bytes, hard))
    try:
        verdict = tried(trial)
    except MemoryError:
        verdict = Fit("It takes too much memory to read.")
    json.dump(asdict(verdict), sys.stdout)


if __name__ == "__main__":
    main()
