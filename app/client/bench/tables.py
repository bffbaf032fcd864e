"""Figures of runs in, tables for people and pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from app.client.bench.comparison import ROW_NAMES, Figures, StageFigures, improvement
from app.client.show import plain
from app.client.waterfall import seconds

ROWS = {
    "latency_p50_s": "latency P50",
    "latency_p95_s": "latency P95",
    "latency_mean_s": "latency mean",
    "throughput_per_min": "videos a minute",
    "device_s_per_video": "device seconds a video",
    "cost_per_video": "cost a video",
    "hit_rate": "hit rate",
}
PICTURED = ("latency_p50_s", "latency_p95_s", "throughput_per_min")
assert set(ROWS) == set(ROW_NAMES)


def compared(runs: Sequence[Figures]) -> Table:
    """A column for each run, the first being the baseline of the others."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("")
    for run in runs:
        table.add_column(Text(plain(run.name)), justify="right")
    for name, said in ROWS.items():
        if any(getattr(run, name) for run in runs):
            table.add_row(said, *(Text(_cell(runs[0], run, name)) for run in runs))
    table.add_row("jobs", *(Text(_jobs(run)) for run in runs))
    table.add_row("bottleneck", *(Text(plain(run.bottleneck or "")) for run in runs))
    return table


def _cell(baseline: Figures, run: Figures, name: str) -> str:
    value = getattr(run, name)
    if value is None:
        return "-"
    said = seconds(value) if name.endswith(("_s", "_s_per_video")) else f"{value:.4g}"
    better = None if run is baseline else improvement(baseline, run, name)
    return said if better is None else f"{said} ({better:+.1f} %)"


def _jobs(run: Figures) -> str:
    codes = ", ".join(f"{count} {plain(code)}" for code, count in run.failures.items())
    return f"{run.jobs}" + (f", failed: {codes}" if codes else "")


def profiled(rows: Sequence[StageFigures]) -> Table:
    """Where the time of a run's jobs went."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("stage")
    for name in ("P50", "P95", "share"):
        table.add_column(name, justify="right")
    for row in rows:
        if row.p95_s:
            table.add_row(Text(plain(row.name)), seconds(row.p50_s), seconds(row.p95_s), f"{row.share:.1%}")
    return table


def picture(runs: Sequence[Figures], path: Path) -> None:
    """Bars of latency and throughput, a group for each run. Raises ImportError without matplotlib, and OSError."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(PICTURED), 3.6), layout="constrained")
    for place, name in enumerate(PICTURED, 1):
        axes = figure.add_subplot(1, len(PICTURED), place)
        values = [getattr(run, name) or 0.0 for run in runs]
        bars = axes.bar([run.name for run in runs], values, color=["#888888", *["#2f7d4f"] * (len(runs) - 1)])
        axes.bar_label(bars, [f"{value:.3g}" for value in values], fontsize=8)
        axes.set_title(ROWS[name], fontsize=9)
        axes.tick_params(axis="x", rotation=20, labelsize=8)
    figure.savefig(path, dpi=120)
