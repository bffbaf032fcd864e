"""Kandinsky 5 beyond what all families are held to: a picture to begin with, and folders with texts and a LoRA."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, Kandinsky5I2VPipeline, Kandinsky5T2VPipeline
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)

from app.engine.checkpoint import to_bytes
from app.engine.denoiser import Frames, JobState
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.kandinsky5 import Kandinsky5
from app.engine.families.loading.folder import Lora
from app.engine.families.loading.reader import Files, Options
from app.engine.families.models import Parts
from app.engine.families.registry import reader
from app.errors import InvalidRequest
from app.models.served import profile_of
from app.models.soundness import problems_of
from app.plan.families import FAMILIES
from app.settings.model_entry import ModelEntry
from app.types import Artifact, Plan
from tests.engine.families.standard import Pixels
from tests.engine.families.tiny import a_picture
from tests.engine.families.tiny_kandinsky5 import SPEC, by_pipeline, kandinsky5_parts, seeing, worded
from tests.engine.plans import hear, make_plan, walk

WITHIN = 1e-4
PICTURE = a_picture(SPEC.width, SPEC.height)


def plan_of(prompt: str = "a red ball", seed: int = 3, **more: Any) -> Plan:
    plan = make_plan(prompt, 4, seed=seed, spec=SPEC, shift=5.0)
    image = Artifact("inputs/a", "image/png", 1)
    return replace(plan, image=image, sampling=replace(plan.sampling, **more))


def begun(denoiser: FamilyDenoiser, plan: Plan, picture: Frames = PICTURE) -> JobState:
    seen = denoiser.encode_image(picture, plan.spec)
    return denoiser.start(plan.prompt, plan, replace(hear(denoiser, plan), picture=seen))


def theirs(plan: Plan, picture: Frames = PICTURE, parts: dict[str, Any] | None = None) -> Pixels:
    prompt, negative = worded([plan.prompt, plan.negative_prompt])
    return by_pipeline(parts or kandinsky5_parts(), plan, prompt, negative, picture)


def test_videos_of_pictures_together_are_those_of_the_pipeline() -> None:
    denoiser, other = seeing(), a_picture(SPEC.width, SPEC.height, 7)
    cases = [
        (plan_of("one", 1), PICTURE),
        (plan_of("a longer one", 2, guidance=1.0), other),
        (plan_of("six", 1), other),
        (plan_of("alone", 4, deterministic=True), PICTURE),
    ]
    states = [begun(denoiser, plan, picture) for plan, picture in cases]
    walk(denoiser, states[0], until=2)
    walk(denoiser, *states)
    for (plan, picture), state in zip(cases, states, strict=True):
        standard = theirs(plan, picture)
        assert np.ptp(standard) > 0.1, "a flat picture would prove nothing"
        assert np.abs(denoiser.decode_float(state) - standard).max() <= WITHIN
    assert np.abs(denoiser.decode_float(states[0]) - theirs(cases[0][0], other)).max() > 1e-3, "it must be seen"


@pytest.mark.parametrize("at", [1, 3])
def test_a_job_that_was_kept_goes_on_elsewhere_to_the_same_bits(at: int) -> None:
    denoiser, plan = seeing(), plan_of(deterministic=True)
    whole, parted = begun(denoiser, plan), begun(denoiser, plan)
    walk(denoiser, whole)
    walk(denoiser, parted, until=at)
    resumed = seeing().resume(plan, to_bytes(parted))
    assert seeing().preview(resumed).shape == (1, SPEC.height, SPEC.width, 3)
    walk(denoiser, resumed)
    assert torch.equal(resumed.latent, whole.latent)


def test_weights_of_pictures_make_nothing_without_one_and_sparse_attention_is_refused() -> None:
    denoiser, plan = seeing(), plan_of()
    with pytest.raises(InvalidRequest, match="needs a picture"):
        denoiser.start("a", plan, hear(denoiser, plan))
    parts = kandinsky5_parts()
    parts["transformer"].register_to_config(attention_type="nabla")
    with pytest.raises(ValueError, match="nabla attention"):
        Kandinsky5(Parts(parts["transformer"], parts["vae"], worded))


def encoders() -> dict[str, Any]:
    """Tiny ones that know two words."""
    known = Tokenizer(models.WordLevel({"<pad>": 0, "<unk>": 1, "red": 2, "ball": 3}, "<unk>"))
    known.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=known, pad_token="<pad>", unk_token="<unk>")
    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    turns = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]}
    text = {"vocab_size": 8, "num_hidden_layers": 2, "num_key_value_heads": 2, "rope_parameters": turns, **sizes}
    eyes = {"depth": 1, "hidden_size": 8, "intermediate_size": 8, "num_heads": 2, "out_hidden_size": 16}
    whole = CLIPTextConfig(
        vocab_size=8,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        eos_token_id=3,
        bos_token_id=1,
        pad_token_id=0,
    )
    return {
        "text_encoder": Qwen2_5_VLForConditionalGeneration(
            Qwen2_5_VLConfig(text_config=text, vision_config=eyes)
        ).eval(),
        "tokenizer": tokenizer,
        "text_encoder_2": CLIPTextModel(whole).eval(),
        "tokenizer_2": tokenizer,
    }


class Processor:
    """What the pipeline asks of Qwen2VLProcessor, which wants torchvision."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer

    def __call__(self, images: None, videos: None, **options: Any) -> Any:
        return self._tokenizer(**options)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("kind", [Kandinsky5T2VPipeline, Kandinsky5I2VPipeline])
