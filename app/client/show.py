"""Records in, tables for people out; nothing that a server says can steer the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from rich import box
from rich.table import Table
from rich.text import Text

from app.client.records import Health, RecommendedStyle, Style, Video

LONGEST_LIST = 12
PROMPT_CHARS = 48


def plain(value: object) -> str:
    """A value as one line without control characters."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return "".join(each if each.isprintable() else " " for each in str(value))


def facts(record: Mapping[str, object], title: str | None = None) -> Table:
    """Any record as names and values; records inside it become dotted names."""
    table = Table(title=title, title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _flat(record):
        table.add_row(Text(plain(name)), Text(value))
    return table


def _flat(record: Mapping[str, object], before: str = "") -> Iterable[tuple[str, str]]:
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, (list, tuple)):
            said = ", ".join(plain(each) for each in value[:LONGEST_LIST])
            yield f"{before}{name}", said + (" …" if len(value) > LONGEST_LIST else "")
        elif value is not None:
            yield f"{before}{name}", plain(value)


def _when(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


def _state(video: Video) -> str:
    if video.status == "failed":
        return f"failed ({video.error.code})" if video.error else "failed"
    if video.status == "in_progress" and video.total_steps:
        return f"{video.phase or video.status} {video.step}/{video.total_steps}"
    if video.status == "queued" and video.queue_position is not None:
        return f"queued, {video.queue_position} ahead"
    return video.status


def videos(found: Iterable[Video]) -> Table:
    """A list of videos."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("id", no_wrap=True, overflow="fold")
    for name in ("state", "created", "prompt"):
        table.add_column(name)
    for video in found:
        prompt = plain(video.prompt)
        short = prompt if len(prompt) <= PROMPT_CHARS else f"{prompt[: PROMPT_CHARS - 1]}…"
        table.add_row(*(Text(plain(each)) for each in (video.id, _state(video), _when(video.created_at), short)))
    return table


def video(found: Video) -> Table:
    """One video, with everything the server says of it."""
    record: dict[str, object] = {
        "id": found.id,
        "state": _state(found),
        "prompt": found.prompt,
        "model": found.model,
        "size": found.size,
        "seconds": found.seconds,
        "seed": found.seed,
        "eta_s": found.eta_s,
        "created": _when(found.created_at),
        "completed": _when(found.completed_at) or None,
        "priority": found.priority,
        "deadline": _when(found.deadline_at) or None,
        "attempts": found.attempts or None,
        "resumed_from_step": found.resumed_from_step,
        "error": {"code": found.error.code, "message": found.error.message} if found.error else None,
        "cache hit": found.cache.hit,
    }
    planned = found.optimization
    for name in ("tier", "complexity", "steps", "budget", "sampler", "estimated_seconds"):
        record[name] = getattr(planned, name)
    for name in ("stage_durations", "inference_time_s", "device_seconds", "cost", "energy_wh", "peak_memory_mb", "url"):
        record[name] = getattr(found, name) or None
    record["reasons"] = planned.reasons or None
    return facts(record | {name: each for name, each in found.extra.items() if name not in ("object", "expires_at")})


def styles(found: Iterable[Style]) -> Table:
    """The styles that can be asked for."""
    table = _table_of_styles("whose", "uses", "description")
    for each in found:
        whose = {"server": "", "you": "yours", "other": "shared"}.get(each.owner, each.owner)
        table.add_row(*(Text(plain(it)) for it in (each.id, each.name, whose, each.uses, each.description)))
    return table


def recommended(found: Iterable[RecommendedStyle]) -> Table:
    """The styles that suit a prompt, the best first."""
    table = _table_of_styles("score", "why")
    for each in found:
        said = (each.style.id, each.style.name, f"{each.score:.2f}", each.reason)
        table.add_row(*(Text(plain(it)) for it in said))
    return table


def _table_of_styles(*more: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("id", no_wrap=True, overflow="fold")
    for name in ("name", *more):
        table.add_column(name)
    return table


def health(found: Health) -> Table:
    """The service, component by component."""
    return facts(found.facts, "well" if found.ok else "NOT WELL")


def caches(record: Mapping[str, object]) -> Table:
    """The caches, level by level; sizes in bytes."""
    levels = record.get("levels")
    rows = levels if isinstance(levels, Mapping) else {}
    names = ("hits", "misses", "hit_rate", "entries", "size_bytes", "evictions", "saved_step_seconds", "saved_money")
    table = Table(box=box.SIMPLE_HEAD, caption=None if record.get("healthy", True) else "the shared tier is away")
    table.add_column("level")
    for name in names:
        table.add_column(name, justify="right")
    for level, row in rows.items():
        figures = row if isinstance(row, Mapping) else {}
        said = ("" if figures.get(name) is None else plain(figures[name]) for name in names)
        table.add_row(Text(plain(level)), *(Text(each) for each in said))
    return table


def factors(record: Mapping[str, object]) -> Table:
    """The factors of an analysis and what each adds to the score."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("factor")
    table.add_column("score", justify="right")
    table.add_column("found in the prompt")
    named = record.get("factors")
    for each in named if isinstance(named, (list, tuple)) else ():
        factor = each if isinstance(each, Mapping) else {"name": each}
        found = factor.get("found") or ()
        words = found if isinstance(found, str) else ", ".join(plain(word) for word in found)
        table.add_row(*(Text(plain(it)) for it in (factor.get("name", "?"), factor.get("score", ""), words)))
    return table


def verdict(record: Mapping[str, object]) -> Table:
    """The rest of an analysis: score, tier, steps, estimate, reasons."""
    named = {name: each for name, each in record.items() if name not in ("factors", "reasons")}
    found = record.get("reasons")
    reasons = found if isinstance(found, (list, tuple)) else ()
    numbered = {f"why {number}": reason for number, reason in enumerate(reasons, 1)}
    return facts(named | numbered)
