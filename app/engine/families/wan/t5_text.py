"""Prompts become embeddings by a T5 of a model folder, cut and padded as diffusers' Wan pipelines do it."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path

import ftfy
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase, UMT5EncoderModel

from app.engine.denoiser import TOKENS, TextEmbedding
from app.engine.families.loading.folder import part

MOST_TOKENS = 512  # what Wan was trained with


class T5Text:
    """A UMT5 (or any T5) encoder and its tokenizer."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, encoder: UMT5EncoderModel, most_tokens: int = MOST_TOKENS
    ) -> None:
        self._tokenizer = tokenizer
        self._encoder = encoder
        self._most_tokens = most_tokens

    @classmethod
    def load(cls, folder: Path, dtype: torch.dtype, device: torch.device, most_tokens: int = MOST_TOKENS) -> T5Text:
        """From `tokenizer` and `text_encoder` in a model folder. Raises OSError when they are not there."""
        tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True, trust_remote_code=False)
        encoder = part(folder, "text_encoder", "transformers", "UMT5EncoderModel", dtype, device)
        return cls(tokenizer, encoder, most_tokens)

    @property
    def module(self) -> torch.nn.Module:
        """The encoder itself, for whoever moves it."""
        encoder: torch.nn.Module = self._encoder
        return encoder

    def __call__(self, prompts: Sequence[str]) -> list[TextEmbedding]:
        """Of each prompt its tokens' embeddings; see `tokens`."""
        return [{TOKENS: each} for each in self.tokens(prompts)]

    def tokens(self, prompts: Sequence[str]) -> torch.Tensor:
        """(B, T, D) float32; behind a text's last token there are zeros."""
        tokens = self._tokenizer(
            [cleaned(prompt) for prompt in prompts],
            padding="max_length",
            max_length=self._most_tokens,
            truncation=True,
            add_special_tokens=True,
            return_attention_mask=True,
            return_tensors="pt",
        )
        device = self._encoder.device
        mask = tokens.attention_mask.to(device)
        hidden = self._encoder(tokens.input_ids.to(device), mask).last_hidden_state
        return torch.where(mask[..., None].gt(0), hidden, torch.zeros_like(hidden)).float()


def cleaned(prompt: str) -> str:
    """Broken characters mended, HTML entities read twice, single spaces: as the text encoder was trained."""
    text = html.unescape(html.unescape(ftfy.fix_text(prompt)))
    return re.sub(r"\s+", " ", text.strip()).strip()
