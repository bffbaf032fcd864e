"""What the measured budgets save on held-out prompts that they were not measured on, and the curves behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from app.calibration.budgets import Measuring, by_class
from app.embedded.checker.judge import Adherence, drawn
from app.embedded.profile import profile
from app.engine.families.embedded import load_denoiser
from app.plan.budgets import budget_for
from app.plan.prompt.complexity import CLASSES, FIXED_STEPS
from app.plan.tables import load_tables
from app.plan.tiers import AUTO
from benchmarks.figures import at_least

SEED = 2  # the table was measured with seed 1
SHARES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)


def measure(count: int, folder: Path, console: Console) -> dict[str, Any]:
    """Planned budgets (tier auto) against the fixed default of 50 steps, `count` prompts of each class."""
    model, questions, tables = profile(), drawn(SEED), load_tables()
    prompts = by_class([question.prompt for question in questions], count)
    # What was measured is kept: a run that was cut short goes on where it was.
    progress = Path("runs") / f"calibration-{model.revision}.json"
    measuring = Measuring(load_denoiser("float32"), model, Adherence(questions), progress, tables)
    classes: dict[str, Any] = {}
    for complexity, row in prompts.items():
        steps = next(each.steps for each in CLASSES if each.name == complexity)
        planned = budget_for(tables.budgets.get(model.id), model.revision, AUTO, complexity, steps)
        budget = planned.budget if planned else steps
        budgets = sorted({max(2, round(share * steps)) for share in SHARES})
        classes[complexity] = {
            "prompts": len(row),
            "steps": steps,
            "budget": budget,
            "calibrated": planned is not None,
            "fixed_quality": round(measuring.quality(complexity, row, FIXED_STEPS, FIXED_STEPS), 2),
            "planned_quality": round(measuring.quality(complexity, row, steps, budget), 2),
            "curve": {each: round(measuring.quality(complexity, row, steps, each), 2) for each in budgets},
        }
        console.print(f"[dim]{complexity}: {classes[complexity]}[/dim]")
    lost = {name: row["planned_quality"] - row["fixed_quality"] for name, row in classes.items()}
    saved = [1 - row["budget"] / FIXED_STEPS for row in classes.values()]
    draw(classes, folder / "calibration.png")
    return {
        "seed": SEED,
        "classes": classes,
        "evaluations_saved": at_least(sum(saved) / len(saved), 0.35),
        "adherence_change_mean_points": at_least(sum(lost.values()) / len(lost), -1.0),
        "adherence_change_worst_class_points": at_least(min(lost.values()), -2.0),
    }


def draw(classes: dict[str, Any], path: Path) -> None:
    """Quality against evaluations by class, the planned budgets marked, the fixed default dotted."""
    import matplotlib as mpl  # here: it is wanted only when somebody measures

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for name, row in classes.items():
        points = sorted((int(budget), quality) for budget, quality in row["curve"].items())
        (line,) = axes.plot(*zip(*points, strict=True), marker=".", label=f"{name}, {row['steps']} steps")
        axes.plot(row["budget"], row["planned_quality"], "o", color=line.get_color(), markersize=10, fillstyle="none")
        axes.axhline(row["fixed_quality"], color=line.get_color(), linestyle=":", linewidth=1)
    axes.set_xlabel("evaluations of the denoiser")
    axes.set_ylabel("adherence, points of 100")
    axes.set_title("circles: planned budgets; dotted: the fixed default of 50 steps", fontsize=9)
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
