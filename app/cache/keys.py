"""Names what is cached, so that equal keys mean equal bits: results by plan and tenant, embeddings by text."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import asdict

from app.types import Plan

SCHEMA = 1
"""Part of every key: raise it when the same plan would give other bits than before."""


def plan_digest(plan: Plan, tenant: str) -> str:
    """SHA-256 (hex) over all that determines a video's bits, and whose it is; not over cost, reasons or tier names."""
    sampling = asdict(plan.sampling)
    return _digest(
        {
            "tenant": tenant,
            "model": plan.model,
            "revision": plan.revision,
            "prompt": plan.prompt,
            "negative_prompt": plan.negative_prompt,
            "spec": asdict(plan.spec),
            "sampling": sampling | {"guidance": float(plan.sampling.guidance), "shift": float(plan.sampling.shift)},
        }
    )


def embedding_key(revision: str, prompt: str) -> str:
    """SHA-256 (hex) of a text as its encoder sees it: composed characters, single spaces, no ends."""
    text = " ".join(unicodedata.normalize("NFC", prompt).split())
    return _digest({"revision": revision, "text": text})


def _digest(facts: dict[str, object]) -> str:
    canonical = json.dumps({"schema": SCHEMA, **facts}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
