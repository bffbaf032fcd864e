"""`kinoray keys create|list|rotate|revoke`: an operator's way to keys, and, beside the service, to the first one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.client import show
from app.client.global_options import everywhere
from app.client.listing import UNWATCHED
from app.client.records import JsonObject
from app.client.session import FAILED, AsJson, say_json, talk

DAY_S = 86400.0
keys = typer.Typer(help="Make, list, rotate and revoke API keys; with an operator's key.", no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(metavar="ID", help="As `kinoray keys list` shows it: key_…")]


@keys.command()
@everywhere
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="For people: who or what uses it.")],
    tenant: Annotated[str, typer.Option(help="Whose videos it makes and sees.")] = "public",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it may, more than once: videos:write, videos:read … ; all but operate, if not given."),
    ] = None,
    operator: Annotated[bool, typer.Option("--operator", help="With every scope, operate too.")] = False,
    days: Annotated[float | None, typer.Option(min=0.0, help="Until it expires; else it never does.")] = None,
    redis: Annotated[
        str | None,
        typer.Option(
            help="Write it into the service's Redis, without a key and without the service: its URL, or `env` for "
            "KINORAY_REDIS_URL and KINORAY_REDIS_PREFIX."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once. From the first key on everyone needs one."""
    expires_in_s = None if days is None else days * DAY_S
    if redis is not None:
        made = _directly(redis, name, tenant, scope, operator, expires_in_s)
    else:
        scopes = _all_scopes() if operator else scope
        made = talk(context, lambda client: client.create_key(name, tenant, scopes, expires_in_s))
    _show_issued(made, as_json)


@keys.command(name="list")
@everywhere
def list_keys(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20,
    after: Annotated[str | None, typer.Option(metavar="ID", help="Go on behind this one.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the keys that were made here, newest first; none is shown itself."""
    page = talk(context, lambda client: client.keys(limit, after, tenant))
    rows: list[JsonObject] = [row for row in _listed(page.get("data")) if isinstance(row, Mapping)]
    if as_json:
        say_json(rows)
    else:
        watched = sys.stdout.isatty() or "COLUMNS" in os.environ
        (Console() if watched else Console(width=UNWATCHED)).print(_table(rows))
    if page.get("has_more"):
        last = show.plain(page.get("last_id"))
        typer.echo(f"There are more: the same with --after {last}, or another --limit.", err=as_json)


@keys.command()
@everywhere
def rotate(
    context: typer.Context,
    key_id: KeyId,
    hours: Annotated[float, typer.Option(min=0.0, help="For which the one before is good, too.")] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Give a key a new text and show it, this once; put it in place before the one before runs out."""
    _show_issued(talk(context, lambda client: client.rotate_key(key_id, hours * 3600.0)), as_json)


@keys.command()
@everywhere
def revoke(context: typer.Context, key_id: KeyId, as_json: AsJson = False) -> None:
    """Have a key refused by the whole service, within three seconds and for good."""
    record = talk(context, lambda client: client.revoke_key(key_id))
    say_json(record) if as_json else typer.echo(f"Revoked {show.plain(record.get('id'))}.")


def _directly(
    redis: str, name: str, tenant: str, scope: list[str] | None, operator: bool, expires_in_s: float | None
) -> JsonObject:
    from app.access.direct import CannotMake, make_key

    try:
        return make_key(redis, name, tenant, _all_scopes() if operator else scope, expires_in_s)
    except CannotMake as error:
        typer.echo(show.plain(error), err=True)
        raise typer.Exit(FAILED) from None


def _all_scopes() -> list[str]:
    return ["videos:write", "videos:read", "storyboards", "uploads", "stats", "operate"]


def _show_issued(record: JsonObject, as_json: bool) -> None:
    """The key itself alone on standard output, so that it can be piped to where it is kept; the rest beside it."""
    if as_json:
        say_json(record)
        return
    what = f"{show.plain(record.get('id'))} of {show.plain(record.get('tenant'))}, shown this once:"
    typer.echo(what, err=True)
    typer.echo(show.plain(record.get("key")))


def _table(rows: list[JsonObject]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("id", no_wrap=True)
    table.add_column("name", overflow="fold", min_width=12)
    for name in ("tenant", "status", "scopes", "created", "expires", "last used"):
        table.add_column(name, overflow="fold")
    for row in rows:
        scopes = " ".join(str(each) for each in _listed(row.get("scopes")))
        times = [_when(row.get(name)) for name in ("created_at", "expires_at", "last_used_at")]
        said = [row.get("id"), row.get("name"), row.get("tenant"), row.get("status"), scopes, *times]
        table.add_row(*(Text(show.plain(each)) for each in said))
    return table


def _when(at: object) -> str:
    return show.when(float(at)) if isinstance(at, (int, float)) else ""


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else []
