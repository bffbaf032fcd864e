"""`kinoray models --fits`: which layout of each model fits a device, by shapes alone, before any weights are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from app.engine.families.loading.shapes import TEXT, TRANSFORMER, Weighed, products_a_s, skeleton, weighed
from app.engine.families.registry import reader
from app.models.grid import cells, config
from app.models.pool_names import entries_of
from app.models.published import PUBLISHED, PartOf, Parts
from app.models.report import EXACT, GIB, decode_bytes, shape_of, step_bytes, tokens
from app.models.served import profile_of, served
from app.models.sources import INDEX, MODULAR, SourceMissing, find, index_of
from app.plan.families import FAMILIES, FamilyRow
from app.plan.inputs import shown_frames
from app.settings import Settings
from app.settings.model_entry import EMBEDDED, ModelEntry
from app.settings.placement import PRESETS, Placement
from app.types import ModelProfile, PlannedInput

LAYOUTS: Final[Mapping[str, Placement]] = {
    "bfloat16": Placement(dtype="bfloat16"),
    "int8": Placement(dtype="bfloat16", quantise="int8", quantise_text="int8"),
    "memory": PRESETS["memory"],
    "small": PRESETS["small"],
}
"""What is tried, the fastest first."""
OF_PIPELINES: Final = {"ltx2": "diffusers.pipelines.ltx2"}  # an index names what lies beside a pipeline by its room
TILE: Final = 256  # pixels, the side of a tile in most of diffusers' autoencoders
CONTEXT_BYTES: Final = GIB // 2  # what CUDA and its libraries take for themselves


@dataclass(frozen=True, slots=True)
class Fit:
    """One layout of one model. `parts` are bytes of weights, wherever they rest; the moments are bytes of the device.

    `encode`, `step` and `decode` are the device's memory in that moment of one guided job of the default shape, work
    included, which is a rough figure, with the least that the model has to be shown. `step_s` is None where no rate was
    given.
    """

    model: str
    layout: str
    parts: dict[str, int]
    encode: int
    step: int
    decode: int
    host: int
    fits: bool
    step_s: float | None = None

    @property
    def peak(self) -> int:
        """Bytes of the device in the largest moment."""
        return max(self.encode, self.step, self.decode)

    def record(self) -> dict[str, object]:
        """As JSON."""
        return {**asdict(self), "peak": self.peak}


def rate_here() -> float:
    """Floating-point operations a second of this machine's device."""
    return products_a_s()


def size_of(text: str) -> int:
    """Bytes of a size such as 12GiB, 12GB, 12G or 12 (GiB). Raises ValueError: it is none."""
    found = re.fullmatch(r"\s*(\d{1,5}(?:\.\d{1,3})?)\s*(gib|gb|g|mib|mb|m)?\s*", text.lower())
    if found is None:
        raise ValueError(f"{text[:40]!r} is no size; say 12GiB")
    unit = {"gib": GIB, "g": GIB, "": GIB, "gb": 10**9, "mib": 2**20, "m": 2**20, "mb": 10**6}[found[2] or ""]
    return int(float(found[1]) * unit)


def fits(settings: Settings, device_bytes: int, flops_a_s: float | None = None) -> Iterator[Fit]:
    """Every layout of every model of the settings whose configurations are here, or, without any, of every family.

    `flops_a_s` is what the device multiplies; step times are by it alone, so at best.

    Raises:
        BadModel: an entry is unsound.
    """
    entries = [entry for entry in entries_of(settings) if entry.source != EMBEDDED]
    if entries:
        served(settings)  # what is wrong is said by name
    for entry in entries:
        family = FAMILIES[entry.family]
        yield from _layouts(entry.id, _parts(entry), _profile(entry, family), family, device_bytes, flops_a_s)
    for name, parts in PUBLISHED.items() if not entries else ():
        yield from _layouts(name, parts, _profile(None, FAMILIES[name]), FAMILIES[name], device_bytes, flops_a_s)


def best(found: Sequence[Fit]) -> list[Fit]:
    """Of each model the first layout that fits; where none does, the one that wants least."""
    by_model: dict[str, list[Fit]] = {}
    for each in found:
        by_model.setdefault(each.model, []).append(each)
    return [
        next((each for each in rows if each.fits), min(rows, key=lambda each: each.peak)) for rows in by_model.values()
    ]


def _profile(entry: ModelEntry | None, family: FamilyRow) -> ModelProfile:
    plain = ModelEntry(id=family.name, family=family.name, source=family.name)
    return profile_of(entry or plain, family, "")


