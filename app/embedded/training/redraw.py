"""`python -m app.embedded.training.redraw`: teaches the redrawer, from what the denoiser leaves of drawn clips."""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from random import Random
from typing import Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from app.embedded.autoencoder import PAINTS, ShapesAutoencoder
from app.embedded.cleaner import Redrawer
from app.embedded.layers import part
from app.embedded.load import EmbeddedModel, drawing_autoencoder, load, read_autoencoder, read_transformer
from app.embedded.model import CleanWanTransformer
from app.embedded.precision import autocast
from app.embedded.profile import REDRAWER_FOLDER, STUDENT_FOLDER, WEIGHTS, student_of
from app.embedded.training.fit import MAX_NOISE, to_float
from app.embedded.training.pools import encode_by_length
from app.embedded.training.recipe import Budget
from app.embedded.training.segments import guided, plain, walked
from app.embedded.training.train import Report
from app.embedded.world.asks import Ask, Mix, draw_asks
from app.embedded.world.prompts import describe
from app.embedded.world.scenes import place
from app.embedded.world.world import render

WALKS: Final = ((0.97, 7), (0.95, 6), (0.93, 6), (0.9, 5), (0.85, 4))
"""Noise that drawn clips get, and the guided evaluations in which the denoiser takes it off again."""
_MIX: Final = Mix(0.4, related=0.3, counted=0.2, across=True)
_HARD: Final = {"orbiting": 1.0, "bouncing": 0.6, "shrinking": 0.6, "growing": 0.5, "spinning": 0.5}
_OTHERS: Final = 0.2
"""Chances that a scene drawn by lot is taken, by the hardest motion in it: what comes out rough is shown more often."""
_GUIDANCE: Final = 3.0
_ALIKE: Final = 0.6  # overlap with the drawn clip below which the denoiser has made another one of it
_HELD: Final = 96  # clips that are not learned from


@dataclass(frozen=True)
class Redrawing:
    """Every number of the training but its time; written beside the weights."""

    seed: int = 0
    chunks: int = 200  # of `chunk` clips each
    chunk: int = 16
    batch: int = 4
    rate: float = 2e-3
    warmup: int = 50
    plain_one_in: int = 4  # batches of drawn clips with mere noise on them, as the cleaner learned
    loose_chunks: int = 30  # of clips whose places are off the lattice, as pictures' are: half of what gets mere noise
    given_one_in: int = 3  # batches whose first frame is as it was drawn, as a picture to begin with is; 0: none


@dataclass(frozen=True)
class Student:
    """The model's student, and the noise levels that it walks."""

    transformer: CleanWanTransformer
    levels: tuple[float, ...]


@dataclass(frozen=True)
class Examples:
    """What came of clips, float16 (n, F, H, W, 4 S S), about 0..1, and how they were drawn, uint8 of the same shape."""

    rough: Tensor
    drawn: Tensor


def asks_of(count: int, rng: Random) -> list[Ask]:
    """Scenes to draw, none of them of a held-out combination; those whose motions are hard come more often."""
    asks: list[Ask] = []
    while len(asks) < count:
        for ask in draw_asks(64, _MIX, rng):
            if rng.random() < max(_HARD.get(said.motion, _OTHERS) for said in ask[1]):
                asks.append(ask)
    return asks[:count]


