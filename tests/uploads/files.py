"""LoRA files as bytes, sound ones and others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from safetensors.numpy import save

NOTHING: Mapping[str, Any] = {}
LAYER = "transformer.blocks.0.attn1.to_q"


def adapter(
    rank: int = 4, metadata: Mapping[str, str] | None = None, seed: int = 0, more: Mapping[str, Any] = NOTHING
) -> bytes:
    """An adapter of one layer."""
    draw = np.random.default_rng(seed)
    tensors = {
        f"{LAYER}.lora_A.weight": draw.standard_normal((rank, 24), dtype=np.float32),
        f"{LAYER}.lora_B.weight": draw.standard_normal((24, rank), dtype=np.float32),
    }
    return save({**tensors, **more}, dict(metadata) if metadata else None)


def raw(table: object, body: bytes = b"") -> bytes:
    """A file of that header, whatever it says, and those bytes."""
    header = table if isinstance(table, bytes) else json.dumps(table).encode()
    return len(header).to_bytes(8, "little") + header + body
