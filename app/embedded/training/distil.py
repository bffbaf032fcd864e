"""`python -m app.embedded.training.distil`: teaches a student of the weights to make clips in few evaluations, without
guidance; can be resumed."""

import argparse
import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from app.embedded.autoencoder import PAINTS
from app.embedded.load import EmbeddedModel, load, read_transformer
from app.embedded.model import CleanWanTransformer
from app.embedded.profile import ACROSS, COUNTS, RELATIONS, STUDENT_FOLDER, WEIGHTS
from app.embedded.training.attention import WrittenOutAttention
from app.embedded.training.muon import optimizers, step_all
from app.embedded.training.pools import encode_by_length, make_pool
from app.embedded.training.recipe import Budget, Recipe
from app.embedded.training.segments import Examples, Segments, crossings, guided, neighbours, plain
from app.embedded.training.train import Report
from app.embedded.world.asks import Mix, draw_asks
from app.embedded.world.prompts import describe

CROSSINGS, NEIGHBOURS = "crossings", "neighbours"
TEACHER, STUDENT = "teacher", "student"
CHECKPOINT = "student.pt"
_CHOICES = {"method": (CROSSINGS, NEIGHBOURS), "begins": (TEACHER, STUDENT)}
_SIDE, _FRAMES = 8, 5
_FEW = 8  # clips that share a short step


@dataclass(frozen=True)
class Lesson:
    """Every number of a distillation; written into the run's folder and compared on resume."""

    method: str = CROSSINGS
    begins: str = TEACHER  # whose weights it begins with; the student's are those that are beside the teacher
    seed: int = 0
    levels: tuple[float, ...] = (1.0, 0.923, 0.75, 0.46)
    strides: tuple[int, ...] = (2, 2, 2, 1)
    guidance: float = 3.0
    shift: float = 12.0
    chunk: int = 16  # clips that the teacher is asked for at a time
    chunk_steps: int = 12  # steps between two chunks
    keep: int = 40  # chunks that batches are drawn from
    batch: int = 16
    rate: float = 3e-4
    warmup: int = 30
    ema: float = 0.98
    paint_weight: float = 4.0
    two_share: float = 0.5
    related_share: float = 0.4  # of those with two, where the teacher knows relations
    counted_share: float = 0.25  # of the others, where it counts
    own: float = 0.5  # chance that the walk goes on from the student's own state, once it has learned a while
    own_after: int = 60
    short_one_in: int = 8

    @property
    def segments(self) -> Segments:
        """The student's segments of the noise."""
        return Segments(self.levels, self.strides, self.shift)


@dataclass
class Student:
    """Everything that changes while distilling."""

    lesson: Lesson
    model: CleanWanTransformer
    average: CleanWanTransformer
    optimizers: list[torch.optim.Optimizer]
    chunks: list[Examples] = field(default_factory=list)
    step: int = 0
    spent_s: float = 0.0
    losses: list[float] = field(default_factory=list)

    def save(self, folder: Path, teacher: str) -> None:
        """Write the checkpoint so that a crash leaves the old one or the new one, never half of one."""
        state = {
            "lesson": asdict(self.lesson),
            "teacher": teacher,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "chunks": [asdict(chunk) for chunk in self.chunks],
            "step": self.step,
            "spent_s": self.spent_s,
        }
        partial = folder / (CHECKPOINT + ".partial")
        torch.save(state, partial)
        os.replace(partial, folder / CHECKPOINT)

    def restore(self, folder: Path, teacher: str) -> bool:
        """Go on from the folder's checkpoint, if there is one.

        Raises:
            ValueError: it comes from another lesson or another teacher.
        """
        path = folder / CHECKPOINT
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        if (state["lesson"], state["teacher"]) != (asdict(self.lesson), teacher):
            raise ValueError(f"{path} was made with another lesson or teacher: {state['lesson']}, {state['teacher']}")
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.chunks = [Examples(**chunk) for chunk in state["chunks"]]
        self.step, self.spent_s = state["step"], state["spent_s"]
        return True


def start(lesson: Lesson, weights: Path) -> Student:
    """A student that is still its teacher, or the one that is there already, to be taught on."""
    folder = STUDENT_FOLDER if lesson.begins == STUDENT else "transformer"
    model, average = (read_transformer(weights / folder) for _ in range(2))
    model.set_attn_processor(WrittenOutAttention())
    average.set_attn_processor(WrittenOutAttention())
    model.train().requires_grad_(True)
    return Student(lesson, model, average, optimizers(model, lesson.rate, muon_rate=0.0))


