"""LoRA files in every form that diffusers reads, by our loader and by the pipelines' own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from app.engine.families.loading.folder import Lora
from app.engine.families.loading.lora import AdapterInvalid
from app.engine.families.loading.reader import Options
from app.engine.families.registry import reader
from app.types import VideoSpec
from tests.engine.families.loading.test_load import KINDS, by_ours, by_theirs, files
from tests.engine.families.saved import save_t2v
from tests.engine.families.tiny import tiny_transformer
from tests.engine.plans import make_plan

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:Already found a `peft_config`:UserWarning"
)

SPEC = VideoSpec(32, 16, 5, 8)
LAYERS = ["to_q", "to_v"]
SHAPES: Mapping[str, LoraConfig] = {
    "strong": LoraConfig(r=4, lora_alpha=16, target_modules=LAYERS),
    "mixed": LoraConfig(r=4, lora_alpha=8, target_modules=LAYERS, rank_pattern={"to_v": 2}, alpha_pattern={"to_v": 16}),
    "dora": LoraConfig(r=4, lora_alpha=8, target_modules=LAYERS, use_dora=True),
    "rooted": LoraConfig(r=4, lora_alpha=4, target_modules=LAYERS, use_rslora=True),
}
HEADLESS = LoraConfig(r=4, lora_alpha=4, target_modules=LAYERS, rank_pattern={"to_v": 2}, alpha_pattern={"to_v": 2})


def save(folder: Path, name: str, pipeline: Any, config: LoraConfig, header: bool = True) -> None:
    """An adapter of that shape as diffusers' training scripts save it, strong enough to be seen."""
    transformer, generator = pipeline.transformer, torch.Generator().manual_seed(5)
    transformer.add_adapter(config, name)
    for key, weight in transformer.named_parameters():
        if "lora_A" in key or "lora_B" in key:
            weight.data = 0.3 * torch.randn(weight.shape, generator=generator)
        elif "magnitude" in key:
            weight.data *= 0.5 + torch.rand(weight.shape, generator=generator)
    type(pipeline).save_lora_weights(
        folder,
        transformer_lora_layers=get_peft_model_state_dict(transformer, adapter_name=name),
        weight_name=f"{name}.safetensors",
        transformer_lora_adapter_metadata=config.to_dict() if header else None,  # type: ignore[no-untyped-call]
    )
    transformer.delete_adapters(name)


Asked = Callable[[str], NDArray[np.float32]]


def both(kind: str, folder: Path) -> tuple[Any, Asked, Callable[[list[Lora]], Asked]]:
    """A tiny pipeline, its frames under an adapter ("" for none), and ours of the same model with these adapters."""
    if kind == "wan":
        loader, pipeline, spec = "wan.load", save_t2v(folder), SPEC
        asks: dict[str, Any] = {"num_frames": 5, "guidance_scale": 3.0, "negative_prompt": ""}
        plan = make_plan("red ball", 3, spec=spec, shift=3.0)
    else:
        family, build, spec, sampler, asks = KINDS[kind]
        loader, pipeline = family.__name__.removeprefix("app.engine.families."), build()
        pipeline.save_pretrained(folder)
        plan = make_plan("red ball", 3, spec=spec, shift=1.0, sampler=sampler)

    def theirs(adapter: str) -> NDArray[np.float32]:
        if adapter:
            pipeline.set_adapters([adapter])
        return by_theirs(pipeline, spec, asks)

    def ours(loras: list[Lora]) -> Asked:
        denoiser = reader(loader).load(files(folder), Options(loras=loras))
        return lambda adapter: by_ours(denoiser, replace(plan, adapters=((adapter, 1.0),) if adapter else ()))

    return pipeline, theirs, ours


def lora(folder: Path, name: str, scale: float = 1.0) -> Lora:
    return Lora(name, str(folder), f"{name}.safetensors", scale=scale)


@pytest.mark.parametrize("kind", ["wan", *(name for name in KINDS if name != "hunyuan-1.5")])
def test_adapters_of_any_shape_act_as_strongly_as_in_diffusers(kind: str, tmp_path: Path) -> None:
    pipeline, theirs, ours = both(kind, tmp_path)
    for name, config in SHAPES.items():
        save(tmp_path, name, pipeline, config)
    save(tmp_path, "headless", pipeline, HEADLESS, header=False)
    made = ours([lora(tmp_path, name) for name in (*SHAPES, "headless")])
    plain = theirs("")
    assert np.abs(made("") - plain).max() <= 1e-4
    for name in (*SHAPES, "headless"):
        pipeline.load_lora_weights(tmp_path, weight_name=f"{name}.safetensors", adapter_name=name)
        wanted = theirs(name)
        assert np.abs(made(name) - wanted).max() <= 1e-4, name
        assert np.abs(wanted - plain).max() > 1e-3, f"{name} would prove nothing"


def test_a_scale_is_that_of_set_adapters_also_for_dora(tmp_path: Path) -> None:
    pipeline, theirs, ours = both("wan", tmp_path)
    save(tmp_path, "dora", pipeline, SHAPES["dora"])
    made = ours([lora(tmp_path, "dora", 0.5)])("dora")
    pipeline.load_lora_weights(tmp_path, weight_name="dora.safetensors", adapter_name="dora")
    whole = theirs("dora")
    pipeline.set_adapters(["dora"], [0.5])
    half = by_theirs(pipeline, SPEC, {"num_frames": 5, "guidance_scale": 3.0, "negative_prompt": ""})
    assert np.abs(made - half).max() <= 1e-4
    assert np.abs(half - whole).max() > 1e-3