def test_a_folder_makes_the_frames_of_its_pipeline_with_a_lora_and_without(kind: Any, tmp_path: Path) -> None:
    parts, file = kandinsky5_parts(), tmp_path / "few.safetensors"
    pipeline = kind(scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0), **encoders(), **parts)
    pipeline.save_pretrained(tmp_path / "model")
    weights, generator = {}, torch.Generator().manual_seed(5)
    for name, layer in parts["transformer"].named_modules():
        if name.endswith(("to_query", "to_value")):
            weights[f"transformer.{name}.lora_A.weight"] = torch.randn(4, layer.in_features, generator=generator)
            weights[f"transformer.{name}.lora_B.weight"] = torch.randn(layer.out_features, 4, generator=generator)
    save_file(weights, file)
    files = Files(str(tmp_path / "model"), torch.float32, torch.device("cpu"), local=True)
    denoiser = reader("kandinsky5").load(files, Options(loras=[Lora("few", str(file))]))
    plain = replace(plan_of("red ball ball"), negative_prompt="red")
    picture = PICTURE if kind is Kandinsky5I2VPipeline else None
    seen = {} if picture is None else denoiser.encode_image(picture, SPEC)
    plans = (plain, replace(plain, adapters=(("few", 1.0),)))
    states = [denoiser.start(str(each.adapters), each, replace(hear(denoiser, each), picture=seen)) for each in plans]
    walk(denoiser, *states)
    pipeline.tokenizer = Processor(pipeline.tokenizer)
    pipeline.set_progress_bar_config(disable=True)
    found = []
    for state in states:
        if state.plan.adapters:
            pipeline.load_lora_weights(file, adapter_name="few")
        heard = [pipeline.encode_prompt([text]) for text in (plain.prompt, plain.negative_prompt)]
        texts = [{"tokens": tokens[0], "pooled": pooled[0]} for tokens, pooled, _ in heard]
        assert all(torch.allclose(state.conditioning.prompt[name], texts[0][name], atol=1e-5) for name in texts[0])
        found.append(denoiser.decode_float(state))
        standard = by_pipeline(parts, state.plan, texts[0], texts[1], picture)
        assert np.abs(found[-1] - standard).max() <= WITHIN
    assert np.abs(found[0] - found[1]).max() > 1e-3, "the adapter must act"


def test_a_release_of_ten_seconds_is_refused_by_name_before_its_weights_are_read(tmp_path: Path) -> None:
    parts = kandinsky5_parts()
    parts["transformer"].register_to_config(attention_type="nabla")
    pipeline = Kandinsky5T2VPipeline(scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0), **encoders(), **parts)
    pipeline.save_pretrained(tmp_path)
    for weights in tmp_path.rglob("*.safetensors"):
        weights.unlink()
    with pytest.raises(ValueError, match="nabla attention, as in the releases of ten seconds"):
        reader("kandinsky5").load(Files(str(tmp_path), torch.float32, torch.device("cpu"), local=True))
    row = FAMILIES["kandinsky-5-lite-t2v-5s"]
    entry = ModelEntry(id="long", family=row.name, source=str(tmp_path))
    assert any("attention is nabla" in each for each in problems_of(entry, row, profile_of(entry, row, "1"), tmp_path))