def distil(student: Student, teacher: EmbeddedModel, budget: Budget, run: Path, report: Report) -> None:
    """Ask the teacher for a chunk now and then, learn from the kept ones in between, until the budget is used up."""
    lesson, saved = student.lesson, time.monotonic()
    while (done := budget.done(student.step, student.spent_s)) < 1:
        began = time.monotonic()
        if student.step % lesson.chunk_steps == 0 or not student.chunks:
            student.chunks = [*student.chunks, ask(student, teacher)][-lesson.keep :]
        student.losses.append(train_step(student, done))
        student.spent_s += time.monotonic() - began
        recent = student.losses[-50:]
        report(done, f"step {student.step}, loss {sum(recent) / len(recent):.4f}, {student.spent_s / 60:.1f} min")
        if time.monotonic() - saved > 120:
            student.save(run, teacher.revision)
            saved = time.monotonic()
    student.save(run, teacher.revision)


def ask(student: Student, teacher: EmbeddedModel) -> Examples:
    """A chunk of examples by the lesson's method, of combinations that training may see; random by seed and step."""
    lesson, seed = student.lesson, student.lesson.seed * 1_000_003 + student.step + 1
    lots = torch.Generator().manual_seed(seed)
    frames = _FRAMES
    if torch.randint(lesson.short_one_in, (1,), generator=lots).item() == 0:
        frames = 3 + int(torch.randint(2, (1,), generator=lots).item())
    made = _crossings if lesson.method == CROSSINGS else _neighbours
    return made(student, teacher, frames, seed, lots).half()


def _crossings(student: Student, teacher: EmbeddedModel, frames: int, seed: int, lots: torch.Generator) -> Examples:
    lesson = student.lesson
    text = encode_by_length(teacher.text_encoder, _prompts(lesson, teacher.knows, seed)).float()
    noise = torch.randn(lesson.chunk, teacher.transformer.config.in_channels, frames, _SIDE, _SIDE, generator=lots)
    lead = guided(teacher.transformer, text, teacher.text_encoder.tokens([""]), lesson.guidance)
    own = lesson.own if student.step >= lesson.own_after else 0.0
    return crossings(lesson.segments, lead, plain(student.average, text), noise, text, own, lots)


def _neighbours(student: Student, teacher: EmbeddedModel, frames: int, seed: int, lots: torch.Generator) -> Examples:
    """As many clips as the other method gives examples, segment and short step of each few by lot."""
    lesson, empty = student.lesson, teacher.text_encoder.tokens([""])
    count, mix = lesson.chunk * len(lesson.levels), mix_for(lesson, teacher.knows)
    recipe = Recipe(two_share=mix.two, related_share=mix.related, counted_share=mix.counted, picture_share=0.0)
    pool, parts = make_pool(teacher.autoencoder, teacher.text_encoder, recipe, count, seed), []
    for first in range(0, count, _FEW):
        clean = pool.latents[first : first + _FEW, :, :frames].float()
        text = pool.texts[first : first + _FEW].float()
        segment = int(torch.randint(len(lesson.levels), (1,), generator=lots).item())
        place = int(torch.randint(lesson.strides[segment], (1,), generator=lots).item())
        lead, mine = guided(teacher.transformer, text, empty, lesson.guidance), plain(student.average, text)
        parts.append(neighbours(lesson.segments, lead, mine, clean, text, segment, place, lots))
    return _joined(parts)


def _prompts(lesson: Lesson, knows: frozenset[str], seed: int) -> list[str]:
    rng = Random(seed)
    return [describe(said, ground, rng) for ground, said in draw_asks(lesson.chunk, mix_for(lesson, knows), rng)]


def mix_for(lesson: Lesson, knows: frozenset[str]) -> Mix:
    """What prompts ask for: of what the lesson's shares name, only what its teacher knows."""
    related = lesson.related_share if RELATIONS in knows else 0.0
    counted = lesson.counted_share if COUNTS in knows else 0.0
    return Mix(lesson.two_share, related, counted, across=ACROSS in knows)


