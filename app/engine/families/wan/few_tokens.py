"""Wan's attention as a processor wants it for few tokens: one product for Q, K and V, each text's K and V made once.

A job has the same text at every step, so the cross attention's keys and values need computing once, not once a step.
What comes out equals diffusers' `WanAttnProcessor` up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from app.engine.families.diffusers_private import hooked, is_split
from app.engine.families.models import Transformer
from app.engine.families.torch_private import is_compiled
from app.engine.families.wan.attention import CrossAttention, FusedSelfAttention, KeysValues, Layout, keys_and_values

MOST_BYTES = 8 * 2**20
"""Largest memory of one text that is kept; with large models it is large and saves little."""


class CrossAttentionCache:
    """Takes a Wan transformer's attention over, and keeps its blocks' keys and values of each text while that lives."""

    def __init__(self, transformer: Transformer) -> None:
        self._embed = transformer.condition_embedder.text_embedder
        self._blocks = list(transformer.blocks)
        self.layout = Layout()
        self._cross = [CrossAttention(self.layout) for _ in self._blocks]
        self._known: MutableMapping[Tensor, list[KeysValues]] = WeakTensorKeyDictionary()  # text (T, D): by block
        self._rows: list[Tensor] = []  # the texts of the last batch, which mostly is the next one's, too
        self._together: list[KeysValues] = []
        for block, cross in zip(self._blocks, self._cross, strict=True):
            block.attn1.set_processor(FusedSelfAttention(self.layout, block.attn1))
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
        if not _plain(transformer) or hasattr(transformer, "vace_blocks"):
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
            known = self._known[text] = [keys_and_values(block.attn2, embedded) for block in self._blocks]
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
