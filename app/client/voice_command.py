"""`kinoray voices`: who may narrate a film, and how one sounds."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.client.client import Kinoray
from app.client.session import AsJson, say_json, talk
from app.client.show import plain
from app.client.storyboard_records import Voice
from app.client.target import Target
from app.client.writing import NoClobber, Out, is_stdout, target_named


def voices(
    context: typer.Context,
    language: Annotated[str | None, typer.Option(help="Those of a language, BCP 47: en, pt-BR.")] = None,
    say: Annotated[str | None, typer.Option(metavar="TEXT", help="Hear a few words instead; with --out.")] = None,
    voice: Annotated[str | None, typer.Option(metavar="ID", help="Who says them.")] = None,
    speed: Annotated[float | None, typer.Option(min=0.5, max=2.0, help="How fast, 1 being usual.")] = None,
    out: Out = None,
    no_clobber: NoClobber = False,
    as_json: AsJson = False,
) -> None:
    """List who may narrate a film, or with --say write how one sounds to a FLAC file."""
    if say is not None:
        _write(context, say, voice, language, speed, target_named(out or "voice.flac", no_clobber))
        return
    found = talk(context, lambda client: client.voices())
    listed = [each for each in found.voices if language is None or _speaks(each, language)]
    if as_json:
        say_json({"available": found.available, "voices": [dict(each) for each in listed]})
    elif not found.available:
        typer.echo("This server has no voice.")
    else:
        Console().print(_table(listed))


def _speaks(voice: Voice, language: str) -> bool:
    """Whether a voice is of that language, or of any."""
    wanted, own = language.lower(), (voice.language or "").lower()
    return voice.language is None or own == wanted or own.startswith(f"{wanted}-")


def _write(
    context: typer.Context, text: str, voice: str | None, language: str | None, speed: float | None, target: Target
) -> None:
    async def run(client: Kinoray) -> None:
        sound = await client.preview_voice(text, voice=voice, language=language, speed=speed)
        with target.part() as part:
            part.write(sound)
            await target.keep(part)

    talk(context, run)
    typer.echo(str(target.path), err=is_stdout(target))


def _table(listed: list[Voice]) -> Table:
    table = Table("id", "language", "name")
    for each in listed:
        table.add_row(plain(each.id), plain(each.language or "any"), plain(each.name))
    return table
