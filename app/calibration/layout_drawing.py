"""A table of layouts comes in, a picture of what each costs and loses goes out, where matplotlib is installed."""

from __future__ import annotations

from pathlib import Path

from app.calibration.subject import CannotMeasure
from app.plan.layouts.table import MOST_LOST, LayoutTable


def draw(table: LayoutTable, path: Path) -> None:
    """Points lost against the share of float32's step, a dot for each layout. Raises CannotMeasure: no matplotlib."""
    try:
        import matplotlib as mpl  # here: it is wanted only when somebody measures
    except ImportError as error:
        raise CannotMeasure("the picture needs matplotlib: pip install matplotlib") from error
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    measured = sorted((row for row in table.rows if not row.why), key=lambda row: row.step_s / row.plain_step_s)
    for number, row in enumerate(measured, 1):  # names beside the dots would lie on each other
        share = row.step_s / row.plain_step_s
        colour = "tab:red" if row.bad else "tab:blue"
        label = f"{number}  {row.option} ({share:.2f}; {row.lost:.1f})"
        axes.plot(share, row.lost, "o", color=colour, markersize=13, label=label)
        axes.annotate(f"{number}", (share, row.lost), ha="center", va="center", color="white", fontsize=8)
    if measured:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, markerscale=0.5, frameon=False)
    axes.axhline(MOST_LOST, color="tab:red", linestyle=":", linewidth=1)
    axes.axvline(1.0, color="gray", linestyle=":", linewidth=1)
    axes.set_xlabel("time of a step, of float32's")
    axes.set_ylabel("points lost of 100 against float32")
    axes.set_title(f"{table.model} on {table.hardware}", fontsize=9)
    axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
