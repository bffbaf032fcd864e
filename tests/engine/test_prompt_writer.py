"""A real text-generation model, tiny and random, as the enhancer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.trainers import WordLevelTrainer
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from app.engine.prompt_writer import TransformersWriter
from app.errors import ServiceUnavailable
from app.plan.prompt.enhance import Enhancement, ModelEnhancer, RuleEnhancer, instruction_for

pytestmark = pytest.mark.anyio

TEXT = [instruction_for(None), "a red panda eats bamboo in the snow, soft light, steady camera : Prompt New prompt"]
CHAT = "{% for m in messages %}<user> {{ m['content'] }} {% endfor %}{% if add_generation_prompt %}<model> {% endif %}"
RULES = RuleEnhancer(4000)


def tokenizer(template: str | None) -> Any:
    words = Tokenizer(WordLevel(unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    words.train_from_iterator(TEXT, WordLevelTrainer(special_tokens=["[UNK]", "[EOS]", "<user>", "<model>"]))
    made = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", eos_token="[EOS]", model_max_length=256)
    made.chat_template = template
    return made


def saved(folder: Path, family: str = "gpt2", template: str | None = None, positions: int = 256) -> str:
    """A model folder as they come from a hub."""
    torch.manual_seed(0)
    words = tokenizer(template)
    ends = {"eos_token_id": words.eos_token_id, "bos_token_id": words.eos_token_id}
    if family == "gpt2":
        model: Any = GPT2LMHeadModel(
            GPT2Config(vocab_size=len(words), n_positions=positions, n_embd=16, n_layer=2, n_head=2, **ends)
        )
    else:
        sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
        model = LlamaForCausalLM(
            LlamaConfig(vocab_size=len(words), max_position_embeddings=positions, pad_token_id=None, **sizes, **ends)
        )
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return str(folder)


async def enhanced(writer: TransformersWriter, prompt: str = "a red panda", timeout_s: float = 30.0) -> Enhancement:
    try:
        return await ModelEnhancer(writer, RULES, 4000, timeout_s).enhance(prompt, "wan")
    finally:
        writer.close()


@pytest.mark.parametrize(("family", "template"), [("gpt2", None), ("gpt2", CHAT), ("llama", None), ("llama", CHAT)])
async def test_a_real_model_writes_and_says_the_same_again(tmp_path: Path, family: str, template: str | None) -> None:
    place = saved(tmp_path, family, template)
    first = await enhanced(TransformersWriter(place, tokens=12, timeout_s=30.0))
    again = await enhanced(TransformersWriter(place, tokens=12, timeout_s=30.0))
    assert first == again
    assert first.reason == "Enhanced by the language model."
    assert 0 < len(first.prompt.split()) <= 12


@pytest.mark.parametrize(
    ("positions", "template", "why"),
    [(32, None, "the prompt is longer than it reads"), (256, "{{ raise_exception('no') }}", "it failed")],
)
async def test_a_model_that_cannot_leaves_it_to_the_rules(
    tmp_path: Path, positions: int, template: str | None, why: str
) -> None:
    found = await enhanced(TransformersWriter(saved(tmp_path, "gpt2", template, positions), timeout_s=30.0))
    assert found.prompt.startswith("a red panda, plain")
    assert found.reason.endswith(f"The language model was not used: {why}.")


async def test_a_model_that_is_not_there_is_not_downloaded(tmp_path: Path) -> None:
    for place in (str(tmp_path / "none"), "org/no-such-model", str(tmp_path)):
        found = await enhanced(TransformersWriter(place, timeout_s=30.0))
        assert found.reason.endswith("it cannot be loaded.")


async def test_weights_that_would_have_to_be_unpickled_are_not_read(tmp_path: Path) -> None:
    place = Path(saved(tmp_path))
    torch.save({}, place / "pytorch_model.bin")
    (place / "model.safetensors").unlink()
    assert (await enhanced(TransformersWriter(str(place), timeout_s=30.0))).reason.endswith("it cannot be loaded.")


async def test_a_slow_model_is_not_waited_for(tmp_path: Path) -> None:
    place = saved(tmp_path)
    writer = TransformersWriter(place, tokens=200, timeout_s=1e-4)
    found = await enhanced(writer, timeout_s=5.0)
    assert found.reason.endswith("it was not ready in time.")


async def test_who_comes_when_too_many_wait_is_told_at_once(tmp_path: Path) -> None:
    writer = TransformersWriter(saved(tmp_path), tokens=8, timeout_s=30.0)
    asked = await asyncio.gather(*(writer.write("", "a red panda") for _ in range(12)), return_exceptions=True)
    writer.close()
    busy = [each for each in asked if isinstance(each, ServiceUnavailable)]
    assert [str(each) for each in busy] == ["it has too much to do"] * 4
