"""`kinoray analyze` and `kinoray styles`: what would become of a prompt, and what suits it; nothing is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from app.client import show
from app.client.session import AsJson, say_json, talk
from app.client.words import TIERS, tiers


def analyze(
    context: typer.Context,
    prompt: str,
    tier: Annotated[str, typer.Option(help=TIERS, autocompletion=tiers)] = "auto",
    as_json: AsJson = False,
) -> None:
    """Show the plan PROMPT would get, and why, without making anything."""
    answer = talk(context, lambda client: client.analyze(prompt, tier))
    if as_json:
        say_json(answer)
        return
    inner = answer.get("optimization")
    record = {**answer, **inner} if isinstance(inner, Mapping) else dict(answer)
    record.pop("optimization", None)
    console = Console()
    if record.get("factors"):
        console.print(show.factors(record))
    console.print(show.verdict(record))


def styles(
    context: typer.Context,
    prompt: Annotated[str | None, typer.Argument(metavar="[PROMPT]", help="Recommend some for it.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the styles for `generate --style`, or those that suit PROMPT."""
    if prompt is None:
        listed = talk(context, lambda client: client.styles())
        records, table = [asdict(style) for style in listed], show.styles(listed)
    else:
        found = talk(context, lambda client: client.recommend_styles(prompt))
        records, table = [asdict(each) for each in found], show.recommended(found)
    say_json(records) if as_json else Console().print(table)
