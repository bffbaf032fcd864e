"""The simulation as one picture: the load, the replicas and the line over time, and how long requests waited."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.simulate.load.figures import LoadFigures
from app.simulate.load.outcome import COMPLETED, REFUSED, Ran
from app.simulate.load.show import seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, QUIET, GRID = "#1f2937", "#6b7280", "#e5e7eb"
COLOURS: Final = ("#2563eb", "#f59e0b", "#10b981", "#ef4444", "#8b5cf6", "#0ea5e9", "#84cc16", "#ec4899")
BINS = 96


def picture(ran: Ran, figures: LoadFigures, path: Path, title: str) -> None:
    """Four panels as a PNG. Raises ImportError without matplotlib, and OSError."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8), dpi=130, layout="constrained", facecolor="white")
    figure.suptitle(title, fontsize=15, fontweight="bold", color=INK, x=0.01, ha="left")
    axes = figure.subplots(2, 2)
    scale, unit = _unit(ran.seconds)
    _load(axes[0][0], ran, scale, unit)
    _replicas(axes[0][1], ran, figures, scale, unit)
    _line(axes[1][0], ran, scale, unit)
    _waits(axes[1][1], ran, figures)
    figure.text(0.01, -0.02, _said(figures), fontsize=10, color=QUIET, ha="left", va="top")
    figure.savefig(path, format="png", bbox_inches="tight", pad_inches=0.25)


def _unit(length_s: float) -> tuple[float, str]:
    return (3600.0, "hours") if length_s > 7200 else (60.0, "minutes") if length_s > 300 else (1.0, "seconds")


def _style(axes: Any, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    axes.set_xlabel(x, color=QUIET)
    axes.set_ylabel(y, color=QUIET)
    axes.grid(True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=QUIET)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GRID)


def _load(axes: Axes, ran: Ran, scale: float, unit: str) -> None:
    names = sorted({one.kind for one in ran.outcomes})[: len(COLOURS)]
    edges = [number * ran.seconds / BINS / scale for number in range(BINS + 1)]
    per = 60.0 * BINS / ran.seconds
    rows = [[one.at / scale for one in ran.outcomes if one.kind == name] for name in names]
    weights = [[per] * len(row) for row in rows]
    axes.hist(rows, bins=edges, weights=weights, stacked=True, color=COLOURS[: len(names)], label=names)
    refused = [one.at / scale for one in ran.outcomes if one.end == REFUSED]
    if refused:
        axes.hist(
            refused,
            bins=edges,
            weights=[per] * len(refused),
            histtype="step",
            color=INK,
            linewidth=1.4,
            label="refused",
        )
    axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    axes.set_xlim(0, ran.seconds / scale)
    _style(axes, "Requests", unit, "a minute")


def _replicas(axes: Axes, ran: Ran, figures: LoadFigures, scale: float, unit: str) -> None:
    at = [sample.at / scale for sample in ran.samples]
    for number, name in enumerate(sorted(ran.timeline)):
        rows = [row for row in ran.timeline[name] if row[0] < ran.seconds]
        times = [when / scale for when, _ in rows] + [ran.seconds / scale]
        counts = [count for _, count in rows] + [rows[-1][1]] if rows else []
        colour = COLOURS[number % len(COLOURS)]
        axes.step(times, counts, where="post", color=colour, linewidth=0.9, label=f"{name}: there")
        axes.fill_between(times, counts, step="post", color=colour, alpha=0.12)
    axes.plot(at, _smooth([sample.running for sample in ran.samples]), color=INK, linewidth=1.6, label="jobs at work")
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, ran.seconds / scale)
    axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    _style(axes, f"Replicas, {figures.utilisation:.0%} at work", unit, "replicas, jobs")


def _line(axes: Axes, ran: Ran, scale: float, unit: str) -> None:
    at = [sample.at / scale for sample in ran.samples]
    waiting = [sample.waiting for sample in ran.samples]
    axes.fill_between(at, waiting, color=COLOURS[3], alpha=0.18, linewidth=0)
    axes.plot(at, waiting, color=COLOURS[3], linewidth=1.2)
    axes.set_ylim(0, max(5, 1.05 * max(waiting, default=0)))
    axes.set_xlim(0, ran.seconds / scale)
    _style(axes, "The line", unit, "jobs that wait")


def _waits(axes: Axes, ran: Ran, figures: LoadFigures) -> None:
    names = sorted({one.kind for one in ran.outcomes})[: len(COLOURS)]
    for number, name in enumerate(names):
        waits = sorted(max(0.01, one.wait_s) for one in ran.outcomes if one.kind == name and one.end == COMPLETED)
        if waits:
            shares = [100 * (place + 1) / len(waits) for place in range(len(waits))]
            thin = _thinned(list(zip(waits, shares, strict=True)))
            axes.plot([x for x, _ in thin], [y for _, y in thin], color=COLOURS[number], linewidth=1.8, label=name)
    axes.axhline(95, color=QUIET, linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.set_ylim(0, 101)
    axes.xaxis.set_major_formatter(lambda value, _place: seconds(value) if value >= 0.1 else f"{1000 * value:.0f} ms")
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="lower right")
    p95 = figures.all.wait.p95
    told = "" if p95 is None else f", P95 {seconds(p95)}"
    _style(axes, f"Waits{told}", "wait until the first lease", "% of the videos made")


def _smooth(values: Sequence[float], around: int = 4) -> list[float]:
    """Each as the mean of its neighbours, so that one sees the day and not the noise."""
    windows = (values[max(0, place - around) : place + around + 1] for place in range(len(values)))
    return [sum(window) / len(window) for window in windows]


def _thinned(points: Sequence[tuple[float, float]], most: int = 2000) -> Sequence[tuple[float, float]]:
    every = max(1, len(points) // most)
    return [*points[::every], points[-1]]


def _said(figures: LoadFigures) -> str:
    money = (
        "" if figures.money is None else f"  ·  {figures.money:,.2f} money, {figures.money_per_video or 0:.3f} a video"
    )
    return (
        f"{figures.requests:,} requests  ·  {figures.all.completed:,} made  ·  {figures.all.refused:,} refused  ·  "
        f"{figures.device_hours:,.1f} device-hours, {figures.utilisation:.0%} at work{money}"
    )
