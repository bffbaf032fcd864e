"""A stranger's safetensors file comes in, what its header says goes out, or why it is refused; no tensor is read."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from app.errors import InvalidRequest

PARAM: Final = "file"
MOST_HEADER_BYTES: Final = 8 * 2**20
MOST_TENSORS: Final = 20_000
MOST_SIDES: Final = 8
MOST_NAME: Final = 512
MOST_METADATA_BYTES: Final = 2**20  # of a header; training scripts write whole configurations
KEPT_ENTRIES, KEPT_CHARS = 32, 1000
"""Of the metadata, what a record keeps: so many entries, of each so much."""

BITS: Final[Mapping[str, int]] = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8}
_SCALARS: Final = {"F64": "<d", "F32": "<f", "F16": "<e"}
_DOWN: Final = (".lora_A.", ".lora_down.", ".lora.down.", ".lora_A_")
_MAGNITUDES: Final = ("lora_magnitude_vector", "dora_scale")
_OF_DIFFUSERS: Final = "lora_adapter_metadata"  # peft's configuration as JSON


@dataclass(frozen=True, slots=True)
class Tensor:
    """As the header has it; `start` and `end` are bytes behind the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class AdapterHeader:
    """What a LoRA's file says of itself. Ranks and alphas are those that occur, ascending."""

    tensors: int
    dtypes: tuple[str, ...]
    ranks: tuple[int, ...]
    alphas: tuple[float, ...]
    dora: bool
    metadata: Mapping[str, str] = field(default_factory=dict)


def header_of(path: Path) -> AdapterHeader:
    """Read no more than the header, and alphas, which are single numbers.

    Raises:
        InvalidRequest: it is no whole safetensors file of floating-point tensors without gaps, or no LoRA.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        table, begin = _table(file, size)
        metadata = _metadata(table.pop("__metadata__", {}))
        tensors = {_name(name): _tensor(name, entry) for name, entry in table.items()}
        _check_places(tensors, size - begin)
        ranks = {_rank(name, tensor) for name, tensor in tensors.items() if any(each in name for each in _DOWN)}
        if not ranks:
            raise _refused("it has no layer of a LoRA")
        said = _said(metadata)
        alphas = {*_numbers(file, begin, tensors), *_alphas(said)}
    return AdapterHeader(
        tensors=len(tensors),
        dtypes=tuple(sorted({tensor.dtype for tensor in tensors.values()})),
        ranks=tuple(sorted(ranks)),
        alphas=tuple(sorted(alphas)),
        dora=any(each in name for name in tensors for each in _MAGNITUDES) or _uses_dora(said),
        metadata=_kept(metadata),
    )


def _table(file: BinaryIO, size: int) -> tuple[dict[str, object], int]:
    """The header, and where the tensors begin."""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8:
        raise _refused("it is no safetensors file, or not a whole one; others, such as pickles, are never read")
    if length > MOST_HEADER_BYTES:
        raise _refused(f"its header has {length:,} bytes, of at most {MOST_HEADER_BYTES:,}")
    try:
        table = json.loads(file.read(length), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _refused("its header is no JSON, or says a thing twice") from error
    if not isinstance(table, dict):
        raise _refused("its header is no table")
    if len(table) > MOST_TENSORS:
        raise _refused(f"it has more than {MOST_TENSORS:,} tensors")
    return table, 8 + length


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _name(name: str) -> str:
    if not 0 < len(name) <= MOST_NAME or not name.isprintable():
        raise _refused("a tensor's name is empty, too long or not printable")
    return name


def _tensor(name: str, entry: object) -> Tensor:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _refused(f"the tensor {_short(name)} is not described as safetensors does")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise _refused(f"the tensor {_short(name)} is {_short(str(dtype))}; there may be {', '.join(BITS)}")
    if not _are_sizes(shape) or len(shape) > MOST_SIDES or not _are_sizes(offsets) or len(offsets) != 2:
        raise _refused(f"the tensor {_short(name)} has no sane shape or place")
    if 8 * (offsets[1] - offsets[0]) != math.prod(shape) * BITS[dtype]:
        raise _refused(f"the tensor {_short(name)} has not the bytes that its shape and type need")
    return Tensor(dtype, tuple(shape), *offsets)


def _are_sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(each) is int and 0 <= each < 2**48 for each in value)


def _check_places(tensors: Mapping[str, Tensor], size: int) -> None:
    """One behind the other, from the first byte to the last: what else a file holds nobody would look at."""
    place = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end)):
        if tensor.start != place:
            raise _refused(f"there is a gap before the tensor {_short(name)}, or it overlaps with another")
        place = tensor.end
    if place != size:
        raise _refused(f"it has {size:,} bytes of tensors, and its header speaks of {place:,}")


def _metadata(found: object) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise _refused("its metadata is no table of texts")
    if sum(len(key) + len(value) for key, value in found.items()) > MOST_METADATA_BYTES:
        raise _refused(f"its metadata is longer than {MOST_METADATA_BYTES:,} characters")
    return dict(found)


def _kept(metadata: Mapping[str, str]) -> dict[str, str]:
    named = [(key, value) for key, value in sorted(metadata.items()) if len(key) <= 100]
    return {key: value[:KEPT_CHARS] for key, value in named[:KEPT_ENTRIES]}


def _rank(name: str, tensor: Tensor) -> int:
    if not tensor.shape or not tensor.shape[0]:
        raise _refused(f"the layer {_short(name)} has no rank")
    return tensor.shape[0]


def _said(metadata: Mapping[str, str]) -> Mapping[str, object]:
    """What diffusers writes of the layers, its prefixes off."""
    try:
        found = json.loads(metadata.get(_OF_DIFFUSERS, "{}"))
    except (ValueError, RecursionError) as error:
        raise _refused(f"its {_OF_DIFFUSERS} is no JSON") from error
    if not isinstance(found, dict):
        raise _refused(f"its {_OF_DIFFUSERS} is no table")
    return {str(key).rpartition(".")[2]: value for key, value in found.items()}


def _alphas(said: Mapping[str, object]) -> Iterator[float]:
    pattern = said.get("alpha_pattern")
    for value in (said.get("lora_alpha"), *(pattern.values() if isinstance(pattern, dict) else ())):
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            yield float(value)


def _uses_dora(said: Mapping[str, object]) -> bool:
    return said.get("use_dora") is True


def _numbers(file: BinaryIO, begin: int, tensors: Mapping[str, Tensor]) -> Iterator[float]:
    """Alphas that are tensors of one number."""
    for name, tensor in tensors.items():
        if not name.endswith(".alpha") or math.prod(tensor.shape) != 1:
            continue
        file.seek(begin + tensor.start)
        raw = file.read(tensor.end - tensor.start)
        if tensor.dtype == "BF16":
            yield float(struct.unpack("<f", b"\0\0" + raw)[0])
        elif tensor.dtype in _SCALARS:
            yield float(struct.unpack(_SCALARS[tensor.dtype], raw)[0])


def _short(text: str) -> str:
    return repr(text[:100])


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(f"The file is refused: {why}.", PARAM, "invalid_lora")
