"""What a LoRA's header tells, and what is refused before anything else looks at it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from app.errors import InvalidRequest
from app.uploads.adapter_header import KEPT_CHARS, MOST_HEADER_BYTES, AdapterHeader, header_of
from tests.uploads.files import LAYER, adapter, raw

DOWN = f"{LAYER}.lora_A.weight"


def read(tmp_path: Path, data: bytes) -> AdapterHeader:
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    return header_of(path)


def tensor(dtype: str = "F32", shape: object = (2, 2), offsets: object = (0, 16)) -> dict[str, object]:
    return {DOWN: {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


def test_ranks_types_and_alphas_are_read_without_the_tensors(tmp_path: Path) -> None:
    kohya = {
        "lora_unet_a.lora_down.weight": np.ones((8, 4), np.float16),
        "lora_unet_a.alpha": np.full((), 2.5, np.float16),
    }
    found = read(tmp_path, adapter(4, {"trained_by": "ann"}, more=kohya))
    assert (found.tensors, found.ranks, found.alphas, found.dtypes) == (4, (4, 8), (2.5,), ("F16", "F32"))
    assert (found.dora, dict(found.metadata)) == (False, {"trained_by": "ann"})


def test_what_diffusers_says_of_the_layers_is_heard(tmp_path: Path) -> None:
    said = {"transformer.lora_alpha": 16, "transformer.alpha_pattern": {"to_v": 8}, "transformer.use_dora": True}
    found = read(tmp_path, adapter(4, {"lora_adapter_metadata": json.dumps(said)}))
    assert (found.alphas, found.dora) == ((8.0, 16.0), True)
    assert read(tmp_path, adapter(more={f"{LAYER}.lora_magnitude_vector": np.ones(24, np.float32)})).dora


def test_long_metadata_is_kept_in_part(tmp_path: Path) -> None:
    found = read(tmp_path, adapter(4, {f"k{number:02}": "x" * 5000 for number in range(40)}))
    assert len(found.metadata) == 32
    assert {len(value) for value in found.metadata.values()} == {KEPT_CHARS}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no safetensors file"),
        (pickle.dumps({"a": 1}), "pickles"),
        (adapter()[:-4], "its header speaks of"),
        (adapter() + b"PK", "its header speaks of"),
        ((MOST_HEADER_BYTES + 1).to_bytes(8, "little") + b" " * (MOST_HEADER_BYTES + 2), "its header has"),
        (raw(b"{"), "no JSON"),
        (raw(b"[" * 100_000), "no JSON"),
        (raw(b'{"a": 1, "a": 2}'), "says a thing twice"),
        (raw([]), "no table"),
        (raw({}), "no layer of a LoRA"),
        (raw({"__metadata__": {"a": 1}}), "no table of texts"),
        (raw({"a": 1}), "not described"),
        (raw(tensor("I64", (2, 1)), b"x" * 16), "there may be"),
        (raw({DOWN: {"dtype": [], "shape": [], "data_offsets": [0, 0]}}), "there may be"),
        (raw(tensor(shape=(2, -2)), b"x" * 16), "no sane shape"),
        (raw(tensor(shape=(2, True)), b"x" * 16), "no sane shape"),
        (raw(tensor(shape=(1,) * 9, offsets=(0, 4)), b"x" * 4), "no sane shape"),
        (raw(tensor(shape=(2, 3)), b"x" * 16), "not the bytes"),
        (raw(tensor(offsets=(16, 0)), b"x" * 16), "not the bytes"),
        (raw(tensor(shape=(2**40, 2**40)), b"x" * 16), "not the bytes"),
        (raw(tensor(offsets=(4, 20)), b"x" * 20), "a gap"),
        (raw(tensor() | {"b": tensor()[DOWN]}, b"x" * 16), "overlaps"),
        (raw(tensor(shape=(0, 2), offsets=(0, 0))), "no rank"),
        (raw({"a\n": 1}), "not printable"),
        (raw(tensor() | {"__metadata__": {"lora_adapter_metadata": "{"}}, b"x" * 16), "no JSON"),
        (raw({f"t{number}": 0 for number in range(20_001)}), "more than 20,000"),
    ],
)
def test_what_is_no_sound_adapter_is_refused_by_its_header(data: bytes, why: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=why) as refused:
        read(tmp_path, data)
    assert (refused.value.error_code, refused.value.param) == ("invalid_lora", "file")
