from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTXConditionPipeline, LTXPipeline
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

from app.engine.denoiser import TOKENS
from app.engine.families import ltx
from app.engine.families.family import FamilyDenoiser
from app.engine.families.ltx import DISTILLED, DISTILLED_096, FIRST, LATER, MASK, recipe_of
from tests.engine.families.tiny_ltx import BENT, SPEC, ltx_parts
from tests.engine.plans import hear, make_plan, walk

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def tiny_pipeline(kind: type[LTXPipeline] | type[LTXConditionPipeline]) -> LTXPipeline:
    words = Tokenizer(models.WordLevel({"<pad>": 0, "<unk>": 1, "red": 2, "ball": 3}, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", model_max_length=128)
    torch.manual_seed(1)
    reader = T5EncoderModel(T5Config(vocab_size=8, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)).eval()
    scheduler = FlowMatchEulerDiscreteScheduler(**BENT)
    return kind(scheduler=scheduler, text_encoder=reader, tokenizer=tokenizer, **ltx_parts())


def load(folder: Path) -> FamilyDenoiser:
    cpu = torch.device("cpu")
    return ltx.load(str(folder), revision=None, dtype=torch.float32, device=cpu, local=True)


def test_a_folder_in_diffusers_format_is_loaded_and_makes_what_its_pipeline_makes(tmp_path: Path) -> None:
    pipeline = tiny_pipeline(LTXPipeline)
    pipeline.save_pretrained(tmp_path)
    denoiser, plan = load(tmp_path), make_plan("red ball", 3, spec=SPEC, shift=1.0)
    texts = hear(denoiser, plan)
    assert tuple(texts.prompt[TOKENS].shape) == (128, 16)
    assert texts.prompt[MASK].sum() == 2
    state = denoiser.start("a", plan, texts)
    walk(denoiser, state)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        prompt="red ball",
        negative_prompt="",
        width=SPEC.width,
        height=SPEC.height,
        num_frames=SPEC.frames,
        frame_rate=SPEC.fps,
        num_inference_steps=3,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    ).frames[0]
    assert np.abs(denoiser.decode_float(state) - theirs).max() <= 1e-4


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    tiny_pipeline(LTXPipeline).save_pretrained(tmp_path, safe_serialization=False)
    with pytest.raises(OSError, match="safetensors"):
        load(tmp_path)


def test_a_later_release_is_known_by_its_pipeline_class(tmp_path: Path) -> None:
    tiny_pipeline(LTXConditionPipeline).save_pretrained(tmp_path)
    plan = make_plan("red ball", 4, spec=SPEC)
    denoiser = load(tmp_path)
    assert denoiser.start("a", plan, hear(denoiser, plan)).sigmas[1] == pytest.approx(0.9875)


def test_a_release_gets_the_recipe_that_it_was_published_with() -> None:
    assert recipe_of("Lightricks/LTX-Video", "LTXPipeline") is FIRST
    assert recipe_of("Lightricks/LTX-Video-0.9.5", "LTXConditionPipeline") is LATER
    assert recipe_of("/models/LTX-Video-0.9.8-13B-distilled/", "LTXConditionPipeline") is DISTILLED
    assert recipe_of("org/ltxv-2b-0.9.6-distilled", "LTXPipeline") is DISTILLED_096
