"""HunyuanVideo 1.0 of a picture as a folder, with a text encoder that looks at the picture, and adapters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerFast,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from app.engine.checkpoint import to_bytes
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.hunyuan_picture import BESIDE, EYE, REPLACES
from app.engine.families.loading.folder import Lora
from app.engine.families.loading.reader import Files, Options
from app.engine.families.registry import reader
from app.types import Artifact, Plan, VideoSpec
from tests.engine.families.loading.test_load import save_lora, words
from tests.engine.families.test_first_pictures import hunyuan10_pipeline
from tests.engine.families.tiny import a_picture
from tests.engine.plans import hear, make_plan, walk

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
MARKS = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<image>")
PROMPT = "a red ball rolls slowly over a blue box"
SPEC = VideoSpec(32, 16, 5, 8)


def encoders() -> dict[str, Any]:
    known = Tokenizer(models.WordLevel({"<pad>": 0, "<unk>": 1, "red": 2, "ball": 3, "blue": 4}, "<unk>"))
    known.pre_tokenizer = pre_tokenizers.Whitespace()
    known.add_special_tokens([AddedToken(mark, special=True) for mark in MARKS])
    torch.manual_seed(1)
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2}
    eyes = CLIPVisionConfig(image_size=336, patch_size=14, num_hidden_layers=2, **sizes)
    sizes |= {"hidden_size": 16, "vocab_size": 16}
    text = LlamaConfig(num_hidden_layers=4, num_key_value_heads=2, max_position_embeddings=2048, **sizes)
    image = known.token_to_id("<image>")
    config = LlavaConfig(vision_config=eyes, text_config=text, image_token_index=image, pad_token_id=0)
    clip = CLIPTextConfig(num_hidden_layers=1, eos_token_id=3, **(sizes | {"hidden_size": 8}))
    return {
        "tokenizer": PreTrainedTokenizerFast(tokenizer_object=known, pad_token="<pad>", model_max_length=1024),
        "text_encoder": LlavaForConditionalGeneration(config).eval(),
        "tokenizer_2": words(77),
        "text_encoder_2": CLIPTextModel(clip).eval(),
        "image_processor": CLIPImageProcessorPil(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}),
    }


def plan_of(prompt: str = PROMPT, **more: Any) -> Plan:
    plan = make_plan(prompt, 3, seed=3, spec=SPEC, shift=7.0, **more)
    return replace(plan, image=Artifact("inputs/t/3.png", "image/png", 1))


def load(folder: Path, **options: Any) -> FamilyDenoiser:
    files = Files(str(folder), torch.float32, torch.device("cpu"), local=True)
    return reader("hunyuan_picture").load(files, Options(**options))


def theirs(pipeline: Any, plan: Plan, more: int, seed: int) -> Any:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        image=Image.fromarray(a_picture(SPEC.width, SPEC.height, seed)[0]),
        prompt=plan.prompt,
        width=SPEC.width,
        height=SPEC.height,
        num_frames=SPEC.frames + more,
        num_inference_steps=plan.sampling.steps,
        guidance_scale=plan.sampling.guidance,
        generator=torch.Generator().manual_seed(plan.sampling.seed),
        output_type="np",
    ).frames[0]


@pytest.mark.parametrize(("sees", "more"), [(REPLACES, 0), (BESIDE, 4)])
def test_the_words_are_heard_beside_the_picture_as_in_the_pipeline(sees: str, more: int, tmp_path: Path) -> None:
    pipeline = hunyuan10_pipeline(sees, plan_of(), **encoders())
    pipeline.save_pretrained(tmp_path / "model")
    save_lora(tmp_path / "few.safetensors", pipeline.transformer)
    denoiser = load(tmp_path / "model", loras=[Lora("few", str(tmp_path / "few.safetensors"))])
    plans = [plan_of(), plan_of(f"{PROMPT} and another box"), replace(plan_of(), adapters=(("few", 1.0),))]
    states = []
    for seed, plan in enumerate(plans):
        seen = denoiser.encode_image(a_picture(SPEC.width, SPEC.height, seed), SPEC)
        states.append(denoiser.start(f"{seed}", plan, replace(hear(denoiser, plan), picture=seen)))
    assert states[0].conditioning.picture[EYE].shape == (3, 336, 336)
    walk(denoiser, *states, until=1)
    states[1] = load(tmp_path / "model").resume(plans[1], to_bytes(states[1]))
    walk(denoiser, *states)
    for seed, (plan, state) in enumerate(zip(plans, states, strict=True)):
        if plan.adapters:
            pipeline.load_lora_weights(tmp_path / "few.safetensors", adapter_name="few")
        assert np.abs(denoiser.decode_float(state) - theirs(pipeline, plan, more, seed)).max() <= 1e-4


def test_a_text_encoder_that_looks_at_pictures_is_not_shared(tmp_path: Path) -> None:
    hunyuan10_pipeline(REPLACES, plan_of(), **encoders()).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="cannot be shared"):
        load(tmp_path, encode=lambda prompts: [])
