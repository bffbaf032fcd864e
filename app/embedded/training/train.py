"""`python -m app.embedded.training.train`: makes the model's weights from a seed, on CPU or GPU; can be resumed."""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import torch
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from app.embedded.load import read_autoencoder
from app.embedded.model import CleanWanTransformer
from app.embedded.profile import ACROSS, COUNTS, PICTURES, RELATIONS, WEIGHTS
from app.embedded.text import TextEncoder
from app.embedded.training import fit, learn
from app.embedded.training.recipe import Budget, Recipe

KNOWS = (ACROSS, RELATIONS, COUNTS, PICTURES)
"""What weights of this training know beyond the first world: `model.json` says it, and the service reads it there."""

STAGES = ("linear", "press", "denoiser", "cleaner")


@dataclass
class Report:
    """A progress bar for people, and a line now and then for logs."""

    every_s: float = 30.0
    lines: bool = False
    _bar: Progress = field(init=False)
    _task: TaskID = field(init=False)
    _last: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, disable=self.lines)
        self._task = self._bar.add_task("", total=1.0)
        self._bar.start()

    def __call__(self, done: float, text: str) -> None:
        """Show the share of the work done (0..1) and how it goes."""
        self._bar.update(self._task, completed=done, description=text)
        now = time.monotonic()
        if self.lines and now - self._last >= self.every_s:
            self._last = now
            self._bar.console.print(f"{100 * done:5.1f} %  {text}")

    def close(self) -> None:
        """Leave the bar on the screen as it is."""
        self._bar.stop()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the stages asked for, each from where the run's folder says it is."""
    asked = _parser().parse_args(arguments)
    torch.set_num_threads(asked.threads)
    recipe = Recipe(**{f.name: getattr(asked, f.name) for f in fields(Recipe)})
    asked.run.mkdir(parents=True, exist_ok=True)
    for stage in STAGES:
        if stage in asked.stages:
            _stage(stage)(asked, recipe)


def _stage(name: str) -> Callable[[argparse.Namespace, Recipe], None]:
    return {"linear": make_linear, "press": make_press, "denoiser": make_denoiser, "cleaner": make_cleaner}[name]


def make_linear(asked: argparse.Namespace, recipe: Recipe) -> None:
    """The autoencoder's closed-form part, or all of the one to start from; nothing to do if the run already has one."""
    if not (asked.run / "autoencoder").exists() and asked.start_from is not None:
        fit.save(read_autoencoder(asked.start_from / "autoencoder"), asked.run / "autoencoder")
        fit.save(read_autoencoder(asked.start_from / "autoencoder"), asked.weights / "autoencoder")
        (asked.run / "press.done").touch()  # its latents are those that the denoiser knows
    elif not (asked.run / "autoencoder").exists():
        autoencoder = fit.fit_linear(recipe.channels, recipe.components, recipe.picture, recipe.spatial, recipe.seed)
        fit.save(autoencoder, asked.run / "autoencoder")
        fit.save(autoencoder, asked.weights / "autoencoder")


def make_press(asked: argparse.Namespace, recipe: Recipe) -> None:
    """The autoencoder's way to few channels and back; nothing to do if the run already has it."""
    done = asked.run / "press.done"
    if not done.exists():
        autoencoder = read_autoencoder(asked.run / "autoencoder")
        report = Report(lines=not asked.bar)
        fit.train_press(autoencoder, recipe.picture, Budget(minutes=asked.press_minutes), recipe.seed, report)
        report.close()
        fit.save(autoencoder, asked.run / "autoencoder")
        fit.save(autoencoder, asked.weights / "autoencoder")
        done.touch()


