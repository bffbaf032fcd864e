"""`kinoray status`: a video or the whole service in about ten lines; `--json` has all that the server says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console

from app.client import show
from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from app.client.records import Health, JsonObject, Video, part
from app.client.session import AsJson, say_json, talk, video_json

Lines = Mapping[str, str | None]
"""What is said, by name; None stays out."""


def status(
    context: typer.Context,
    video_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="A video; without one, the service.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how a video stands, or how the service is (exit code 1 when not well)."""
    if video_id is not None:
        wanted = video_id
        video = talk(context, lambda client: client.retrieve(wanted))
        say_json(video_json(video)) if as_json else _print(of_video(video))
        return
    url, health, stats = talk(context, _service)
    if as_json:
        say_json({"health": health.facts, "stats": stats or None})
    else:
        _print(of_service(url, health, stats))
    if not health.ok:
        raise typer.Exit(1)


async def _service(client: Kinoray) -> tuple[str, Health, JsonObject]:
    health = await client.health()
    return client.base_url, health, (await _stats(client) if health.ok else {})


async def _stats(client: Kinoray) -> JsonObject:
    """What the service has done, as far as the key may know it."""
    try:
        return await client.stats()
    except KinorayClientError as refused:
        if refused.code == "insufficient_scope":
            return {}
        raise


def _print(lines: Lines) -> None:
    Console().print(show.facts({name: said for name, said in lines.items() if said}))


def of_video(video: Video) -> Lines:
    """A video in ten lines."""
    planned = video.optimization
    return {
        "id": video.id,
        "state": show.state(video)
        + ("" if video.eta_s is None or video.ended else f", about {video.eta_s:.0f} s to go"),
        "prompt": video.prompt,
        "plan": _joined(
            [
                video.model,
                video.size,
                None if video.seconds is None else f"{video.seconds:g} s",
                None if video.seed is None else f"seed {video.seed}",
            ]
        ),
        "steps": _joined(
            [
                f"{planned.budget or planned.steps} of {planned.steps} run" if planned.steps else None,
                planned.tier and f"tier {planned.tier}",
                planned.complexity and f"{planned.complexity} prompt",
            ]
        ),
        "made for": f"scene {story.scene} of {story.id}" if (story := video.storyboard) else None,
        "created": show.when(video.created_at),
        "ended": show.when(video.completed_at),
        "waits for": ", ".join(video.waiting_for),
        "error": f"{video.error.code}: {video.error.message}" if video.error else None,
        "from cache": _joined([video.cache.kind, video.cache.note]) if video.cache.hit else None,
        "warnings": " ".join(each.message for each in video.warnings),
        "file": f"kinoray download {video.id}" if video.status == "completed" else None,
    }


def of_service(url: str, health: Health, stats: JsonObject) -> Lines:
    """The service in ten lines; what a server does not tell is left out."""
    parts = {name: row for name, row in part(health.facts, "components").items() if isinstance(row, Mapping)}
    dead = [f"{name} ({row.get('error') or 'no reason given'})" for name, row in parts.items() if not row.get("ok")]
    well = [name for name, row in parts.items() if row.get("ok")]
    jobs, caches, planning = part(stats, "jobs"), part(stats, "cache_stats"), part(stats, "optimization")
    line, tenant = part(stats, "line") or part(parts, "dispatcher"), part(stats, "tenant")
    return {
        "kinoray": f"{url}, {'well' if health.ok and not dead else 'degraded' if health.ok else 'NOT WELL'}",
        "not well": "; ".join(dead),
        "well": ", ".join(well),
        "line": _counts(("waiting", line.get("jobs", line.get("waiting"))), ("running", line.get("running"))),
        "replicas": _replicas(_listed(stats.get("replicas"))),
        "jobs": _counts(
            ("accepted", jobs.get("created")),
            ("completed", jobs.get("completed")),
            *((str(code), count) for code, count in part(jobs, "failed").items()),
        ),
        "yours": _counts(("under way", tenant.get("jobs")), ("step-seconds asked for", tenant.get("step_seconds"))),
        "planning": _saved(planning.get("steps_saved_share")),
        "device": _counts(
            ("s of work", planning.get("device_seconds")), ("evaluations", planning.get("denoiser_evaluations"))
        ),
        "caches": _caches(caches) if caches else None,
        "webhooks": _counts(*part(stats, "webhooks").items()),
    }


def _replicas(rows: Sequence[object]) -> str | None:
    """Replicas by pool, with the work that they hold."""
    known = [row for row in rows if isinstance(row, Mapping)]
    pools = dict.fromkeys(str(row.get("pool")) for row in known)
    said = []
    for pool in pools:
        here = [row for row in known if str(row.get("pool")) == pool]
        slots, running = _sum(here, "slots"), _sum(here, "running")
        device = "/".join(dict.fromkeys(str(row.get("device")) for row in here if row.get("device")))
        said.append(f"{pool}: {len(here)}{f' on {device}' if device else ''}, {running} of {slots} slots taken")
    return "; ".join(said)


def _sum(rows: Iterable[Mapping[str, object]], name: str) -> int:
    return sum(number for row in rows if isinstance(number := row.get(name), int))


def _saved(share: object) -> str | None:
    """What planning has saved, never a negative number."""
    if not isinstance(share, (int, float)):
        return None
    return f"{abs(share):.0%} {'fewer' if share >= 0 else 'more'} steps than the models' own number of them"


def _caches(caches: JsonObject) -> str | None:
    away = None if caches.get("healthy", True) else "the shared tier is away"
    held = caches.get("size_bytes")
    said = _counts(("hits", caches.get("hits")), ("misses", caches.get("misses")))
    return _joined([said, f"{held / 2**20:.1f} MiB held" if isinstance(held, (int, float)) else None, away])


def _counts(*named: tuple[str, object]) -> str:
    return ", ".join(f"{show.plain(count)} {name}" for name, count in named if count is not None)


def _joined(said: Iterable[str | None]) -> str:
    return ", ".join(each for each in said if each)


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, (list, tuple)) else ()
