"""A report in, its waterfall out: bars in the terminal, or a picture where matplotlib is installed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from app.client.report import ReportAttempt, ReportStage, ReportWait, VideoReport
from app.client.show import plain

LEAST_BAR, MOST_BAR = 16, 60
FIXED = 58  # columns that names, times and memory take
WAITS = {"line", "webhook"}  # stages in which nothing is done
INSTANT_S = 0.0005  # what is shorter and neither first nor last is not worth a line
COLOURS = {True: "yellow", False: "green"}
PNG_MISSING = "A picture of a report needs matplotlib: pip install matplotlib"


def waterfall(report: VideoReport, width: int) -> RenderableType:
    """The whole report for people, `width` columns wide."""
    parts: list[RenderableType] = [Text(_head(report)), Text(plain(report.bottleneck.sentence), "bold")]
    parts.append(_bars(report, max(LEAST_BAR, min(MOST_BAR, width - FIXED))))
    parts += [Text(line) for line in (*_waits(report.waits), *_attempts(report), *_cache(report))]
    return Group(*parts)


def _head(report: VideoReport) -> str:
    took = "so far" if report.completed_at is None else "in all"
    steps = f", step {report.step} of {report.total_steps}" if report.status == "in_progress" else ""
    trace = f", trace {plain(report.trace_id)}" if report.trace_id else ""
    return f"{plain(report.id)}  {plain(report.status)}{steps}, {seconds(report.total_s)} {took}{trace}"


def _bars(report: VideoReport, columns: int) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    for name in ("stage", "try"):
        table.add_column(name, no_wrap=True)
    table.add_column("at", justify="right", no_wrap=True)
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column("", width=columns, no_wrap=True)
    table.add_column("host", justify="right", no_wrap=True)
    if any(stage.device_memory_bytes for stage in report.stages):
        table.add_column("device", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for stage in shown(report):
        table.add_row(*_row(report, stage, columns, len(table.columns) == 8))
    return table


def shown(report: VideoReport) -> list[ReportStage]:
    """The stages that are worth a line."""
    return [
        stage
        for stage in report.stages
        if stage.duration_s is None or stage.duration_s >= INSTANT_S or stage.name in ("received", "closed")
    ]


def _row(report: VideoReport, stage: ReportStage, columns: int, on_gpu: bool) -> list[Text]:
    lasted = lasts(report, stage)
    bar = Text(_bar(stage.offset_s, lasted, report.total_s, columns), COLOURS[stage.name in WAITS])
    took = f"{seconds(lasted)}{' …' if stage.duration_s is None else ''}"
    words = [plain(stage.name), str(stage.attempt or ""), seconds(stage.offset_s), took]
    memory = [mebibytes(stage.host_memory_bytes), *([mebibytes(stage.device_memory_bytes)] if on_gpu else [])]
    return [*(Text(word) for word in words), bar, *(Text(word) for word in memory), Text(plain(stage.note or ""))]


def lasts(report: VideoReport, row: ReportStage | ReportWait) -> float:
    """Seconds; of what is under way, so far."""
    return max(0.0, report.total_s - row.offset_s) if row.duration_s is None else row.duration_s


def _bar(offset_s: float, lasted_s: float, total_s: float, columns: int) -> str:
    if total_s <= 0:
        return ""
    begin = min(columns - 1, max(0, int(columns * offset_s / total_s)))
    length = max(1, min(columns - begin, round(columns * lasted_s / total_s)))
    return " " * begin + ("━" * length if lasted_s else "·")


def _waits(waits: Iterable[ReportWait]) -> list[str]:
    rows = [
        f"  {plain(wait.cause):<11} {_took(wait):>9}  {plain(wait.why)}{_by(wait)}"
        for wait in waits
        if wait.duration_s is None or wait.duration_s >= INSTANT_S
    ]
    return ["", "waits", *rows] if rows else []


def _took(wait: ReportWait) -> str:
    return "still" if wait.duration_s is None else seconds(wait.duration_s)


def _by(wait: ReportWait) -> str:
    named = [plain(each) for each in wait.by if each not in wait.why]
    return f" ({', '.join(named)})" if named else ""


def _attempts(report: VideoReport) -> list[str]:
    rows = []
    for attempt in report.attempts:
        resumed = "" if attempt.resumed_from_step is None else f", from step {attempt.resumed_from_step}"
        why = f" ({plain(attempt.why)})" if attempt.why else ""
        who = plain(attempt.replica or "an unknown replica")
        rows.append(f"  {attempt.number}  fence {attempt.fence}, {who}{resumed}: {plain(attempt.outcome)}{why}")
        rows += [f"     batches {batches(attempt)}"] if attempt.batches else []
    return ["", "attempts", *rows] if rows else []


def batches(attempt: ReportAttempt) -> str:
    """Run lengths: `4×10` are ten steps in batches of four, `forecast×3` three steps without a forward."""
    return "  ".join(
        f"{run.batch or 'forecast'}×{run.steps}{' packed' if run.packed else ''}" for run in attempt.batches
    )


def _cache(report: VideoReport) -> list[str]:
    use, rows = report.cache, []
    if use.hit:
        rows.append(f"  {plain(use.kind)}: {seconds(use.saved_step_seconds)} of denoising spared")
    if use.embedding_hit is not None:
        rows.append(f"  the prompt's embedding was {'there' if use.embedding_hit else 'not there'}")
    return ["", "cache", *rows] if rows else []


def seconds(value: float) -> str:
    """Seconds or milliseconds, three digits."""
    return f"{1000 * value:.3g} ms" if 0 < value < 1 else f"{value:.2f} s"


def mebibytes(size: int | None) -> str:
    """A size in MiB; empty where there is none."""
    return "" if size is None else f"{size / 2**20:,.0f} MiB"


def picture(report: VideoReport, path: Path) -> None:
    """The waterfall as a PNG. Raises ImportError without matplotlib, and OSError."""
    from matplotlib.figure import Figure

    rows = shown(report)
    figure = Figure(figsize=(10, 1.2 + 0.35 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for place, stage in enumerate(rows):
        width = max(lasts(report, stage), report.total_s / 500)
        axes.barh(place, width, left=stage.offset_s, color="#d9a400" if stage.name in WAITS else "#2f7d4f")
        axes.text(stage.offset_s + width, place, f" {seconds(lasts(report, stage))}", va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), [f"{row.name} {row.attempt or ''}".strip() for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("seconds since the request")
    axes.set_title(f"{report.id}\n{report.bottleneck.sentence}", fontsize=9)
    axes.margins(x=0.12)
    figure.savefig(path, dpi=120)
