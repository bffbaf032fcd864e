"""`kinoray lora upload|list|delete`: LoRAs of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, cast

import typer
from rich.console import Console
from rich.table import Table

from app.client.global_options import everywhere
from app.client.records import JsonObject
from app.client.session import AsJson, say_json, talk
from app.client.show import plain

loras = typer.Typer(help="Upload, list and delete LoRAs of your own.", no_args_is_help=True)


@loras.command()
@everywhere
def upload(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The adapter, as safetensors.")],
    name: Annotated[str | None, typer.Option(help="What requests call it; else as the file.")] = None,
    model: Annotated[str | None, typer.Option(help="The model that it is for; else the default one.")] = None,
    description: Annotated[str | None, typer.Option(help="For yourself.")] = None,
    expert: Annotated[str | None, typer.Option(help="Of two transformers: high or low.")] = None,
    partial: Annotated[bool, typer.Option(help="Take it though some of its layers find no place.")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep a LoRA for one model."""
    which = cast("Literal['high', 'low'] | None", expert)
    kept = talk(
        context,
        lambda client: client.upload_lora(
            file, name or file.stem, model=model, description=description, expert=which, partial=partial or None
        ),
    )
    if as_json:
        say_json(kept)
        return
    ranks = ", ".join(map(str, kept.get("ranks") or ()))
    said = f"Kept {kept.get('name')} for {kept.get('model')}: {kept.get('layers')} layers, rank {ranks}."
    typer.echo(plain(said))


@loras.command("list")
@everywhere
def list_loras(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20,
    after: Annotated[str | None, typer.Option(metavar="ID", help="Go on behind this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """List your LoRAs, newest first, and the operator's behind them."""
    found = talk(context, lambda client: client.loras(limit, after))
    say_json(list(found)) if as_json else Console().print(_table(found))


@loras.command()
@everywhere
def delete(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME|ID")],
    as_json: AsJson = False,
) -> None:
    """Delete a LoRA; jobs that wear it already are made."""
    done = talk(context, lambda client: client.delete_lora(name))
    say_json({"lora": name, "deleted": done}) if as_json else typer.echo(f"Deleted {plain(name)}.")


def _table(found: tuple[JsonObject, ...]) -> Table:
    table = Table("name", "model", "owner", "MiB", "ranks", "id")
    for each in found:
        row = (each.get("name"), each.get("model"), each.get("owner"), f"{(each.get('bytes') or 0) / 2**20:.1f}")
        ranks = ", ".join(map(str, each.get("ranks") or ()))
        table.add_row(*(plain(str(cell)) for cell in (*row, ranks, each.get("id"))))
    return table