@torch.no_grad()
def chunk_of(model: EmbeddedModel, student: Student | None, recipe: Redrawing, index: int) -> Examples:
    """Clips drawn, noised, and denoised by the model, or in one chunk of six by its student; those that stayed alike.

    Noised to these levels a clip keeps its places and its phase, so that what was drawn is what should have come out.
    """
    # 1. What is drawn.
    seed = recipe.seed * 1_000_003 + index
    rng = Random(seed)
    asks = asks_of(recipe.chunk, rng)
    video, drawn = _drawn(model, asks, seed)
    autoencoder = model.autoencoder
    clean = autoencoder.whitened(autoencoder.encode(video))
    text = encode_by_length(model.text_encoder, [describe(said, ground, rng) for ground, said in asks]).float()
    # 2. What the denoiser makes of it.
    turn = index % (len(WALKS) + 1)
    if turn == len(WALKS) and student is not None:
        levels, velocity = student.levels[1:], plain(student.transformer, text)
    else:
        levels = levels_from(*WALKS[turn % len(WALKS)], model.flow_shift)
        velocity = guided(model.transformer, text, model.text_encoder.tokens([""]), _GUIDANCE)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    with autocast(torch.device("cpu")):
        latents = walked(velocity, (1 - levels[0]) * clean + levels[0] * noise, (*levels, 0.0))
    rough = autoencoder.rough_cover(autoencoder.spread(latents[:, PAINTS:]))
    # 3. Those that are still what was drawn.
    made, wanted = rough > 0.5, drawn > 0.5
    overlap = (made & wanted).flatten(1).sum(1) / (made | wanted).flatten(1).sum(1).clamp(min=1)
    alike = overlap > _ALIKE
    return Examples(rough[alike].half(), _bytes(drawn[alike]))


def loose_of(model: EmbeddedModel, recipe: Redrawing, index: int) -> Tensor:
    """Covers of clips off the lattice, uint8 (n, F, H, W, 4 S S)."""
    seed = recipe.seed * 1_000_003 + 500_000 + index
    _, cover = _drawn(model, asks_of(recipe.chunk, Random(seed)), seed, loose=True)
    return _bytes(cover)


def _drawn(model: EmbeddedModel, asks: Sequence[Ask], seed: int, loose: bool = False) -> tuple[Tensor, Tensor]:
    """Clips (n, 3, f, h, w) in -1..1 of what is asked, and their covers (n, F, H, W, 4 S S)."""
    video = to_float(render(place(asks, seed, loose=loose), model.picture))
    return video, part(video, model.autoencoder.config.scale_factor_spatial).cover


def _bytes(cover: Tensor) -> Tensor:
    return (cover * 255).round().to(torch.uint8)


def levels_from(sigma: float, count: int, shift: float) -> tuple[float, ...]:
    """So many noise levels from `sigma` down, evenly spaced on a shifted schedule; 0 is not among them."""
    first = sigma / (shift - (shift - 1) * sigma)
    even = [first * (1 - step / count) for step in range(count)]
    return tuple(shift * each / (1 + (shift - 1) * each) for each in even)


def gather(model: EmbeddedModel, student: Student | None, recipe: Redrawing, run: Path) -> Examples:
    """All chunks; those that are in the run's folder already are not made again."""
    report = Report(lines=True)
    for index in range(recipe.chunks):
        path = run / f"examples-{index:04}.safetensors"
        if not path.exists():
            save_file(asdict(chunk_of(model, student, recipe, index)), path)
            report((index + 1) / recipe.chunks, f"{index + 1} of {recipe.chunks} chunks")
    report.close()
    chunks = [load_file(run / f"examples-{index:04}.safetensors") for index in range(recipe.chunks)]
    return Examples(*(torch.cat([chunk[each.name] for chunk in chunks]) for each in fields(Examples)))


def begun(autoencoder: ShapesAutoencoder) -> Redrawer:
    """A redrawer that draws as the autoencoder's cleaner does."""
    redrawer = Redrawer(int(autoencoder.config.width))
    redrawer.load_state_dict(autoencoder.cleaner.state_dict(), strict=False)
    return redrawer


