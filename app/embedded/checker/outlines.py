"""`python -m app.embedded.checker.outlines`: how far the edges of made shapes lie from those of the shapes they are."""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Final

from rich.console import Console
from rich.table import Table

from app.embedded.checker.arms import question
from app.embedded.checker.checker import Seen, SeenSubject
from app.embedded.checker.evaluate import drawn, made
from app.embedded.checker.shapes import area_by_edge
from app.embedded.load import load
from app.embedded.profile import WEIGHTS
from app.embedded.world import vocabulary as words
from app.embedded.world.pairs import Question
from app.embedded.world.prompts import Said, combinations

SIDE: Final = 128
MOST: Final = 2.0  # times the best shape's error that any other may have
_Z: Final = 1.959964  # a two-sided 95 % interval


@dataclass(frozen=True)
class Edge:
    """The mean distance in pixels between made edges and ideal ones, and half of its 95 % interval, over `videos`."""

    pixels: float
    unsure: float
    videos: int


def questions_of_all(times: int, seed: int = 0) -> list[Question]:
    """Each lone combination that training never saw, `times` times, of medium size."""
    rng = Random(f"{seed}/outlines")
    asks = [(ground, (Said(colour, shape, "medium", motion),)) for colour, shape, motion, ground in combinations(True)]
    return [question(ask, rng) for _ in range(times) for ask in asks]


def error_px(subject: SeenSubject, side: int = SIDE) -> float:
    """The mean distance in pixels between a subject's edge and that of the ideal shape of its area.

    Of two covers of one area A whose intersection over union is i, 2 A (1 - i) / (1 + i) is one's alone; spread over
    the length of the outline that is a distance, so a ring with its two edges is not held to more than a circle is.
    """
    apart = 2 * (1 - subject.fit) / (1 + subject.fit)
    return apart * area_by_edge(subject.shape) * subject.radius * side


def by_kind(questions: Sequence[Question], seen: Sequence[Seen]) -> dict[str, Edge]:
    """Errors by shape, by motion, and by both, of those videos whose largest subject has the shape asked for."""
    found: dict[str, list[float]] = {}
    for asked, one in zip(questions, seen, strict=True):
        said = asked.ask[1][0]
        if one.subjects and one.subjects[0].shape == said.shape:
            for kind in (said.shape, said.motion, f"{said.shape} {said.motion}"):
                found.setdefault(kind, []).append(error_px(one.subjects[0]))
    return {kind: _edge(errors) for kind, errors in found.items()}


def worst(edges: Mapping[str, Edge], motion: str = "") -> tuple[str, float] | None:
    """The shape whose edges are worst in a motion, or in all, and how many times the best shape's error it has.

    None where fewer than two shapes were seen so.
    """
    kinds = {shape: f"{shape} {motion}".strip() for shape in words.SHAPES}
    errors = {shape: edges[kind].pixels for shape, kind in kinds.items() if kind in edges}
    if len(errors) < 2:
        return None
    shape = max(errors, key=lambda each: errors[each])
    return shape, errors[shape] / min(errors.values())


def _edge(errors: Sequence[float]) -> Edge:
    mean = sum(errors) / len(errors)
    spread = math.sqrt(sum((error - mean) ** 2 for error in errors) / max(1, len(errors) - 1))
    return Edge(mean, _Z * spread / math.sqrt(len(errors)), len(errors))


def main(arguments: Sequence[str] | None = None) -> None:
    """Make and draw every held-out combination, print both errors side by side, and write them to a file."""
    parser = argparse.ArgumentParser(prog="python -m app.embedded.checker.outlines", description=__doc__)
    parser.add_argument("--times", type=int, default=2, help="videos of each of the held-out combinations")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--out", type=Path, help="where to write the result as JSON")
    asked = parser.parse_args(arguments)
    model, questions = load(weights=asked.weights), questions_of_all(asked.times, asked.seed)
    arms = {
        "made": by_kind(questions, made(model, questions, asked.steps, asked.guidance, asked.seed)),
        "drawn, through the autoencoder": by_kind(
            questions, drawn(questions, model.autoencoder, model.picture, asked.seed)
        ),
    }
    console = Console(highlight=False)
    console.print(_table(arms))
    for name, edges in arms.items():
        for motion in ("", *words.MOTIONS):
            if found := worst(edges, motion):
                ratio = f"{found[0]} has {found[1]:.2f} times the best shape's error (at most {MOST:g})"
                console.print(f"{name}, {motion or 'all motions'}: {ratio}")
    if asked.out:
        told = {name: {kind: asdict(edge) for kind, edge in edges.items()} for name, edges in arms.items()}
        asked.out.write_text(json.dumps({"revision": model.revision, **told}, indent=2) + "\n")


def _table(arms: Mapping[str, Mapping[str, Edge]]) -> Table:
    table = Table("", *arms, title="pixels of 128")
    for kind in sorted({kind for edges in arms.values() for kind in edges}, key=lambda kind: (kind.count(" "), kind)):
        told = (edges.get(kind) for edges in arms.values())
        table.add_row(kind, *(f"{e.pixels:.2f} ± {e.unsure:.2f} ({e.videos})" if e else "–" for e in told))
    return table


if __name__ == "__main__":
    main()