def _parts(entry: ModelEntry) -> Parts:
    """The parts that a folder describes; of a hub's model that is not here, those of its family as published."""
    try:
        folder = find(entry.source, entry.revision, True, entry.id)[0]
    except SourceMissing:
        folder = None
    if folder is None:
        return PUBLISHED.get(entry.family, {})
    index = index_of(folder)
    if index is not None and index.name == MODULAR:
        return dict(_lying_in(folder, reader(FAMILIES[entry.family].loader).transformer_names(folder)))
    return dict(_listed(folder))


def _lying_in(folder: Path, transformers: Sequence[str]) -> Iterator[tuple[str, PartOf]]:
    """The parts whose configurations are there, as where an index is of blocks; of several transformers these alone."""
    names = {name: TRANSFORMER + (f"_{place}" if place > 1 else "") for place, name in enumerate(transformers, 1)}
    for path in sorted(folder.iterdir()):
        facts = config(path)
        kind, library = facts.get("_class_name"), "diffusers"
        if isinstance(named := facts.get("architectures"), list) and named:
            kind, library = named[0], "transformers"
        other = path.name.startswith(TRANSFORMER) and path.name not in names
        if isinstance(kind, str) and not other:
            yield names.get(path.name, path.name), PartOf(library, kind, facts)


def _listed(folder: Path) -> Iterator[tuple[str, PartOf]]:
    for name, said in _index(folder).items():
        facts = config(folder / name)
        model = any(key in facts for key in ("_class_name", "architectures", "model_type"))
        if model and isinstance(said, list) and len(said) == 2 and isinstance(said[1], str):
            yield name, PartOf(OF_PIPELINES.get(str(said[0]), str(said[0])), said[1], facts)


def _index(folder: Path) -> Mapping[str, Any]:
    found = json.loads((folder / INDEX).read_text())
    return found if isinstance(found, dict) else {}


def _layouts(
    model: str, parts: Parts, profile: ModelProfile, family: FamilyRow, device_bytes: int, flops_a_s: float | None
) -> Iterator[Fit]:
    """In the order of `LAYOUTS`; each part is built once, without numbers."""
    if not parts:
        return
    built = {name: skeleton(*part) for name, part in parts.items()}
    facts = {name: dict(built[name].config) for name in (TRANSFORMER, "vae")}  # type: ignore[arg-type]
    spec = shape_of(profile)
    needed = tuple(PlannedInput(role.role, role.kinds[0]) for role in profile.roles if role.needed)
    more = 1 + shown_frames(False, needed, profile, spec) / spec.frames
    count = int(more * tokens(spec, cells(family.loader, facts[TRANSFORMER], facts["vae"])))
    exact = EXACT if family.exact_vae else ()
    for layout, placement in LAYOUTS.items():
        each = [weighed(name, part, placement, "bfloat16", name in exact) for name, part in built.items()]
        step_s = None if flops_a_s is None else 2 * flops(each[0], count) / flops_a_s
        sides = (min(TILE, spec.width), min(TILE, spec.height)) if placement.vae_tiling else (spec.width, spec.height)
        work = step_bytes(facts[TRANSFORMER], count, 2), decode_bytes(facts["vae"], *sides)
        yield _fit(model, layout, placement, each, work, device_bytes, step_s)


def _fit(
    model: str,
    layout: str,
    placement: Placement,
    parts: Sequence[Weighed],
    work: tuple[int, int],
    device_bytes: int,
    step_s: float | None,
) -> Fit:
    whole = sum(part.resident for part in parts)
    if placement.offload == "group":  # one part at a time, and of the denoiser's blocks a few
        texts = sum(part.resident for part in parts if part.name.startswith(TEXT))
        others = [part.resident for part in parts if not part.name.startswith((TRANSFORMER, TEXT))]
        moments = texts, max(part.turn for part in parts if part.name.startswith(TRANSFORMER)), max(others)
    else:
        moments = whole, whole, whole
    encode, step, decode = (CONTEXT_BYTES + at + more for at, more in zip(moments, (0, *work), strict=True))
    return Fit(
        model,
        layout,
        {part.name: part.resident for part in parts},
        encode,
        step,
        decode,
        whole if placement.offload != "none" else 0,
        max(encode, step, decode) <= device_bytes,
        step_s,
    )


def flops(denoiser: Weighed, count: int) -> int:
    """Of one pass over `count` tokens: two for each product of its blocks' layers, and attention's two products."""
    return 2 * count * denoiser.products + 4 * count * count * denoiser.width * denoiser.blocks