def train(
    autoencoder: ShapesAutoencoder, examples: Examples, loose: Tensor, recipe: Redrawing, minutes: float
) -> Redrawer:
    """Teach the autoencoder's redrawer, or a new one; the last examples are held back to say how it is."""
    torch.manual_seed(recipe.seed)
    autoencoder.redrawer = redrawer = autoencoder.redrawer or begun(autoencoder)
    redrawer.requires_grad_(True)
    redrawer.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(redrawer.parameters(), lr=0.0, weight_decay=0.01)
    held = Examples(examples.rough[-_HELD:], examples.drawn[-_HELD:])
    learned = len(examples.rough) - len(held.rough)
    report, budget = Report(lines=True), Budget(minutes=minutes)
    began, step = time.monotonic(), 0
    while (done := budget.done(step, time.monotonic() - began)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * min(1.0, (step + 1) / recipe.warmup) * (1 - done)
        some = loose if len(loose) and step % (2 * recipe.plain_one_in) == 0 else examples.drawn[:learned]
        chosen = torch.randint(len(some), (recipe.batch,))
        drawn = some[chosen].float() / 255
        rough = _noised(autoencoder, drawn) if step % recipe.plain_one_in == 0 else examples.rough[chosen].float()
        if recipe.given_one_in and step % recipe.given_one_in == 0:
            rough[:, :1] = _noised(autoencoder, drawn[:, :1], 0.0)
        loss = error_of(autoencoder, rough, drawn)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(redrawer.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 250 == 0:
            report(done, f"step {step}, cross entropy of held-back clips {_held_error(autoencoder, held):.5f}")
    report.close()
    return redrawer.eval().requires_grad_(False)


def error_of(autoencoder: ShapesAutoencoder, rough: Tensor, drawn: Tensor) -> Tensor:
    """Cross entropy of what is drawn of rough covers (b, F, H, W, 4 S S) against how they should be."""
    with autocast(torch.device("cpu")):
        logits = autoencoder.clean(rough)
    return functional.binary_cross_entropy_with_logits(logits.float(), drawn)


@torch.no_grad()
def _noised(autoencoder: ShapesAutoencoder, drawn: Tensor, most: float = MAX_NOISE) -> Tensor:
    return autoencoder.noised_cover(drawn, most * torch.rand(len(drawn), 1, 1, 1, 1) ** 1.5)


@torch.no_grad()
def _held_error(autoencoder: ShapesAutoencoder, held: Examples) -> float:
    pairs = zip(torch.split(held.rough, 8), torch.split(held.drawn, 8), strict=True)
    errors = [error_of(autoencoder, rough.float(), drawn.float() / 255).item() for rough, drawn in pairs]
    return sum(errors) / len(errors)


def export(
    redrawer: Redrawer, recipe: Redrawing, minutes: float, of: str, weights: Path, goes_on: bool = False
) -> None:
    """Write the weights in float16, and into the model's facts which revision they are `of` and how they were made.

    `goes_on`: they were taught on, so that what the facts say of before is kept as earlier.
    """
    folder = weights / REDRAWER_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    halves = {name: each.half().contiguous() for name, each in redrawer.state_dict().items()}
    save_file(halves, folder / "redrawer.safetensors")
    facts = json.loads((weights / "model.json").read_text())
    before = facts.get("redrawer", {"of": ""})
    earlier = [*before.pop("earlier", []), before] if goes_on and before["of"] == of else []
    facts["redrawer"] = {"of": of, "minutes": minutes, "recipe": asdict(recipe), "earlier": earlier}
    (weights / "model.json").write_text(json.dumps(facts, indent=2) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Gather examples, learn from them, and write the weights."""
    parser = argparse.ArgumentParser(prog="python -m app.embedded.training.redraw", description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/redraw"), help="where examples are kept")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="of the model, and where the redrawer goes")
    parser.add_argument("--minutes", type=float, default=12.0, help="how long to learn, once there are examples")
    parser.add_argument("--on", action="store_true", help="teach the redrawer that is there on")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    for entry in fields(Redrawing):
        name = "--" + entry.name.replace("_", "-")
        parser.add_argument(name, type=type(entry.default), default=entry.default, help="part of the recipe")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(asked.threads)
    recipe = Redrawing(**{each.name: getattr(asked, each.name) for each in fields(Redrawing)})
    asked.run.mkdir(parents=True, exist_ok=True)
    model = load(weights=asked.weights)
    known = student_of(asked.weights)
    student = None if known is None else Student(read_transformer(asked.weights / STUDENT_FOLDER), known.levels)
    examples = gather(model, student, recipe, asked.run)
    loose = torch.cat([examples.drawn[:0], *(loose_of(model, recipe, index) for index in range(recipe.loose_chunks))])
    autoencoder = drawing_autoencoder(asked.weights) if asked.on else read_autoencoder(asked.weights / "autoencoder")
    redrawer = train(autoencoder, examples, loose, recipe, asked.minutes)
    export(redrawer, recipe, asked.minutes, model.revision, asked.weights, asked.on)


if __name__ == "__main__":
    main()
