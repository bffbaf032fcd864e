"""MiniMax-H3's text: a Qwen3-VL reads prompts alone, or behind pictures as diffusers' blocks present them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from diffusers.modular_pipelines.minimax_h3.encoders import (
    MiniMaxH3FL2VATextEncoderStep,
    MiniMaxH3Ref2VATextEncoderStep,
    get_qwen3vl_prompt_embeds,
)
from diffusers.modular_pipelines.minimax_h3.references import MiniMaxH3ImageReference
from PIL import Image
from transformers import AutoImageProcessor, AutoTokenizer, PreTrainedTokenizerBase

from app.engine.denoiser import TOKENS, TextEmbedding
from app.engine.families.loading.folder import part
from app.engine.families.models import Eye

HEARD_LAYER: Final = 50  # of the text encoder
TAGS: Final = "tags"  # (T,): of which kind each row is; without them all are words
_PICTURE: Final = "<|image_pad|>"  # a token of a picture, among the tokenizer's


class Looked(str):
    """A prompt with the pictures in front of it, as the model sees them: keyframes, or such as it refers to."""

    pictures: list[Image.Image]
    referred_to = False

    @classmethod
    def at(cls, prompt: str, pictures: Sequence[Image.Image], referred_to: bool) -> Looked:
        """A prompt with its pictures."""
        looked = cls(prompt)
        looked.pictures, looked.referred_to = list(pictures), referred_to
        return looked


class H3Text:
    """A Qwen3-VL and its tokenizer: of each prompt as many tokens as it has words, (T, D), read in the middle.

    `eye` is its image processor, with which it sees pictures in front of a prompt.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, encoder: Any, eye: Eye) -> None:
        self._tokenizer = tokenizer
        self.module = encoder
        self._processor = _Processor(tokenizer, eye)

    @classmethod
    def load(cls, folder: Path, dtype: torch.dtype, device: torch.device) -> H3Text:
        """From a model folder. Raises OSError when it is not there."""
        kept = {"local_files_only": True, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", **kept)
        eye = AutoImageProcessor.from_pretrained(folder / "processor", **kept)
        kind = "Qwen3VLForConditionalGeneration"
        return cls(tokenizer, part(folder, "text_encoder", "transformers", kind, dtype, device), eye)

    def __call__(self, prompts: Sequence[str]) -> list[TextEmbedding]:
        """Tokens of each, and of one that is Looked, the tags of what stands before it, too."""
        return [self._beside(each) if isinstance(each, Looked) else {TOKENS: self._tokens(each)} for each in prompts]

    def _tokens(self, prompt: str) -> torch.Tensor:
        ids = self._tokenizer(prompt, add_special_tokens=False)["input_ids"]
        if not ids:  # nobody asks for what no words are
            return torch.zeros(0, int(self.module.config.text_config.hidden_size))
        device = self.module.device
        tokens: torch.Tensor = get_qwen3vl_prompt_embeds(
            self.module, self._processor, ids, {}, HEARD_LAYER, device, self.module.dtype
        )[0]
        return tokens

    def _beside(self, prompt: Looked) -> TextEmbedding:
        reading: Any = MiniMaxH3FL2VATextEncoderStep()
        given: dict[str, Any] = {"keyframes": prompt.pictures}
        if prompt.referred_to:
            reading = MiniMaxH3Ref2VATextEncoderStep()
            given = {"normalized_references": [MiniMaxH3ImageReference(image=each) for each in prompt.pictures]}
        reading = reading.init_pipeline()
        reading.update_components(text_encoder=self.module, tokenizer=self._tokenizer, processor=self._processor)
        found = reading(prompt=str(prompt), output=["prompt_embeds", "text_token_tags"], **given)
        return {TOKENS: found["prompt_embeds"][0], TAGS: found["text_token_tags"].float()}


class _Processor:
    """In Qwen3VLProcessor's place, whose videos want torchvision: pictures, and where they are among the words."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, eye: Eye) -> None:
        self.image_processor = eye
        self._picture = tokenizer.convert_tokens_to_ids(_PICTURE)

    def create_mm_token_type_ids(self, texts: Sequence[Sequence[int]]) -> list[list[int]]:
        """1 for a token of a picture, 0 for a word."""
        return [[int(token == self._picture) for token in text] for text in texts]