def _joined(parts: Sequence[Examples]) -> Examples:
    names = [entry.name for entry in fields(Examples)]
    return Examples(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


def draw(student: Student) -> Examples:
    """A batch of clips of one length, from the chunks that are kept; the newest chunk is half of what is drawn."""
    lesson = student.lesson
    lots = torch.Generator().manual_seed(lesson.seed * 7_000_003 + student.step)
    newest = student.step % 2 == 0
    pick = len(student.chunks) - 1 if newest else int(torch.randint(len(student.chunks), (1,), generator=lots).item())
    frames = student.chunks[pick].latents.shape[2]
    if newest:
        chunk = student.chunks[pick]
    else:
        like = [chunk for chunk in student.chunks if chunk.latents.shape[2] == frames]
        chosen = torch.randint(len(like), (4,), generator=lots).tolist()
        chunk = _joined([like[place] for place in chosen])
    return chunk.take(torch.randint(len(chunk.levels), (lesson.batch,), generator=lots))


def train_step(student: Student, done: float) -> float:
    """One step on one batch; returns the loss: the mean squared error of the clean latent that leads to where it should
    come out, of neighbours times the squared share of the way that is left, as short ways magnify errors."""
    lesson, batch = student.lesson, draw(student)
    latents, outs = batch.latents.float(), batch.outs.float()
    level, end = batch.levels.view(-1, 1, 1, 1, 1), batch.ends.view(-1, 1, 1, 1, 1)
    clean = student.model.estimate(latents, batch.levels * 1000, batch.texts.float()).float()
    goal = latents - level * (latents - outs) / (level - end)
    weight = torch.ones(latents.shape[1])
    weight[:PAINTS] = lesson.paint_weight
    share = (level - end).square() / level.square() if lesson.method == NEIGHBOURS else torch.ones_like(level)
    error = ((clean - goal).square() * share).mean((0, 2, 3, 4))
    loss = (error * weight).sum() / weight.sum()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(student.model.parameters(), 1.0)
    rise = min(1.0, (student.step + 1) / lesson.warmup)
    step_all(student.optimizers, rise * 0.5 * (1 + math.cos(math.pi * done)))
    keep = min(lesson.ema, (1 + student.step) / (10 + student.step))
    get_ema_multi_avg_fn(keep)(list(student.average.parameters()), list(student.model.parameters()), None)  # type: ignore[no-untyped-call]
    student.step += 1
    return loss.item()


def export(student: Student, teacher: str, weights: Path) -> None:
    """Write the averaged weights in bfloat16 beside their teacher's, and what a program must know of them to its facts.

    The facts name the teacher's revision: a student of other weights is not used.
    """
    copy = CleanWanTransformer.from_config(student.average.config)
    copy.load_state_dict(student.average.state_dict())
    copy.to(torch.bfloat16).save_pretrained(weights / STUDENT_FOLDER)
    path = weights / "model.json"
    facts = json.loads(path.read_text())
    before = {"before": facts["student"]} if student.lesson.begins == STUDENT else {}
    facts["student"] = {
        "teacher": teacher,
        "levels": student.lesson.levels,
        "tiers": ["preview"],
        "steps": student.step,
        "minutes": round(student.spent_s / 60, 1),
        "lesson": asdict(student.lesson),
        **before,
    }
    path.write_text(json.dumps(facts, indent=2) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Distil, then write the student beside its teacher."""
    asked = _parser().parse_args(arguments)
    torch.set_num_threads(asked.threads)
    lesson = Lesson(**{entry.name: getattr(asked, entry.name) for entry in fields(Lesson)})
    teacher = load(weights=asked.weights)
    teacher.transformer.set_attn_processor(WrittenOutAttention())
    asked.run.mkdir(parents=True, exist_ok=True)
    student, report = start(lesson, asked.weights), Report(lines=not asked.bar)
    if student.restore(asked.run, teacher.revision):
        report(0.0, f"resumed at step {student.step}")
    distil(student, teacher, Budget(asked.steps, asked.minutes), asked.run, report)
    export(student, teacher.revision, asked.weights)
    report.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.embedded.training.distil", description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/distil"), help="where checkpoints are kept")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="the teacher, beside which it goes")
    parser.add_argument("--steps", type=int, help="stop after so many steps, over all resumes")
    parser.add_argument("--minutes", type=float, help="stop after so many minutes, over all resumes")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--bar", action=argparse.BooleanOptionalAction, default=True, help="a bar, or lines for a log")
    for entry in fields(Lesson):
        name, many = "--" + entry.name.replace("_", "-"), isinstance(entry.default, tuple)
        kind = type(entry.default[0]) if isinstance(entry.default, tuple) else type(entry.default)
        more: dict[str, Any] = {"nargs": "+", "action": _AsTuple} if many else {}
        if entry.name in _CHOICES:
            more["choices"] = _CHOICES[entry.name]
        parser.add_argument(name, type=kind, default=entry.default, help="of the lesson", **more)
    return parser


class _AsTuple(argparse.Action):
    """Several values as a tuple, as the lesson has them."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        setattr(namespace, self.dest, tuple(values))


if __name__ == "__main__":
    main()
