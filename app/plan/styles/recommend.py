"""A prompt's vector and the styles' vectors come in, the styles that suit it best go out, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.plan.sentences import Sentences, Vectors
from app.plan.styles.styles import Style

FAR: Final = 0.15  # a likeness below this is what unrelated sentences have
_WORD = re.compile(r"[^\W\d_]{4,}")  # shorter ones ("the", "in") are no reason


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A style, how alike in meaning it and the prompt are (cosine, -1..1), and why in words."""

    style: Style
    score: float
    reason: str


def meaning(style: Style) -> str:
    """What is embedded of a style: what it is for, then its words, as far as the encoder reads."""
    return ". ".join(part.strip(" .") for part in (style.name, style.description, style.before, style.after) if part)


def ranked(
    prompt: str,
    vector: Vectors,
    styles: Sequence[Style],
    vectors: Vectors,
    most: int = 3,
) -> tuple[Recommendation, ...]:
    """The `most` styles nearest in meaning, the nearest first; equal ones in the order given.

    `vector`: of the prompt, float32 (384,). `vectors`: of the styles' meanings, float32 (n, 384). All of unit length.
    Raises ValueError when the shapes do not belong together.
    """
    if vector.ndim != 1 or vectors.shape != (len(styles), len(vector)):
        raise ValueError(f"{len(styles)} styles, but vectors of shapes {vector.shape} and {vectors.shape}")
    scores = np.clip(np.nan_to_num(vectors @ vector), -1.0, 1.0)
    nearest = np.argsort(-scores, kind="stable")[: max(0, most)]
    return tuple(
        Recommendation(styles[place], round(float(scores[place]), 4), _reason(prompt, styles[place], scores[place]))
        for place in nearest.tolist()
    )


async def recommend(
    prompt: str, styles: Sequence[Style], sentences: Sentences, most: int = 3
) -> tuple[Recommendation, ...]:
    """The same, with the vectors asked for. Raises ServiceUnavailable."""
    vectors = await sentences.embed([prompt, *map(meaning, styles)])
    return ranked(prompt, vectors[0], styles, vectors[1:], most)


def _reason(prompt: str, style: Style, score: float) -> str:
    near = f"likeness of meaning {score:.2f}"
    if score < FAR:
        return f"Nothing in the prompt points to {style.name} ({near})."
    said = set(_WORD.findall(prompt.casefold()))
    shared = [word for word in dict.fromkeys(_WORD.findall(meaning(style).casefold())) if word in said]
    also = f"; both speak of {', '.join(shared[:4])}" if shared else ""
    return f"The prompt is near to what {style.name} is for ({near}{also})."
