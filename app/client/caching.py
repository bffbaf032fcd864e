"""`kinoray cache stats|clear`: what the caches have done, and having them forget."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer
from rich.console import Console

from app.client import show
from app.client.global_options import everywhere
from app.client.session import AsJson, say_json, talk


class Level(str, Enum):
    """The levels that can be cleared alone."""

    RESULTS = "results"
    EMBEDDINGS = "embeddings"
    SUBJECTS = "subjects"
    SIMILAR = "similar"


caches = typer.Typer(help="Look at the caches, or clear them.", no_args_is_help=True)


@caches.command()
@everywhere
def stats(context: typer.Context, as_json: AsJson = False) -> None:
    """Show hits, misses, bytes, evictions and savings by level."""
    figures = talk(context, lambda client: client.stats()).get("cache_stats") or {}
    say_json(figures) if as_json else Console().print(show.caches(figures))


@caches.command()
@everywhere
def clear(
    context: typer.Context,
    level: Annotated[Level | None, typer.Option(help="Only this one.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget what is cached, for all tenants; videos stay."""
    what = f"the cached {level.value}" if level else "everything that is cached"
    if not yes:
        typer.confirm(f"Forget {what}?", abort=True)
    removed = talk(context, lambda client: client.clear_cache(level.value if level else None))
    say_json({"removed": removed}) if as_json else typer.echo(f"Forgot {removed} entries.")