def kohya_wan() -> dict[str, torch.Tensor]:
    """As trained outside diffusers, with alphas of its own."""
    generator, weights = torch.Generator().manual_seed(5), {}
    for block in range(2):
        attention = [f"{kind}_attn_{part}" for kind in ("self", "cross") for part in "qkvo"]
        for part, wide, tall in [*((each, 24, 24) for each in attention), ("ffn_0", 24, 32), ("ffn_2", 32, 24)]:
            name = f"lora_unet_blocks_{block}_{part}"
            weights[f"{name}.lora_down.weight"] = torch.randn(4, wide, generator=generator)
            weights[f"{name}.lora_up.weight"] = torch.randn(tall, 4, generator=generator)
            weights[f"{name}.alpha"] = torch.tensor(2.0)
    return weights


def comfy_wan() -> dict[str, torch.Tensor]:
    generator, weights = torch.Generator().manual_seed(5), {}
    for block in range(2):
        for part in ("self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o"):
            name = f"diffusion_model.blocks.{block}.{part}"
            weights[f"{name}.lora_down.weight"] = torch.randn(4, 24, generator=generator)
            weights[f"{name}.lora_up.weight"] = torch.randn(24, 4, generator=generator)
    return weights


@pytest.mark.parametrize("form", [kohya_wan, comfy_wan])
def test_files_of_other_trainers_act_as_in_diffusers(
    form: Callable[[], dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    pipeline, theirs, ours = both("wan", tmp_path)
    save_file(form(), tmp_path / "few.safetensors")
    plain, made = theirs(""), ours([lora(tmp_path, "few")])("few")
    pipeline.load_lora_weights(tmp_path, weight_name="few.safetensors", adapter_name="few")
    assert np.abs(made - theirs("few")).max() <= 1e-4
    assert np.abs(made - plain).max() > 1e-3


def test_a_strong_adapter_of_a_second_expert_is_strong_too(tmp_path: Path) -> None:
    pipeline = save_t2v(tmp_path, transformer_2=tiny_transformer(1), boundary_ratio=0.8)
    for name in ("high", "low"):
        save(tmp_path, name, pipeline, SHAPES["strong"])
    denoiser = reader("wan.load").load(
        files(tmp_path), Options(loras=[Lora("few", str(tmp_path), "high.safetensors", "low.safetensors")])
    )
    plan = replace(make_plan("red ball", 4, spec=SPEC), adapters=(("few", 1.0),))
    made = by_ours(denoiser, plan)
    for name, second in (("high", False), ("low", True)):
        pipeline.load_lora_weights(
            tmp_path, weight_name=f"{name}.safetensors", adapter_name=name, load_into_transformer_2=second
        )
    asks = {"num_frames": 5, "guidance_scale": 3.0, "negative_prompt": "", "num_inference_steps": 4}
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        prompt="red ball", generator=torch.Generator().manual_seed(0), width=32, height=16, output_type="np", **asks
    ).frames[0]
    assert np.abs(made - theirs).max() <= 1e-4


def test_layers_that_the_model_does_not_have_are_named_and_the_others_act(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline, theirs, ours = both("wan", tmp_path)
    save(tmp_path, "strong", pipeline, SHAPES["strong"])
    weights = load_file(tmp_path / "strong.safetensors")
    deeper = {
        key.replace("blocks.0", "blocks.7"): tensor.clone() for key, tensor in weights.items() if "blocks.0" in key
    }
    save_file(weights | deeper, tmp_path / "deep.safetensors")
    made = ours([lora(tmp_path, "deep")])("deep")
    assert "4 of 12 layers find no place" in caplog.text
    assert "blocks.7" in caplog.text
    pipeline.load_lora_weights(tmp_path, weight_name="deep.safetensors", adapter_name="deep")
    assert np.abs(made - theirs("deep")).max() <= 1e-4


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


BAD: Mapping[str, Callable[[Path, dict[str, torch.Tensor]], None]] = {
    "cut short": lambda file, weights: cut(file),
    "missing": lambda file, weights: file.unlink(),
    "of no layer": lambda file, weights: save_file(
        {key.replace("blocks.", "pieces."): tensor for key, tensor in weights.items()}, file
    ),
    "of another width": lambda file, weights: save_file(
        {key: tensor.repeat(1, 2) for key, tensor in weights.items()}, file
    ),
    "with alphas that diffusers does not read": lambda file, weights: save_file(
        weights | {"transformer.blocks.0.attn1.to_q.alpha": torch.tensor(1.0)}, file
    ),
    "that takes the model apart": lambda file, weights: save_file(
        weights, file, {"lora_adapter_metadata": '{"transformer.r": 4, "transformer.init_lora_weights": "pissa"}'}
    ),
    "that imports": lambda file, weights: save_file(
        weights, file, {"lora_adapter_metadata": '{"transformer.r": 4, "transformer.megatron_config": {"a": 1}}'}
    ),
    "with a header that says nothing sensible": lambda file, weights: save_file(
        weights, file, {"lora_adapter_metadata": '{"transformer.r": "many"}'}
    ),
}


@pytest.mark.parametrize("how", BAD)
def test_a_file_that_is_no_adapter_of_the_model_is_refused_by_name(how: str, tmp_path: Path) -> None:
    pipeline, _, ours = both("wan", tmp_path)
    save(tmp_path, "few", pipeline, SHAPES["strong"])
    BAD[how](tmp_path / "few.safetensors", load_file(tmp_path / "few.safetensors"))
    with pytest.raises(AdapterInvalid, match=r"the LoRA few \(few\.safetensors\)"):
        ours([lora(tmp_path, "few")])
