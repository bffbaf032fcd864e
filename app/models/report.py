"""What `kinoray models` says: each entry of the setting, checked against its files, and the memory that it takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from app.embedded.profile import WEIGHTS
from app.models.grid import Grid, cells, config, number
from app.models.pool_names import entries_of, shares_encoder
from app.models.served import BadModel, served
from app.models.soundness import GGUF
from app.models.sources import SourceMissing, find, header, headers, transformer_files
from app.plan.families import FAMILIES
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.types import ModelProfile, VideoSpec

GIB: Final = 2**30
ALL: Final = "(all)"  # the id of a report on the entries beside each other
BYTES: Final = {"float32": 4, "bfloat16": 2, "float16": 2}
EXACT: Final = ("vae", "image_encoder", "autoencoder")  # parts that are kept in float32 whatever the precision


@dataclass(frozen=True, slots=True)
class Report:
    """One entry: what it is, what is wrong with it, and bytes by part, from the headers of its files alone."""

    id: str
    family: str
    source: str
    revision: str = ""
    pools: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    parts: dict[str, int] = field(default_factory=dict)
    work: int = 0  # beside the weights, for one job of the default shape; a rough figure
    fits: bool | None = None  # None: not known, since the files are not here

    @property
    def needed(self) -> int:
        """Bytes of the device that one replica takes."""
        return sum(self.parts.values()) + self.work

    def record(self) -> dict[str, object]:
        """As JSON."""
        return {**asdict(self), "needed": self.needed}


def reports(settings: Settings, device_bytes: int) -> list[Report]:
    """One for each entry; nothing is loaded, and of large files only the headers and some blocks are read."""
    return [_report(entry, settings, device_bytes) for entry in entries_of(settings)] + _together(settings)


def _together(settings: Settings) -> list[Report]:
    """What is wrong with the entries beside each other, such as two that want one pool."""
    try:
        served(settings)
    except BadModel as error:
        if all(f"models: {entry.id}: " not in str(error) for entry in settings.models):
            return [Report(ALL, "", "", problems=(str(error),))]
    return []


def _report(entry: ModelEntry, settings: Settings, device_bytes: int) -> Report:
    plain = Report(entry.id, entry.family, entry.source)
    try:
        alone = settings.model_copy(update={"models": (entry,), "default_model": entry.id, "model_aliases": {}})
        mine = {key: pool for key, pool in settings.pools.items() if key.partition(":")[0] == entry.id}
        models = served(alone.model_copy(update={"pools": mine}))
    except BadModel as error:
        return replace(plain, problems=(str(error).removeprefix("models: "),))
    (profile,) = models.profiles
    known = replace(plain, revision=profile.revision, pools=tuple(models.pools))
    family = FAMILIES.get(entry.family)
    try:
        folder = WEIGHTS if family is None else find(entry.source, entry.revision, True, entry.id)[0]
    except SourceMissing:
        folder = None
    if folder is None:
        return known  # on the hub, not here yet
    dtype = _precision(entry.dtype or settings.layout.dtype)
    try:
        exact = EXACT if family is None or family.exact_vae else ()
        parts = weights(folder, dtype, exact) | _by_file(entry, dtype)
        model, press, spec = config(folder / "transformer"), _press(folder), shape_of(profile)
        count = tokens(spec, cells("wan.load" if family is None else family.loader, model, press))
        work = max(step_bytes(model, count, BYTES[dtype]), decode_bytes(press, spec.width, spec.height))
    except (SourceMissing, OSError, ValueError) as error:
        return replace(known, problems=(str(error),))
    fits = sum(parts.values()) + work <= device_bytes
    problems = tuple(_too_large(_held(parts, entry, settings), device_bytes, settings))
    return replace(known, parts=parts, problems=problems, work=work, fits=fits)


def _held(parts: Mapping[str, int], entry: ModelEntry, settings: Settings) -> int:
    """Bytes of weights that stay on the device of one replica: not those of a text encoder that replicas share."""
    elsewhere = "text_encoder" if shares_encoder(entry, settings) else None
    return sum(size for part, size in parts.items() if elsewhere is None or not part.startswith(elsewhere))


def _too_large(held: int, device_bytes: int, settings: Settings) -> Iterator[str]:
    """What is certain alone: weights that stay on the device as they are, and are more than it has.

    What a job takes beside them is a rough figure, and refuses nothing.
    """
    if _as_they_are(settings) and held > device_bytes:
        yield (
            f"its weights take {held / GIB:.3g} GiB, and this device has {device_bytes / GIB:.3g} GiB; a preset that "
            "offloads or quantises needs less"
        )


def _as_they_are(settings: Settings) -> bool:
    """Whether all weights are loaded, in the precision that they are counted in, and stay where they are used."""
    layout = settings.layout
    plain = (layout.offload, layout.quantise, layout.layerwise) == ("none", "none", "none")
    return plain and settings.pretend_step_s is None


def unservable(settings: Settings, device_bytes: int, shared: bool = False) -> list[str]:
    """Why a service of these settings cannot be started on this machine, each in a sentence that names the entry.

    `shared`: all pools have the device's memory in common, as they do on a processor.
    """
    found = reports(settings, device_bytes)
    said = [
        why if each.id == ALL else f"{each.id}: {why.removeprefix(f'{each.id}: ')}"
        for each in found
        for why in each.problems
    ]
    held = sum(sum(each.parts.values()) * len(each.pools) for each in found)
    if shared and not said and _as_they_are(settings) and held > device_bytes:
        names = ", ".join(each.id for each in found)
        said.append(
            f"{names}: a replica of each pool takes {held / GIB:.3g} GiB together, and this machine has "
            f"{device_bytes / GIB:.3g} GiB"
        )
    return said


def _by_file(entry: ModelEntry, dtype: str) -> dict[str, int]:
    """Bytes of the transformers that come from single files on this machine: a GGUF's stay as they are in the file."""
    files = [] if entry.transformer is None else transformer_files(entry.transformer)
    return {
        name: file.stat().st_size
        if file.suffix == GGUF
        else sum(math.prod(shape) for _, shape in header(file).values()) * BYTES[dtype]
        for name, file in zip(("transformer", "transformer_2"), files, strict=False)
    }


