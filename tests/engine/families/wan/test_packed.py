from __future__ import annotations

from typing import Any

import pytest
import torch

from app.engine.denoiser import Conditioning
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.models import Parts
from app.engine.families.wan.attention import Run, runs_of
from app.engine.families.wan.image import FirstFrameConditioning
from app.engine.families.wan.packed import PackedForward
from app.types import VideoSpec
from tests.engine.families.tiny import a_picture, tiny_autoencoder, tiny_encode, tiny_press, tiny_transformer, tiny_wan
from tests.engine.plans import hear, make_plan, walk


def kinds() -> dict[str, FamilyDenoiser]:
    """Wan 2.1, as on a GPU (diffusers' processors) and on a CPU; 2.2 with two experts, and with a level per token."""
    two = Parts(tiny_transformer(), tiny_autoencoder(), tiny_encode, second=tiny_transformer(1))
    pressed = Parts(tiny_transformer(), tiny_press(), tiny_encode)
    plain = Parts(tiny_transformer(), tiny_autoencoder(), tiny_encode, changes=True)
    return {
        "2.1": tiny_wan(),
        "2.1, weights that change": tiny_wan(plain),
        "2.2 A14B": tiny_wan(two, boundary=0.875),
        "2.2 TI2V": tiny_wan(pressed, per_token=True, image=FirstFrameConditioning(pressed.autoencoder)),
    }


SPECS = (VideoSpec(32, 32, 5, 8), VideoSpec(64, 32, 5, 8), VideoSpec(32, 64, 9, 8), VideoSpec(32, 32, 5, 8))


@pytest.mark.parametrize("kind", kinds())
def test_packed_rows_are_what_they_are_alone(kind: str) -> None:
    denoiser = kinds()[kind]
    assert denoiser.packs
    plans = [make_plan(f"p {n}", 4, seed=n, spec=spec, guidance=1.0 + n) for n, spec in enumerate(SPECS)]
    heard = [hear(denoiser, plan) for plan in plans]
    if kind == "2.2 TI2V":
        picture = denoiser.encode_image(a_picture(64, 32), SPECS[1])
        heard[1] = Conditioning(heard[1].prompt, heard[1].negative, picture=picture)
    apart = [denoiser.start("a", plan, each) for plan, each in zip(plans, heard, strict=True)]
    mixed = [denoiser.start("b", plan, each) for plan, each in zip(plans, heard, strict=True)]
    for state in apart:
        walk(denoiser, state)
    walk(denoiser, *mixed)
    for one, other in zip(apart, mixed, strict=True):
        torch.testing.assert_close(other.latent, one.latent, atol=1e-4, rtol=1e-4)


def test_after_a_packed_forward_the_model_is_as_it_was_even_if_it_failed() -> None:
    transformer = tiny_transformer().eval()
    before = [(block.attn1.processor, block.attn2.processor) for block in transformer.blocks]
    packed, latent = PackedForward(transformer), torch.randn(4, 2, 4, 4)
    with torch.inference_mode():
        packed.run([latent, latent[:, :1]], [torch.tensor(900.0), torch.tensor(100.0)], torch.randn(2, 6, 16))
        transformer.blocks[1].ffn = None
        with pytest.raises(TypeError):
            packed.run([latent, latent[:, :1]], [torch.tensor(900.0)] * 2, torch.randn(2, 6, 16))
    assert [(block.attn1.processor, block.attn2.processor) for block in transformer.blocks] == before
    assert not packed._layout.runs


def test_a_model_behind_hooks_compiled_or_hearing_pictures_is_not_packed() -> None:
    compiled: Any = tiny_transformer()
    compiled.blocks[0].compile()
    pictured = tiny_transformer(image_dim=8, added_kv_proj_dim=24)
    offloaded = tiny_transformer()
    offloaded.register_forward_pre_hook(lambda module, args: None)  # as model offload brings it in
    assert not PackedForward.suits(offloaded)
    assert not PackedForward.suits(compiled)
    assert not PackedForward.suits(pictured)
    assert not PackedForward.suits(torch.nn.Linear(1, 1))


def test_rows_of_as_many_tokens_share_a_call() -> None:
    assert runs_of([4, 4, 6, 4]) == (Run(0, 2, 0, 4), Run(2, 1, 8, 6), Run(3, 1, 14, 4))
