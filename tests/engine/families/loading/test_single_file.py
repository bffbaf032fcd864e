"""A denoiser from one file: GGUF and 8-bit floats of the real classes, in place of the folder's weights."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from diffusers import WanTransformer3DModel
from numpy.typing import NDArray
from safetensors.torch import save_file

from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.reader import Options
from app.engine.families.loading.single_file import SingleFile
from app.engine.families.registry import files_of, reader
from app.settings.placement import Parallel, Placement
from app.types import VideoSpec
from tests.engine.families.saved import save_t2v
from tests.engine.families.tiny import tiny_transformer, transformer_of
from tests.engine.families.wan.test_denoiser import by_engine
from tests.engine.plans import make_plan

PLAN = make_plan(prompt="a red ball", steps=4, spec=VideoSpec(32, 16, 5, 8), seed=3)
WIDE = {"num_attention_heads": 2, "attention_head_dim": 16, "ffn_dim": 64}  # GGUF packs 32 numbers to a block
OTHER = 7  # the seed of the weights in single files; the folders' are of 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model whose transformer's weights are missing, all else is there."""
    save_t2v(tmp_path / "model")
    (tmp_path / "model" / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    return tmp_path / "model"


def loaded(folder: Path, file: Path, placement: Placement | None = None) -> FamilyDenoiser:
    files = files_of(str(folder), dtype="float32", single=SingleFile(str(file)))
    return reader("wan.load").load(files, Options(placement or Placement()))


def in_the_folder(folder: Path, weights: Path) -> NDArray[np.float32]:
    """What the engine makes of the same weights as a folder."""
    save_t2v(weights, OTHER)
    return by_engine(reader("wan.load").load(files_of(str(weights), dtype="float32")), PLAN)


def test_a_safetensors_file_makes_what_the_same_weights_in_a_folder_make(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "one.safetensors"
    save_file(tiny_transformer(OTHER).state_dict(), file)
    assert np.abs(by_engine(loaded(folder, file), PLAN) - in_the_folder(folder, tmp_path / "whole")).max() <= 1e-6


def test_floats_of_8_bits_are_widened_and_may_rest_in_8_bits_again(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "fp8.safetensors"
    narrow = {name: each.to(torch.float8_e4m3fn) for name, each in tiny_transformer(OTHER).state_dict().items()}
    save_file(narrow, file)
    wide = loaded(folder, file)
    assert {each.dtype for each in transformer_of(wide).parameters()} == {torch.float32}
    resting = loaded(folder, file, Placement(layerwise="float8_e4m3fn"))
    assert torch.float8_e4m3fn in {each.dtype for each in transformer_of(resting).parameters()}
    assert np.abs(by_engine(wide, PLAN) - by_engine(resting, PLAN)).max() <= 1e-5, "nothing is lost a second time"


def save_gguf(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Q8_0 where a row is whole blocks, float32 where not, as the field's converters write."""
    writer = gguf.GGUFWriter(path, "wan")
    for name, tensor in weights.items():
        numbers = tensor.float().numpy()
        kind = gguf.GGMLQuantizationType.Q8_0
        if numbers.ndim == 2 and numbers.shape[1] % 32 == 0:
            writer.add_tensor(name, gguf.quants.quantize(numbers, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def wide(seed: int) -> WanTransformer3DModel:
    torch.manual_seed(seed)
    return WanTransformer3DModel.from_config({**tiny_transformer().config, **WIDE}).eval()


@pytest.mark.parametrize("placement", [Placement(), Placement(layerwise="float8_e4m3fn", quantise="none")])
def test_a_gguf_makes_what_its_numbers_widened_make(folder: Path, tmp_path: Path, placement: Placement) -> None:
    file, weights = tmp_path / "q8.gguf", wide(OTHER).state_dict()
    wide(0).save_pretrained(folder / "transformer")
    (folder / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    save_gguf(file, weights)
    read = loaded(folder, file, placement)
    packed = [each for each in transformer_of(read).parameters() if each.dtype == torch.uint8]
    assert len(packed) > 20, "its layers keep the file's bits"
    widened = {
        each.name: torch.tensor(gguf.quants.dequantize(each.data, each.tensor_type)).reshape(weights[each.name].shape)
        for each in gguf.GGUFReader(file).tensors
    }
    save_file(widened, tmp_path / "widened.safetensors")
    made, wanted = by_engine(read, PLAN), by_engine(loaded(folder, tmp_path / "widened.safetensors"), PLAN)
    assert np.ptp(wanted) > 0.1
    assert np.abs(made - wanted).max() <= 1e-3, "diffusers multiplies a block's scale and numbers in float16"


def test_two_experts_may_each_have_a_file_and_one_alone_may(folder: Path, tmp_path: Path) -> None:
    save_t2v(folder, 0, transformer_2=tiny_transformer(1), boundary_ratio=0.5)
    files = tmp_path / "files"
    files.mkdir()
    save_file(tiny_transformer(OTHER).state_dict(), files / "high.safetensors")
    save_file(tiny_transformer(OTHER + 1).state_dict(), files / "low.safetensors")

    def made(second: str | None) -> NDArray[np.float32]:
        single = SingleFile(str(files), "high.safetensors", second)
        return by_engine(reader("wan.load").load(files_of(str(folder), dtype="float32", single=single)), PLAN)

    assert np.abs(made("low.safetensors") - made(None)).max() > 1e-3, "the second file is used, or the folder's"


def test_what_cannot_be_read_from_a_file_is_said(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "one.safetensors"
    save_file({"something.else": torch.zeros(2, 2)}, file)
    with pytest.raises(ValueError, match="one.safetensors lacks"):
        loaded(folder, file)
    files = files_of(str(folder), single=SingleFile(str(file)))
    with pytest.raises(ValueError, match="ranks"):
        reader("wan.load").load(files, Options(parallel=Parallel(ulysses=2)))