def _precision(dtype: str) -> str:
    """What is counted with: `auto` is bfloat16 on most GPUs, but it may also be float32, so the larger."""
    return "float32" if dtype == "auto" else dtype


def weights(folder: Path, dtype: str, exact: Sequence[str] = EXACT) -> dict[str, int]:
    """Bytes of each part once it is loaded: its numbers, in the precision that it will have. Raises SourceMissing."""
    return {
        part: sum(count for count, _ in tensors) * (4 if part in exact else BYTES[dtype])
        for part, tensors in headers(folder).items()
    }


def _press(folder: Path) -> Mapping[str, object]:
    return config(folder / "vae") or config(folder / "autoencoder")


def shape_of(profile: ModelProfile) -> VideoSpec:
    """What is made where a request says nothing."""
    width, height = profile.sizes[0]
    return VideoSpec(width, height, profile.default_frames, profile.default_fps)


def step_bytes(model: Mapping[str, object], count: int, bytes_each: int) -> int:
    """Beside the weights, of a step of one guided job of so many tokens: a rough figure.

    For each token of both passes, about ten vectors of the model's width and two of its feed-forward's. Attention is
    taken to need no more, as it does with torch's fused kernels.
    """
    return 2 * count * (10 * _width(model) + 2 * _ffn(model)) * bytes_each


def decode_bytes(press: Mapping[str, object], width: int, height: int) -> int:
    """Beside the weights, of decoding pictures of that size in pixels: a rough figure.

    About six buffers of the first layer's channels, in float32, for as many frames as one latent frame is.
    """
    channels, frames = number(press, "base_dim", 96), number(press, "scale_factor_temporal", 4)
    return 6 * width * height * channels * frames * 4


def tokens(spec: VideoSpec, grid: Grid) -> int:
    """Of one pass; the text's are not counted."""
    return grid.latent_frames(spec.frames) * (spec.height // grid.height) * (spec.width // grid.width)


def _width(model: Mapping[str, object]) -> int:
    return number(model, "num_attention_heads", 16) * number(model, "attention_head_dim", 64)


def _ffn(model: Mapping[str, object]) -> int:
    return number(model, "ffn_dim", 4 * _width(model))
