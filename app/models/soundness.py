"""Whether a model can be served at all: its sizes, frames, files and adapters, checked before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from app.models.grid import config, grid_of
from app.models.sources import INDEX, SourceMissing, header, headers, index_of, lora_files, transformer_files
from app.plan.families import FamilyRow
from app.settings.model_entry import ModelEntry
from app.types import ModelProfile

GGUF: Final = ".gguf"
SINGLE: Final = (GGUF, ".safetensors")
UPSAMPLER: Final = "latent_upsampler"  # beside a pipeline, whose index does not name it
SCALES: Final = ("scale_weight", "weight_scale", "scaled_fp8")


def problems_of(entry: ModelEntry, family: FamilyRow, profile: ModelProfile, folder: Path | None) -> list[str]:
    """All that is wrong with an entry, each in a sentence; `folder` None: its files are not on this machine."""
    try:
        found = [*_shapes(family, profile, folder)]
        if folder is not None:
            found += [*_attention(family, folder)]
            found += [*_parts(folder, family, set(headers(folder)) | _by_files(entry))]
        return found + [*_single(entry, family), *_adapters(entry)]
    except (OSError, ValueError) as error:  # SourceMissing among them
        return [str(error)]


def _shapes(family: FamilyRow, profile: ModelProfile, folder: Path | None) -> Iterator[str]:
    """Sizes and frames that do not divide into latents: the first job of such a shape would fail, or the warm-up."""
    grid = grid_of(family.loader, folder).coarser(1 if family.refined is None else family.refined.shrink)
    sizes = dict.fromkeys([*profile.sizes, *(size for tier in profile.tiers for size in tier.sizes)])
    yield from filter(None, map(grid.problem, sizes))
    yield from list(filter(None, map(grid.frames_problem, profile.frames)))[:1]  # of a hundred one is enough


def _attention(family: FamilyRow, folder: Path) -> Iterator[str]:
    """Kandinsky's releases of ten seconds look at chosen blocks of tokens, by a kernel that is not used here."""
    kind = config(folder / "transformer").get("attention_type", "regular")
    if family.loader == "kandinsky5" and kind != "regular":
        yield f"its attention is {kind}, as in the releases of ten seconds, which is not supported"


def _parts(folder: Path, family: FamilyRow, weighty: set[str]) -> Iterator[str]:
    """What the folder lacks of what its index lists, and whether it is of the family at all."""
    index = index_of(folder)
    facts = None if index is None else json.loads(index.read_text())
    if not isinstance(facts, dict):
        raise SourceMissing(f"{index or folder / INDEX} holds no table")
    kind = facts.get("_class_name")
    if family.pipelines and kind not in family.pipelines:
        yield f"it is a {kind}, not {family.pipelines[0]}"
    for name, listed in facts.items():
        if name.startswith("_") or not isinstance(listed, list) or len(listed) != 2 or listed[1] is None:
            continue
        if not (folder / name).is_dir():
            yield f"the part {name} is missing"
        elif _has_weights(folder / name) and name not in weighty:
            yield f"the part {name} has no safetensors; pickles are never read"
    if family.refined is not None and UPSAMPLER not in weighty:
        yield f"the family is made in two stages, but there is no {UPSAMPLER} to enlarge what the first one makes"
    if family.guidance_2 is not None and "transformer_2" not in weighty:
        yield "the family has two experts, but there is no transformer_2"


def _by_files(entry: ModelEntry) -> set[str]:
    """The parts whose weights are in files of their own."""
    single = entry.transformer
    return set() if single is None else {"transformer"} | ({"transformer_2"} if single.file_2 else set())


def _single(entry: ModelEntry, family: FamilyRow) -> Iterator[str]:
    """Single files of the denoiser that are here and cannot be read. Whether their layers fit shows at loading."""
    if entry.transformer is None:
        return
    if family.guidance_2 is None and entry.transformer.file_2 is not None:
        yield f"{family.name} has one transformer; file_2 is for the second of two"
    for file in transformer_files(entry.transformer):
        if file.suffix not in SINGLE:
            yield f"the transformer {file.name}: only {' and '.join(SINGLE)} are read"
        elif file.suffix == GGUF:
            with file.open("rb") as opened:
                if opened.read(4) != b"GGUF":
                    yield f"the transformer {file.name} is no GGUF file"
        elif scaled := next((name for name in header(file) if name.endswith(SCALES)), None):
            yield (
                f"the transformer {file.name} has 8-bit weights with scales of their own ({scaled[:80]}), "
                "which diffusers would read without them: take a GGUF, or a file without scales"
            )


def _has_weights(folder: Path) -> bool:
    """Whether a part is a model, and not a tokenizer, a processor or a noise schedule."""
    facts: Mapping[str, object] = config(folder)
    kind = str(facts.get("_class_name", ""))
    return bool(facts) and not kind.endswith("Scheduler") and "tokenizer" not in folder.name


def _adapters(entry: ModelEntry) -> Iterator[str]:
    """LoRA files that are here and cannot be read. Whether their layers fit shows when they are loaded."""
    for name, lora in entry.loras.items():
        path = Path(lora.source).expanduser()
        if not path.exists():
            continue  # the hub's
        for file in lora_files(path, lora):
            try:
                tensors: Sequence[str] = list(header(file))
            except SourceMissing as error:
                yield f"the LoRA {name}: {error}"
                continue
            if not tensors:
                yield f"the LoRA {name}: {file} holds no weights"