def make_denoiser(asked: argparse.Namespace, recipe: Recipe) -> None:
    """The denoiser, on latents of the linear part; its averaged weights are exported now and then."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    autoencoder = read_autoencoder(asked.run / "autoencoder")
    text_encoder = TextEncoder.load()
    learner = learn.start(recipe, device, asked.start_from)
    earlier = _history(asked.start_from)
    resumed = learner.restore(asked.run)
    if asked.compile:
        learner.model.compile_repeated_blocks()
    budget = Budget(asked.steps, asked.minutes)
    report = Report(lines=not asked.bar)
    if resumed:
        report(0.0, f"resumed at step {learner.step}")
    exported = time.monotonic()

    def after_step(learner: learn.Learner, done: float) -> None:
        nonlocal exported
        recent, lessons = learner.losses[-200:], learner.lessons[-200:]
        loss, lesson = sum(recent) / len(recent), sum(lessons) / len(lessons)
        report(done, f"step {learner.step}, loss {loss:.4f}, lesson {lesson:.4f}, {learner.spent_s / 60:.1f} min")
        if learner.step % learn.CHECKPOINT_EVERY == 0:
            learner.save(asked.run)
        if time.monotonic() - exported > 60 * asked.export_minutes:
            exported = time.monotonic()
            export(learner, asked.weights, earlier)

    source = learn.pools(recipe, autoencoder, text_encoder, learner.step)
    learn.learn(learner, source, text_encoder.tokens([""]), budget, after_step)
    learner.save(asked.run)
    export(learner, asked.weights, earlier)
    report.close()


def make_cleaner(asked: argparse.Namespace, recipe: Recipe) -> None:
    """The autoencoder's cleaning network, on top of the linear part."""
    autoencoder = read_autoencoder(asked.run / "autoencoder")
    report = Report(lines=not asked.bar)
    fit.train_cleaner(autoencoder, recipe.picture, Budget(minutes=asked.cleaner_minutes), recipe.seed, report)
    report.close()
    fit.save(autoencoder, asked.weights / "autoencoder")


def _history(weights: Path | None) -> list[dict[str, object]]:
    """The runs that weights came from, oldest first, for the next run's own record."""
    if weights is None:
        return []
    facts = json.loads((weights / "model.json").read_text())
    return [*facts.get("earlier", []), {name: facts[name] for name in ("steps", "minutes", "recipe")}]


def export(learner: learn.Learner, weights: Path, earlier: list[dict[str, object]]) -> None:
    """Write the averaged weights in bfloat16, with what a program must know to use them; `earlier` runs led to them."""
    copy = CleanWanTransformer.from_config(learner.average.config)
    copy.load_state_dict(learner.average.state_dict())
    copy.to(torch.bfloat16).save_pretrained(weights / "transformer")
    recipe = learner.recipe
    facts = {
        "flow_shift": recipe.shift,
        "frames": 17,
        "fps": 8,
        "picture": recipe.picture,
        "knows": list(KNOWS),
        "steps": learner.step,
        "minutes": round(learner.spent_s / 60, 1),
        "recipe": asdict(recipe),
        "earlier": earlier,
    }
    (weights / "model.json").write_text(json.dumps(facts, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.embedded.training.train", description=__doc__)
    parser.add_argument("stages", nargs="*", default=list(STAGES), help=f"some of {', '.join(STAGES)}; all by default")
    parser.add_argument("--run", type=Path, default=Path("runs/embedded"), help="where checkpoints are kept")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="where finished weights go")
    parser.add_argument("--start-from", type=Path, help="a folder of weights to start from, instead of from the seed")
    parser.add_argument("--steps", type=int, help="stop the denoiser after so many steps, over all resumes")
    parser.add_argument("--minutes", type=float, help="stop the denoiser after so many minutes, over all resumes")
    parser.add_argument("--press-minutes", type=float, default=10.0, help="how long to train the press")
    parser.add_argument("--cleaner-minutes", type=float, default=8.0, help="how long to train the cleaner")
    parser.add_argument("--export-minutes", type=float, default=10.0, help="how often the average is exported")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--compile", action="store_true", help="compile the denoiser's blocks (needs a compiler)")
    parser.add_argument("--bar", action=argparse.BooleanOptionalAction, default=True, help="a bar, or lines for a log")
    for entry in fields(Recipe):
        name = "--" + entry.name.replace("_", "-")
        parser.add_argument(name, type=type(entry.default), default=entry.default, help="part of the recipe")
    return parser


if __name__ == "__main__":
    main()
