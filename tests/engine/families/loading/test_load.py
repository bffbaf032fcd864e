"""Whole pipelines with tiny encoders, saved as folders and read again: what they make must be the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    ClassifierFreeGuidance,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideo15Pipeline,
    HunyuanVideoPipeline,
    LTXConditionPipeline,
    LTXPipeline,
    ZImagePipeline,
)
from numpy.typing import NDArray
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    LlamaConfig,
    LlamaModel,
    PreTrainedTokenizerFast,
    Qwen2_5_VLTextConfig,
    Qwen2_5_VLTextModel,
    Qwen3Config,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
)

from app.engine.denoiser import TOKENS
from app.engine.families import cogvideox, hunyuan, hunyuan15, ltx, registry, z_image
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.folder import Lora
from app.engine.families.loading.offload import Offload, OffloadedAutoencoder, offloaded_encoder
from app.engine.families.loading.reader import Files, Options
from app.engine.families.ltx import DISTILLED, DISTILLED_096, FIRST, LATER, MASK, recipe_of
from app.engine.families.models import Parts
from app.engine.samplers.levels import Bend
from app.errors import UnsupportedParameter
from app.settings.placement import Placement
from app.types import Plan, VideoSpec
from tests.engine.families.tiny_cogvideox import cogvideox_parts
from tests.engine.families.tiny_hunyuan import hunyuan15_parts, hunyuan_parts
from tests.engine.families.tiny_ltx import BENT, SPEC, ltx_parts
from tests.engine.families.tiny_z_image import z_image_parts
from tests.engine.plans import hear, make_plan, walk

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

CHAT = "{% for message in messages %}{{ message.content }} {% endfor %}"


INSTRUCTED = "{{ 'red ' * 108 }}{{ messages[-1].content[0].text }}"
"""As long an instruction as HunyuanVideo 1.5 cuts off."""


def words(length: int, chat: str = CHAT) -> PreTrainedTokenizerFast:
    """Knows two words, and reads at most so many."""
    known = Tokenizer(models.WordLevel({"<pad>": 0, "<unk>": 1, "red": 2, "ball": 3}, "<unk>"))
    known.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=known, pad_token="<pad>", model_max_length=length, chat_template=chat
    )


def t5() -> Any:
    torch.manual_seed(1)
    return T5EncoderModel(T5Config(vocab_size=8, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)).eval()


def tiny_ltx(kind: Any = LTXPipeline) -> Any:
    scheduler = FlowMatchEulerDiscreteScheduler(**BENT)
    return kind(scheduler=scheduler, text_encoder=t5(), tokenizer=words(128), **ltx_parts())


def tiny_cogvideox() -> Any:
    scheduler = CogVideoXDDIMScheduler(
        prediction_type="v_prediction", timestep_spacing="trailing", rescale_betas_zero_snr=True, snr_shift_scale=1.0
    )
    return CogVideoXPipeline(scheduler=scheduler, text_encoder=t5(), tokenizer=words(226), **cogvideox_parts(False))


def tiny_hunyuan() -> Any:
    torch.manual_seed(1)
    sizes = {"vocab_size": 8, "hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    reader = LlamaModel(LlamaConfig(num_hidden_layers=3, num_key_value_heads=2, **sizes)).eval()
    clip = CLIPTextConfig(num_hidden_layers=1, **(sizes | {"hidden_size": 8}), eos_token_id=3)
    return HunyuanVideoPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),
        text_encoder=reader,
        tokenizer=words(512),
        text_encoder_2=CLIPTextModel(clip).eval(),
        tokenizer_2=words(77),
        **hunyuan_parts(),
    )


def tiny_hunyuan15() -> Any:
    torch.manual_seed(1)
    sizes = {"vocab_size": 8, "hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    turns = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
    config = Qwen2_5_VLTextConfig(num_hidden_layers=4, num_key_value_heads=2, rope_parameters=turns, **sizes)
    letters = T5Config(vocab_size=8, d_model=12, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    return HunyuanVideo15Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),
        text_encoder=Qwen2_5_VLTextModel(config).eval(),
        tokenizer=words(2000, INSTRUCTED),
        text_encoder_2=T5EncoderModel(letters).eval(),
        tokenizer_2=words(256),
        guider=ClassifierFreeGuidance(guidance_scale=3.0),
        **hunyuan15_parts(),
    )


def tiny_z_image() -> Any:
    torch.manual_seed(1)
    sizes = {"vocab_size": 8, "hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "head_dim": 8}
    reader = Qwen3Model(Qwen3Config(num_hidden_layers=2, num_key_value_heads=2, **sizes)).eval()
    scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0)
    return ZImagePipeline(scheduler=scheduler, text_encoder=reader, tokenizer=words(512), **z_image_parts())


def files(folder: Path) -> Files:
    return Files(str(folder), torch.float32, torch.device("cpu"), local=True)


def load(family: ModuleType, folder: Path, placement: Placement | None = None) -> FamilyDenoiser:
    found: FamilyDenoiser = family.READER.load(files(folder), Options(placement or Placement()))
    return found


def by_ours(denoiser: FamilyDenoiser, plan: Plan) -> NDArray[np.float32]:
    state = denoiser.start("a", plan, hear(denoiser, plan))
    walk(denoiser, state)
    return denoiser.decode_float(state)


Ask = tuple[ModuleType, Callable[[], Any], VideoSpec, str, dict[str, Any]]
KINDS: dict[str, Ask] = {
    "ltx": (
        ltx,
        tiny_ltx,
        SPEC,
        "euler",
        {"num_frames": 9, "frame_rate": 8, "negative_prompt": "", "guidance_scale": 3.0},
    ),
    "cogvideox": (
        cogvideox,
        tiny_cogvideox,
        VideoSpec(32, 16, 9, 8),
        "ddim",
        {"num_frames": 9, "guidance_scale": 3.0, "max_sequence_length": 8},
    ),
    "hunyuan": (
        hunyuan,
        tiny_hunyuan,
        VideoSpec(32, 16, 5, 8),
        "euler",
        {"num_frames": 5, "guidance_scale": 3.0},
    ),
    "hunyuan-1.5": (hunyuan15, tiny_hunyuan15, VideoSpec(32, 16, 5, 8), "euler", {"num_frames": 5}),
    "z-image": (z_image, tiny_z_image, VideoSpec(32, 16, 1, 1), "euler", {"guidance_scale": 2.0}),
}


def by_theirs(pipeline: Any, spec: VideoSpec, asks: dict[str, Any]) -> NDArray[np.float32]:
    pipeline.set_progress_bar_config(disable=True)
    asks = asks | {"width": spec.width, "height": spec.height, "num_inference_steps": 3, "output_type": "np"}
    made = pipeline(prompt="red ball", generator=torch.Generator().manual_seed(0), **asks)
    frames: NDArray[np.float32] = made.frames[0] if hasattr(made, "frames") else made.images
    return frames


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_in_diffusers_format_is_loaded_and_makes_what_its_pipeline_makes(kind: str, tmp_path: Path) -> None:
    family, build, spec, sampler, asks = KINDS[kind]
    pipeline = build()
    pipeline.save_pretrained(tmp_path)
    frames = by_theirs(pipeline, spec, asks)
    plan = make_plan("red ball", 3, spec=spec, shift=1.0, sampler=sampler)
    made = by_ours(load(family, tmp_path), plan)
    assert np.ptp(frames) > 0.01
    assert np.abs(made - frames).max() <= 1e-4
    tiled = by_ours(load(family, tmp_path, Placement(vae_slicing=True, vae_tiling=True)), plan)
    assert np.abs(tiled - made).max() <= 1e-5, "these pictures are of one tile"
    resting = by_ours(load(family, tmp_path, Placement(layerwise="float8_e4m3fn")), plan)
    assert 0 < np.abs(resting - made).mean() < 0.05, "eight bits change a little"
    apart = family.READER.load(files(tmp_path), Options(encode=family.READER.load_encoder(files(tmp_path))))
    assert np.array_equal(by_ours(apart, plan), made), "with the text encoder read by itself, as when it is shared"


def save_lora(path: Path, transformer: torch.nn.Module) -> None:
    """An adapter of every query and value, strong enough to be seen."""
    weights, generator = {}, torch.Generator().manual_seed(5)
    for name, layer in transformer.named_modules():
        if name.endswith(("to_q", "to_v")):
            wide, tall = layer.in_features, layer.out_features
            weights[f"transformer.{name}.lora_A.weight"] = torch.randn(4, wide, generator=generator)
            weights[f"transformer.{name}.lora_B.weight"] = torch.randn(tall, 4, generator=generator)
    save_file(weights, path)


@pytest.mark.parametrize("kind", [name for name in KINDS if name != "hunyuan-1.5"])
def test_an_adapter_acts_on_its_jobs_alone_and_acts_as_in_diffusers(kind: str, tmp_path: Path) -> None:
    family, build, spec, sampler, asks = KINDS[kind]
    pipeline, file = build(), tmp_path / "few.safetensors"
    pipeline.save_pretrained(tmp_path)
    save_lora(file, pipeline.transformer)
    denoiser = family.READER.load(files(tmp_path), Options(loras=[Lora("few", str(file))]))
    plain = make_plan("red ball", 3, spec=spec, shift=1.0, sampler=sampler)
    states = [
        denoiser.start("a", each, hear(denoiser, each)) for each in (plain, replace(plain, adapters=(("few", 1.0),)))
    ]
    assert states[0].group != states[1].group
    walk(denoiser, *states)
    without, worn = (denoiser.decode_float(state) for state in states)
    assert np.abs(without - by_theirs(pipeline, spec, asks)).max() <= 1e-4
    pipeline.load_lora_weights(file, adapter_name="few")
    assert np.abs(worn - by_theirs(pipeline, spec, asks)).max() <= 1e-4
    assert np.abs(worn - without).max() > 1e-3


def test_a_family_that_diffusers_reads_no_adapters_for_takes_none(tmp_path: Path) -> None:
    tiny_hunyuan15().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="no LoRA"):
        hunyuan15.READER.load(files(tmp_path), Options(loras=[Lora("few", str(tmp_path))]))


def test_the_padding_of_a_text_is_told() -> None:
    (text,) = ltx.text_encoder_of(tiny_ltx(), files(Path()))(["red ball"])
    assert tuple(text[TOKENS].shape) == (128, 16)
    assert text[MASK].sum() == 2


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    tiny_ltx().save_pretrained(tmp_path, safe_serialization=False)
    with pytest.raises(OSError, match="safetensors"):
        load(ltx, tmp_path)


def test_a_later_release_is_known_by_its_pipeline_class(tmp_path: Path) -> None:
    tiny_ltx(LTXConditionPipeline).save_pretrained(tmp_path)
    plan = make_plan("red ball", 4, spec=SPEC)
    denoiser = load(ltx, tmp_path)
    assert denoiser.start("a", plan, hear(denoiser, plan)).sigmas[1] == pytest.approx(0.9875)


def test_a_cogvideox_whose_profile_has_another_shift_is_not_run(tmp_path: Path) -> None:
    tiny_cogvideox().save_pretrained(tmp_path)
    denoiser, plan = load(cogvideox, tmp_path), make_plan(spec=VideoSpec(32, 16, 9, 8), sampler="ddim", shift=3.0)
    with pytest.raises(ValueError, match="shift is 1"):
        denoiser.start("a", plan, hear(denoiser, plan))


def test_a_release_gets_the_recipe_that_it_was_published_with() -> None:
    assert recipe_of("Lightricks/LTX-Video", "LTXPipeline") is FIRST
    assert recipe_of("Lightricks/LTX-Video-0.9.5", "LTXConditionPipeline") is LATER
    assert recipe_of("/models/LTX-Video-0.9.8-13B-distilled/", "LTXConditionPipeline") is DISTILLED
    assert recipe_of("org/ltxv-2b-0.9.6-distilled", "LTXPipeline") is DISTILLED_096


def test_a_distilled_release_is_known_by_its_family_wherever_it_lies(tmp_path: Path) -> None:
    tiny_ltx(LTXConditionPipeline).save_pretrained(tmp_path)
    plan = make_plan("red ball", 7, spec=SPEC)
    there = registry.files_of(str(tmp_path), dtype="float32", local=True, family="ltx-video-distilled", threads=2)
    denoiser = registry.reader("ltx").load(there)
    assert denoiser.start("a", plan, hear(denoiser, plan)).sigmas[:-1] == pytest.approx(DISTILLED.ladder)


def test_parts_of_a_pipeline_take_turns_and_the_encoder_leaves_at_once() -> None:
    pipeline, cpu = tiny_z_image(), torch.device("cpu")
    spec = VideoSpec(32, 16, 1, 1)
    plan, bend = make_plan("red ball", 3, spec=spec), Bend.of(pipeline.scheduler.config)
    encode = z_image.text_encoder_of(pipeline, files(Path()))
    plain = z_image.ZImage(Parts(pipeline.transformer, pipeline.vae, encode), bend)
    offload = Offload(cpu, cpu)
    offload.hook(pipeline.transformer)
    called = offloaded_encoder(encode, pipeline.text_encoder, offload, leaves=True)
    decoder = OffloadedAutoencoder(pipeline.vae, offload)
    turns = z_image.ZImage(Parts(pipeline.transformer, decoder, called), bend, cpu)
    expected, denoiser = by_ours(FamilyDenoiser(plain), plan), FamilyDenoiser(turns)
    denoiser.encode(["red ball"])
    assert offload.resident is None
    assert np.array_equal(by_ours(denoiser, plan), expected)
    assert offload.resident is pipeline.vae


def test_a_step_cache_that_the_family_does_not_have_is_refused(tmp_path: Path) -> None:
    tiny_z_image().save_pretrained(tmp_path)
    denoiser = load(z_image, tmp_path)
    plan = make_plan("red ball", 3, spec=VideoSpec(32, 16, 1, 1), step_cache="first_block")
    with pytest.raises(UnsupportedParameter, match="no step caches"):
        denoiser.start("a", plan, hear(denoiser, plan))
