from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan
from numpy.typing import NDArray
from transformers import UMT5Config, UMT5EncoderModel

from app.engine.families.loading.offload import Offload, OffloadedAutoencoder, offloaded_encoder
from app.engine.families.loading.placement import HOST, Done, offload_blocks, place, precision
from app.engine.families.loading.quantised import available, four_bits, quantise_text
from app.engine.families.models import Parts
from app.settings.placement import PRESETS, Placement
from app.types import VideoSpec
from tests.engine.families.tiny import tiny_encode, tiny_transformer, tiny_wan
from tests.engine.families.wan.test_denoiser import by_engine
from tests.engine.plans import make_plan

PLAN = make_plan(steps=6, spec=VideoSpec(32, 16, 5, 8), seed=3)


def parts() -> Parts:
    transformer = tiny_transformer()
    torch.manual_seed(1)
    autoencoder = AutoencoderKLWan(
        base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, latents_mean=[0.0] * 4, latents_std=[1.0] * 4
    )
    return Parts(transformer, autoencoder, tiny_encode)


def frames(made: Parts) -> NDArray[np.float32]:
    return by_engine(tiny_wan(made, device=HOST), PLAN)


@pytest.fixture(scope="module")
def plain() -> NDArray[np.float32]:
    made = frames(parts())
    assert np.ptp(made) > 0.1, "a flat picture would prove nothing"
    return made


def laid_out(placement: Placement) -> tuple[Parts, Done]:
    made = parts()
    return made, place(made, placement, HOST)


def psnr_db(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> float:
    return float(-10 * np.log10(max(1e-12, np.mean((ours - theirs) ** 2))))


def test_slicing_and_tiling_of_a_picture_of_one_tile_change_nothing(plain: NDArray[np.float32]) -> None:
    made, done = laid_out(Placement(vae_slicing=True, vae_tiling=True))
    assert done.applied == ["vae_slicing", "vae_tiling"]
    assert np.abs(frames(made) - plain).max() <= 1e-5


def test_a_picture_of_several_tiles_is_close_to_the_whole_one() -> None:
    torch.manual_seed(2)
    latent, decoder = torch.randn(1, 4, 1, 16, 16), parts().autoencoder
    with torch.inference_mode():
        whole = decoder.decode(latent, return_dict=False)[0]
        decoder.enable_tiling(64, 64, 48, 48)
        tiled = decoder.decode(latent, return_dict=False)[0]
    assert tiled.shape == whole.shape
    assert 0 < (tiled - whole).abs().mean() < 0.1 * whole.std()


@pytest.mark.parametrize("blocks", [1, 2])
def test_blocks_that_come_and_go_change_nothing(plain: NDArray[np.float32], blocks: int) -> None:
    pytest.importorskip("accelerate")
    made = parts()
    offload_blocks(made.transformer, HOST, blocks)
    assert np.abs(frames(made) - plain).max() <= 1e-5


def test_parts_that_take_turns_change_nothing_and_one_is_there_at_a_time(plain: NDArray[np.float32]) -> None:
    made, offload, text = parts(), Offload(HOST, HOST), torch.nn.Identity()
    offload.hook(made.transformer)
    decoder, seen = made.autoencoder, []
    made.encode = offloaded_encoder(made.encode, text, offload)
    made.autoencoder = OffloadedAutoencoder(decoder, offload)
    made.transformer.register_forward_pre_hook(lambda module, args: seen.append(offload.resident))
    assert np.abs(frames(made) - plain).max() <= 1e-5
    assert set(map(id, seen)) == {id(made.transformer)}
    assert offload.resident is decoder


def test_weights_that_rest_in_eight_bits_stay_close(plain: NDArray[np.float32]) -> None:
    made, done = laid_out(Placement(layerwise="float8_e4m3fn"))
    assert done.applied == ["layerwise float8_e4m3fn"]
    assert torch.float8_e4m3fn in {part.dtype for part in made.transformer.parameters()}
    assert psnr_db(frames(made), plain) >= 30


def test_bfloat16_stays_close(plain: NDArray[np.float32]) -> None:
    made = parts()
    made.transformer.to(torch.bfloat16)
    assert psnr_db(frames(made), plain) >= 30


@pytest.mark.skipif(not available(), reason="torchao is an extra")
def test_int8_weights_stay_close(plain: NDArray[np.float32]) -> None:
    made, done = laid_out(Placement(quantise="int8"))
    assert done.applied == ["quantise int8 (20 layers)"]
    assert psnr_db(frames(made), plain) >= 35


@pytest.mark.parametrize(
    ("kind", "bits", "within"),
    [
        pytest.param("int8", 8, 0.02, marks=pytest.mark.skipif(not available(), reason="torchao is an extra")),
        pytest.param("nf4", 4, 0.2, marks=pytest.mark.skipif(not four_bits(), reason="bitsandbytes is an extra")),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_text_encoders_in_few_bits_stay_close_and_are_small(
    kind: str, bits: int, within: float, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    shape = UMT5Config(vocab_size=8, d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4, dropout_rate=0.0)
    encoder = UMT5EncoderModel(shape).eval().to(dtype)
    tokens = torch.tensor([[1, 2, 3, 4]])
    with torch.inference_mode():
        plain = encoder(tokens).last_hidden_state.float()
        assert quantise_text(encoder, kind) == 14
        small = encoder.to(HOST)(tokens).last_hidden_state.float()
    assert 0 < (small - plain).norm() / plain.norm() < within
    if kind == "nf4":
        layer = encoder.encoder.block[0].layer[1].DenseReluDense.wo.weight
        assert layer.numel() * layer.element_size() == 64 * 128 * bits // 8, "they are stored in that many bits"


def test_nf4_falls_back_to_int8_and_to_nothing_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    made = parts()
    made.text_encoder = torch.nn.Linear(32, 32)
    monkeypatch.setattr("app.engine.families.loading.placement.four_bits", lambda: False)
    monkeypatch.setattr("app.engine.families.loading.placement.available", lambda: False)
    done = place(made, Placement(quantise_text="nf4"), HOST)
    assert list(done.skipped) == ["quantise_text nf4", "quantise_text int8"]


@pytest.mark.skipif(available(), reason="torchao is there")
def test_without_torchao_weights_stay_as_they_are_and_it_is_said(plain: NDArray[np.float32]) -> None:
    made, done = laid_out(Placement(quantise="int8"))
    assert done.skipped == {"quantise": "torchao is not installed"}
    assert np.array_equal(frames(made), plain)


def test_compiled_blocks_change_nothing(plain: NDArray[np.float32]) -> None:
    made = parts()
    made.transformer.compile_repeated_blocks(backend="aot_eager")
    assert np.abs(frames(made) - plain).max() <= 1e-5


def test_a_processor_leaves_out_what_only_a_gpu_has_and_says_so(plain: NDArray[np.float32]) -> None:
    for name, left_out in {"throughput": {"tf32", "compile"}, "memory": {"tf32", "offload"}}.items():
        made, done = laid_out(PRESETS[name])
        assert set(done.skipped) == left_out
        assert psnr_db(frames(made), plain) >= 30
    assert set(laid_out(Placement(quantise="float8"))[1].skipped) == {"quantise"}


def test_an_auto_precision_is_what_the_processor_multiplies_and_a_named_one_is_used() -> None:
    assert precision(Placement(dtype="auto"), HOST) in (torch.float32, torch.bfloat16)
    assert precision(Placement(dtype="auto"), torch.device("cuda")) is torch.bfloat16
    assert precision(Placement(dtype="bfloat16"), HOST) is torch.bfloat16
