"""`python -m app.embedded.checker.evaluate`: does the model show what held-out prompts ask? The checker judges."""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from app.embedded.autoencoder import ShapesAutoencoder
from app.embedded.checker.arms import ARMS, PICTURES, known, questions_of
from app.embedded.checker.checker import Seen, look
from app.embedded.checker.continued import Kept, continued, first_frames
from app.embedded.checker.rates import Rate, rates_of
from app.embedded.checker.sample import decode, sample
from app.embedded.load import EmbeddedModel, load, read_transformer
from app.embedded.profile import STUDENT_FOLDER, WEIGHTS, student_of
from app.embedded.world.pairs import Question
from app.embedded.world.scenes import place
from app.embedded.world.world import render

_BATCH = 8  # videos sampled together
_WORST = 8  # confusions listed for each attribute


@dataclass(frozen=True)
class Adherence:
    """How often videos show what their prompts ask.

    `rates` are of the videos against their own prompts, `shuffled` against other prompts of the same kind: what
    guessing would score. `stray` (share of pixels) and `fit` (0..1) are means over videos; `confusions` lists, for
    each attribute, the commonest (asked, seen, times).
    """

    rates: dict[str, Rate]
    shuffled: dict[str, Rate]
    stray: float
    fit: float
    confusions: dict[str, list[tuple[str, str, int]]]


def held_out_questions(count: int, subjects: int, seed: int) -> list[Question]:
    """Prompts of combinations that training never saw; ground and motions are always said."""
    return questions_of(("one subject", "two subjects")[subjects - 1], count, seed)


def made(
    model: EmbeddedModel,
    questions: Sequence[Question],
    steps: int = 30,
    guidance: float = 3.0,
    seed: int = 0,
    own_levels: Sequence[float] = (),
) -> list[Seen]:
    """What the checker sees in one video sampled for each question; `own_levels` are those of a student."""
    return [look(video) for video in _videos(model, questions, steps, guidance, seed, own_levels)]


def judge(questions: Sequence[Question], seen: Sequence[Seen]) -> Adherence:
    """Count what was seen against what was asked; the questions are all of one arm."""
    turned = [*seen[1:], *seen[:1]]  # every video against another's prompt
    fits = [subject.fit for one in seen for subject in one.subjects]
    return Adherence(
        rates=rates_of(questions, seen),
        shuffled=rates_of(questions, turned),
        stray=sum(one.stray for one in seen) / len(seen),
        fit=sum(fits) / max(1, len(fits)),
        confusions=_confusions(questions, seen),
    )


