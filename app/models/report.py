"""What `kinoray models` says: each entry of the setting, checked against its files, and the memory that it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from app.embedded.profile import WEIGHTS
from app.models.served import BadModel, served
from app.models.sources import INDEX, SourceMissing, find, headers
from app.plan.families import FAMILIES, FamilyRow
from app.settings import Settings
from app.settings.model_entry import ModelEntry
from app.types import ModelProfile, VideoSpec

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
    return [_report(entry, settings, device_bytes) for entry in settings.models] + _together(settings)


def _together(settings: Settings) -> list[Report]:
    """What is wrong with the entries beside each other, such as two that want one pool."""
    try:
        served(settings)
    except BadModel as error:
        if all(f"models: {entry.id}: " not in str(error) for entry in settings.models):
            return [Report("(all)", "", "", problems=(str(error),))]
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
        parts = weights(folder, dtype, exact)
        problems = () if family is None else tuple(_problems(folder, family, parts))
        work = working_bytes(folder, profile, dtype)
    except (SourceMissing, OSError, ValueError) as error:
        return replace(known, problems=(str(error),))
    fits = sum(parts.values()) + work <= device_bytes
    return replace(known, parts=parts, problems=problems, work=work, fits=fits)


def _precision(dtype: str) -> str:
    """What is counted with: `auto` is bfloat16 on most GPUs, but it may also be float32, so the larger."""
    return "float32" if dtype == "auto" else dtype


def weights(folder: Path, dtype: str, exact: Sequence[str] = EXACT) -> dict[str, int]:
    """Bytes of each part once it is loaded: its numbers, in the precision that it will have. Raises SourceMissing."""
    return {
        part: sum(count for count, _ in tensors) * (4 if part in exact else BYTES[dtype])
        for part, tensors in headers(folder).items()
    }


def working_bytes(folder: Path, profile: ModelProfile, dtype: str) -> int:
    """Beside the weights, for one guided job of the default shape: the larger of a step and of decoding.

    A step: for each token of both passes, about ten vectors of the model's width and two of its feed-forward's.
    Decoding: about six buffers of the first layer's channels, in float32, for as many frames as one latent frame is.
    Attention is taken to need no more, as it does with torch's fused kernels.
    """
    width, height = profile.sizes[0]
    spec = VideoSpec(width, height, profile.default_frames, profile.default_fps)
    model, press = _config(folder / "transformer"), _config(folder / "vae") or _config(folder / "autoencoder")
    step = 2 * _tokens(spec, model, press) * (10 * _width(model) + 2 * _ffn(model)) * BYTES[dtype]
    channels, frames = _number(press, "base_dim", 96), _number(press, "scale_factor_temporal", 4)
    return max(step, 6 * width * height * channels * frames * 4)


def _tokens(spec: VideoSpec, model: Mapping[str, object], press: Mapping[str, object]) -> int:
    temporal = _number(press, "scale_factor_temporal", _number(press, "temporal_compression_ratio", 4))
    spatial = _number(press, "scale_factor_spatial", _number(press, "spatial_compression_ratio", 8))
    patch = model.get("patch_size", 2)
    side = int(patch[-1]) if isinstance(patch, list) else patch if isinstance(patch, int) else 2
    frames = (spec.frames - 1) // temporal + 1
    return frames * (spec.height // (spatial * side)) * (spec.width // (spatial * side))


def _width(model: Mapping[str, object]) -> int:
    return _number(model, "num_attention_heads", 16) * _number(model, "attention_head_dim", 64)


def _ffn(model: Mapping[str, object]) -> int:
    return _number(model, "ffn_dim", 4 * _width(model))


def _number(facts: Mapping[str, object], name: str, usual: int) -> int:
    found = facts.get(name)
    return found if isinstance(found, int) and found > 0 else usual


def _config(folder: Path) -> dict[str, object]:
    path = folder / "config.json"
    if not path.is_file():
        return {}
    found = json.loads(path.read_text())
    return found if isinstance(found, dict) else {}


def _problems(folder: Path, family: FamilyRow, parts: Mapping[str, int]) -> Sequence[str]:
    """What the folder lacks of what its index lists, and whether it is of the family at all."""
    facts = json.loads((folder / INDEX).read_text())
    kind = facts.get("_class_name")
    found = [] if not family.pipelines or kind in family.pipelines else [f"it is a {kind}, not {family.pipelines[0]}"]
    for name, listed in facts.items():
        if name.startswith("_") or not isinstance(listed, list) or len(listed) != 2 or listed[1] is None:
            continue
        if not (folder / name).is_dir():
            found.append(f"the part {name} is missing")
        elif _has_weights(folder / name) and name not in parts:
            found.append(f"the part {name} has no safetensors; pickles are never read")
    if family.guidance_2 is not None and "transformer_2" not in parts:
        found.append("the family has two experts, but there is no transformer_2")
    return found


def _has_weights(folder: Path) -> bool:
    """Whether a part is a model, and not a tokenizer, a processor or a noise schedule."""
    facts = _config(folder)
    kind = str(facts.get("_class_name", ""))
    return bool(facts) and not kind.endswith("Scheduler") and "tokenizer" not in folder.name
