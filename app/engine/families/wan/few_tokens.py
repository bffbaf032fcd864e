"""Wan's attention as a processor wants it for few tokens: one product for Q, K and V, each text's K and V made once.

A job has the same text at every step, so the cross attention's keys and values need computing once, not once a step.
What comes out equals diffusers' `WanAttnProcessor` up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.weak import WeakTensorKeyDictionary

from app.engine.families.diffusers_private import hooked, is_split
from app.engine.families.models import Transformer
from app.engine.families.torch_private import is_compiled

MOST_BYTES = 8 * 2**20
"""Largest memory of one text that is kept; with large models it is large and saves little."""

KeysValues = tuple[Tensor, Tensor]  # (B, heads, T, d) each


class Attention(Protocol):
    """What processors use of a WanAttention."""

    heads: int
    to_q: nn.Linear
    to_k: nn.Linear
    to_v: nn.Linear
    to_out: nn.ModuleList
    norm_q: nn.Module
    norm_k: nn.Module


class SelfAttention:
    """The video's tokens among themselves; the weights are copied, so make it after they are loaded."""

    def __init__(self, attn: Attention) -> None:
        parts = (attn.to_q, attn.to_k, attn.to_v)
        self._weight = torch.cat([part.weight for part in parts]).detach()
        self._bias = torch.cat([part.bias for part in parts]).detach()

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """(B, N, D) to the same; `rotary_emb` is cosines and sines, each (1, N, 1, d)."""
        query, key, value = functional.linear(hidden_states, self._weight, self._bias).chunk(3, dim=-1)
        query, key = attn.norm_q(query), attn.norm_k(key)
        query, key, value = (part.unflatten(2, (attn.heads, -1)) for part in (query, key, value))
        if rotary_emb is not None:
            query, key = _turned(query, *rotary_emb), _turned(key, *rotary_emb)
        return _mixed(attn, query, key.transpose(1, 2), value.transpose(1, 2))


class CrossAttention:
    """The video's tokens to the text: to the keys and values that are given, else to the text that the model passes."""

    def __init__(self) -> None:
        self.given: KeysValues | None = None

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """(B, N, D) to the same."""
        query = attn.norm_q(attn.to_q(hidden_states)).unflatten(2, (attn.heads, -1))
        return _mixed(attn, query, *(self.given or _keys_and_values(attn, encoder_hidden_states)))


class CrossAttentionCache:
    """Takes a Wan transformer's attention over, and keeps its blocks' keys and values of each text while that lives."""

    def __init__(self, transformer: Transformer) -> None:
        self._embed = transformer.condition_embedder.text_embedder
        self._blocks = list(transformer.blocks)
        self._cross = [CrossAttention() for _ in self._blocks]
        self._known: MutableMapping[Tensor, list[KeysValues]] = WeakTensorKeyDictionary()  # text (T, D): by block
        self._rows: list[Tensor] = []  # the texts of the last batch, which mostly is the next one's, too
        self._together: list[KeysValues] = []
        for block, cross in zip(self._blocks, self._cross, strict=True):
            block.attn1.set_processor(SelfAttention(block.attn1))
            block.attn2.set_processor(cross)

    @staticmethod
    def suits(transformer: Transformer | nn.Module, tokens: int = 512) -> bool:
        """Whether it is a text-only Wan transformer on a CPU whose memory of a text of so many tokens is small.

        One whose weights are quantised, cast layer by layer, brought in by hooks or split over ranks is left alone:
        what is copied of its weights here would go past all that.
        """
        blocks = getattr(transformer, "blocks", ())
        if not blocks or any(parameter.device.type != "cpu" for parameter in transformer.parameters()):
            return False
        if not _plain(transformer):
            return False
        cross = blocks[0].attn2
        size = 2 * len(blocks) * tokens * cross.to_k.weight.shape[0] * cross.to_k.weight.element_size()
        return cross.add_k_proj is None and size <= MOST_BYTES

    @contextmanager
    def attending(self, texts: Sequence[Tensor], dtype: torch.dtype) -> Iterator[Tensor]:
        """Forwards in here attend to these texts, each (T, D), one a row; gives what to pass as their text."""
        if list(map(id, texts)) != list(map(id, self._rows)):
            each = [self._of(text, dtype) for text in texts]
            self._together = [(_joined(each, at, 0), _joined(each, at, 1)) for at in range(len(self._blocks))]
            self._rows = list(texts)
        for cross, given in zip(self._cross, self._together, strict=True):
            cross.given = given
        try:
            yield texts[0].new_zeros((len(texts), 1, texts[0].shape[-1]), dtype=dtype)
        finally:
            for cross in self._cross:
                cross.given = None

    def _of(self, text: Tensor, dtype: torch.dtype) -> list[KeysValues]:
        known = self._known.get(text)
        if known is None:
            embedded = self._embed(text[None].to(dtype))
            known = self._known[text] = [_keys_and_values(block.attn2, embedded) for block in self._blocks]
        return known


def _plain(transformer: Transformer | nn.Module) -> bool:
    if is_split(transformer):
        return False
    ordinary = (torch.float32, torch.bfloat16, torch.float16)
    if any(part.dtype not in ordinary or type(part.data) is not Tensor for part in transformer.parameters()):
        return False
    return not any(hooked(part) or is_compiled(part) for part in transformer.modules())


def _joined(each: Sequence[list[KeysValues]], block: int, part: int) -> Tensor:
    return torch.cat([text[block][part] for text in each])


def _keys_and_values(attn: Attention, text: Tensor | None) -> KeysValues:
    parts: KeysValues = attn.norm_k(attn.to_k(text)), attn.to_v(text)
    key, value = (part.view(*part.shape[:2], attn.heads, -1).transpose(1, 2).contiguous() for part in parts)
    return key, value


def _mixed(attn: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attend from queries (B, N, heads, d) to keys and values (B, heads, M, d), and project."""
    mixed = functional.scaled_dot_product_attention(query.transpose(1, 2), key, value)  # (B, heads, N, d)
    answer: Tensor = attn.to_out[0](mixed.transpose(1, 2).flatten(2))
    return answer


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions on (B, N, heads, d), in pairs of neighbouring channels; cos and sin (1, N, 1, d)."""
    pairs = torch.view_as_complex(x.float().view(*x.shape[:-1], -1, 2))
    turn = torch.complex(cos[..., 0::2].float(), sin[..., 1::2].float())
    return torch.view_as_real(pairs * turn).flatten(-2).type_as(x)
