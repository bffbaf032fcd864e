"""Wan's attention as own processors: rows side by side, as diffusers has them, or packed into one sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

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


class Run(NamedTuple):
    """Neighbouring rows of a packed sequence that have as many tokens each."""

    row: int  # the first of them
    rows: int
    token: int  # the first of theirs
    tokens: int  # of each


def runs_of(lengths: Sequence[int]) -> tuple[Run, ...]:
    """Rows of so many tokens, packed in this order, as runs: one attention call serves a whole run."""
    found: list[Run] = []
    token = 0
    for row, tokens in enumerate(lengths):
        if found and found[-1].tokens == tokens:
            found[-1] = found[-1]._replace(rows=found[-1].rows + 1)
        else:
            found.append(Run(row, 1, token, tokens))
        token += tokens
    return tuple(found)


@dataclass(slots=True)
class Layout:
    """How the tokens of the forward under way lie: as packed runs, or, with none, as rows side by side."""

    runs: tuple[Run, ...] = ()


class SelfAttention:
    """The video's tokens among themselves; of a packed sequence each row's among its own, block by block."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """(B, N, D) to the same; `rotary_emb` is cosines and sines, each (1, N, 1, d)."""
        query, key, value = self.projected(attn, hidden_states)
        query, key = attn.norm_q(query), attn.norm_k(key)
        query, key, value = (part.unflatten(2, (attn.heads, -1)) for part in (query, key, value))
        if rotary_emb is not None:
            query, key = turned(query, *rotary_emb), turned(key, *rotary_emb)
        if not self._layout.runs:
            return _mixed(attn, query, key.transpose(1, 2), value.transpose(1, 2))
        parts = [_attended(_rows(query, run), _rows(key, run), _rows(value, run)) for run in self._layout.runs]
        return _out(attn, torch.cat(parts)[None])

    def projected(self, attn: Attention, hidden_states: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys and values, (B, N, D) each."""
        return attn.to_q(hidden_states), attn.to_k(hidden_states), attn.to_v(hidden_states)


class FusedSelfAttention(SelfAttention):
    """The same with one product for all three; the weights are copied, so make it after they are loaded."""

    def __init__(self, layout: Layout, attn: Attention) -> None:
        super().__init__(layout)
        parts = (attn.to_q, attn.to_k, attn.to_v)
        self._weight = torch.cat([part.weight for part in parts]).detach()
        self._bias = torch.cat([part.bias for part in parts]).detach()

    def projected(self, attn: Attention, hidden_states: Tensor) -> tuple[Tensor, ...]:
        return functional.linear(hidden_states, self._weight, self._bias).chunk(3, dim=-1)


class CrossAttention:
    """The video's tokens to the text: to the keys and values that are given, else to the text that the model passes.

    Packed tokens attend to the text of their own row; texts are as many rows as were packed.
    """

    def __init__(self, layout: Layout) -> None:
        self.given: KeysValues | None = None
        self._layout = layout

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
        key, value = self.given or keys_and_values(attn, encoder_hidden_states)
        if not self._layout.runs:
            return _mixed(attn, query, key, value)
        parts = []
        for run in self._layout.runs:
            own = slice(run.row, run.row + run.rows)
            parts.append(_attended(_rows(query, run), key[own], value[own]))
        return _out(attn, torch.cat(parts)[None])


def keys_and_values(attn: Attention, text: Tensor | None) -> KeysValues:
    """A text's, (B, T, D), as a block's cross attention asks for them."""
    parts: KeysValues = attn.norm_k(attn.to_k(text)), attn.to_v(text)
    key, value = (part.view(*part.shape[:2], attn.heads, -1).transpose(1, 2).contiguous() for part in parts)
    return key, value


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions on (B, N, heads, d), in pairs of neighbouring channels; cos and sin (1, N, 1, d)."""
    pairs = torch.view_as_complex(x.float().view(*x.shape[:-1], -1, 2))
    turn = torch.complex(cos[..., 0::2].float(), sin[..., 1::2].float())
    return torch.view_as_real(pairs * turn).flatten(-2).type_as(x)


def _rows(packed: Tensor, run: Run) -> Tensor:
    """A run of a packed sequence (1, N, heads, d), as (rows, heads, tokens, d)."""
    own = packed[0, run.token : run.token + run.rows * run.tokens]
    return own.view(run.rows, run.tokens, *own.shape[1:]).transpose(1, 2)


def _attended(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """What rows (B, heads, N, d) find among keys and values (B, heads, M, d): (B * N, heads * d)."""
    mixed = functional.scaled_dot_product_attention(query, key, value)
    return mixed.transpose(1, 2).flatten(2).flatten(0, 1)


def _mixed(attn: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attend from queries (B, N, heads, d) to keys and values (B, heads, M, d), and project."""
    mixed = functional.scaled_dot_product_attention(query.transpose(1, 2), key, value)  # (B, heads, N, d)
    return _out(attn, mixed.transpose(1, 2).flatten(2))


def _out(attn: Attention, mixed: Tensor) -> Tensor:
    answer: Tensor = attn.to_out[0](mixed)
    return answer