@torch.no_grad()
def drawn(questions: Sequence[Question], autoencoder: ShapesAutoencoder, picture: int, seed: int = 0) -> list[Seen]:
    """What the checker sees in the same asks drawn by the world and passed through the autoencoder: the ceiling."""
    seen = []
    for scene in place([question.ask for question in questions], seed):
        video = render([scene], picture)[0].permute(3, 0, 1, 2)[None] / 127.5 - 1
        passed = autoencoder.decode(autoencoder.encode(video), return_dict=False)[0][0]
        seen.append(look(((passed + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 3, 0)))
    return seen


def _videos(
    model: EmbeddedModel,
    questions: Sequence[Question],
    steps: int,
    guidance: float,
    seed: int,
    own_levels: Sequence[float],
) -> Iterator[Tensor]:
    for first in range(0, len(questions), _BATCH):
        prompts = [question.prompt for question in questions[first : first + _BATCH]]
        shift = model.flow_shift
        latents = sample(
            model.transformer, model.text_encoder, prompts, steps, guidance, seed + first, shift, own_levels
        )
        yield from decode(model.autoencoder, latents)


def _confusions(questions: Sequence[Question], seen: Sequence[Seen]) -> dict[str, list[tuple[str, str, int]]]:
    counts: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in ("ground", "colour", "shape", "motion")}
    for question, one in zip(questions, seen, strict=True):
        ground, said = question.ask
        counts["ground"][ground, one.ground] += 1
        for asked in said:
            found = one.subject(asked.colour) or (one.subjects[0] if len(said) == 1 and one.subjects else None)
            for name in ("colour", "shape", "motion"):
                counts[name][getattr(asked, name), getattr(found, name, "none")] += 1
    return {
        name: [(*pair, times) for pair, times in table.most_common() if pair[0] != pair[1]][:_WORST]
        for name, table in counts.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each arm that the weights know, print the rates, and write them all to a file."""
    parser = argparse.ArgumentParser(prog="python -m app.embedded.checker.evaluate", description=__doc__)
    parser.add_argument("--prompts", type=int, default=200, help="in each arm; half as many of two subjects")
    parser.add_argument("--tier-steps", type=int, default=30)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--student", action="store_true", help="the distilled student, at its own levels, unguided")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--arms", nargs="*", choices=tuple(ARMS), help="instead of all that the weights know")
    parser.add_argument("--out", type=Path, help="where to write the result as JSON")
    asked = parser.parse_args(arguments)
    levels: tuple[float, ...] = ()
    model = load(weights=asked.weights)
    if asked.student:
        model, levels = _student(model, asked.weights)
        asked.guidance, asked.tier_steps = 1.0, len(levels)
    facts = {name: getattr(asked, name) for name in ("prompts", "tier_steps", "guidance", "seed")}
    result: dict[str, object] = {"revision": model.revision, **facts}
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"revision {model.revision}, {asked.tier_steps} steps, guidance {asked.guidance}, seed {asked.seed}")
    for name in asked.arms or known(model.knows):
        questions = questions_of(name, -(-asked.prompts // 2) if name == "two subjects" else asked.prompts, asked.seed)
        if name == PICTURES:
            pictures = first_frames(questions, model.picture, asked.seed)
            from_picture = continued(model, questions, pictures, asked.tier_steps, asked.guidance, asked.seed)
            console.print(_kept_table(name, from_picture))
            result[name] = {"made": asdict(from_picture)}
            continue
        ceiling = judge(questions, drawn(questions, model.autoencoder, model.picture, asked.seed))
        seen = made(model, questions, asked.tier_steps, asked.guidance, asked.seed, levels)
        sampled = judge(questions, seen)
        console.print(_table(name, sampled, ceiling))
        result[name] = {"made": asdict(sampled), "drawn, through the autoencoder": asdict(ceiling)}
    if asked.out:
        asked.out.write_text(json.dumps(result, indent=2) + "\n")


def _student(teacher: EmbeddedModel, weights: Path) -> tuple[EmbeddedModel, tuple[float, ...]]:
    """The model with its student's weights, and the levels that these walk. Raises SystemExit without a student."""
    student = student_of(weights)
    if student is None:
        raise SystemExit(f"{weights} holds no student of these weights; see app.embedded.training.distil")
    transformer = read_transformer(weights / STUDENT_FOLDER)
    return replace(teacher, transformer=transformer, revision=student.revision), student.levels


def _table(name: str, made: Adherence, ceiling: Adherence) -> str:
    lines = [f"\n{name:<22}{'made':>8}  {'95 % interval':<16}{'shuffled':>9}{'drawn':>8}{'n':>6}"]
    for key, rate in made.rates.items():
        low, high = rate.interval
        shares = f"{rate.share:>8.1%}  {f'{low:.1%} to {high:.1%}':<16}{made.shuffled[key].share:>9.1%}"
        lines.append(f"{key:<22}{shares}{ceiling.rates[key].share:>8.1%}{rate.total:>6}")
    lines.append(f"{'stray pixels':<22}{made.stray:>8.2%}{'':<27}{ceiling.stray:>8.2%}")
    lines.append(f"{'fit of outlines':<22}{made.fit:>8.1%}{'':<27}{ceiling.fit:>8.1%}")
    for key, rows in made.confusions.items():
        told = ", ".join(f"{asked} → {found} {times}" for asked, found, times in rows)
        lines.append(f"{key} confused: {told or 'never'}")
    return "\n".join(lines)


def _kept_table(name: str, made: Kept) -> str:
    lines = [f"\n{name:<22}{'made':>8}  {'95 % interval':<16}{'n':>6}"]
    for key, rate in made.rates.items():
        low, high = rate.interval
        lines.append(f"{key:<22}{rate.share:>8.1%}  {f'{low:.1%} to {high:.1%}':<16}{rate.total:>6}")
    lines.append(f"first frame against the picture: {made.first_frame_db:.1f} dB, at least {made.least_db:.1f} dB")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
