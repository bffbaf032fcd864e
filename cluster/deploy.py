"""Deploys a config to a running cluster: backup, apply, gate on health and a video, or back to the former config."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer
import yaml

from app.settings import Settings
from app.settings.read import BadSettings, read_settings
from app.settings.strict_yaml import loaded
from app.stores import stores_on
from cluster import backup as backups
from cluster.gate import PROMPT, SMOKE_S, TIMEOUT_S, Place, roll_out
from cluster.pool_rows import with_rows
from cluster.restoring import restore
from cluster.rollout import Exit, problem
from cluster.servable import unservable_anywhere

REDIS_FILE = "redis.jsonl.zst"

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


async def keep_redis(url: str, prefix: str, folder: Path) -> backups.Kept:
    """The jobs and what else Kinoray keeps, in `folder`. Raises BackupFailed."""
    async with backups.opened(url) as redis:
        return await backups.back_up(redis, prefix, folder / REDIS_FILE)


def new_folder(root: Path) -> Path:
    """A folder of its own for one backup, named after the moment. Raises BackupFailed."""
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = root / stamp
        folder.mkdir(0o700)
    except OSError as error:
        raise backups.BackupFailed(f"{root} cannot be used: {error.strerror}") from error
    return folder


Address = Annotated[str, typer.Option(envvar="RAY_DASHBOARD_ADDRESS", help="Ray's dashboard.")]
Url = Annotated[str, typer.Option(envvar="KINORAY_URL", help="The service.")]
Key = Annotated[str | None, typer.Option(envvar="KINORAY_API_KEY", help="Key for the smoke video.")]
Redis = Annotated[str | None, typer.Option(envvar="KINORAY_REDIS_URL", help="The service's Redis.")]
Prefix = Annotated[str, typer.Option(envvar="KINORAY_REDIS_PREFIX", help="Its keys start with this.")]
Folder = Annotated[Path, typer.Option(help="Folder of backups.")]
Timeout = Annotated[float, typer.Option(min=1, help="Seconds for Serve and /health to be well.")]
Smoke = Annotated[float, typer.Option(min=1, help="Seconds for the smoke video.")]
DASHBOARD, FRONT, BACKUPS = "http://127.0.0.1:8265", "http://127.0.0.1:8000", Path("backups")
PREFIX = str(Settings.model_fields["redis_prefix"].default)


@app.command()
def apply(
    config: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A Serve config file.")],
    address: Address = DASHBOARD,
    url: Url = FRONT,
    api_key: Key = None,
    redis_url: Redis = None,
    prefix: Prefix = PREFIX,
    folder: Folder = BACKUPS,
    timeout_s: Timeout = TIMEOUT_S,
    smoke_s: Smoke = SMOKE_S,
    prompt: Annotated[str, typer.Option(help="What the smoke video shows.")] = PROMPT,
    without_backup: Annotated[bool, typer.Option("--without-backup", help="Keep only the former config.")] = False,
) -> None:
    """Back up, deploy, and go back if it is not well. Exit status: 0 deployed, 1 refused, 3 rolled back, 4 not well."""
    say = partial(typer.echo, err=True)
    wanted, why = _read(config)
    if why is not None:
        say(f"{config} is not deployed: {why}")
        raise typer.Exit(Exit.REFUSED)
    if redis_url is None and not without_backup:
        say("Give --redis-url (or KINORAY_REDIS_URL) for the backup, or --without-backup.")
        raise typer.Exit(Exit.REFUSED)
    place = Place(address, url.rstrip("/"), api_key, timeout_s, smoke_s, prompt)

    async def story() -> Exit:
        kept_in = new_folder(folder)
        if redis_url is not None and not without_backup:
            kept = await keep_redis(redis_url, prefix, kept_in)
            say(f"{kept.keys} keys, {kept.size_bytes} bytes, are in {kept_in / REDIS_FILE}")
        return await roll_out(place, wanted, kept_in, say)

    try:
        status = anyio.run(story)
    except backups.BackupFailed as error:
        say(f"Nothing was changed. {error}")
        status = Exit.REFUSED
    say(status.name.replace("_", " ").lower())
    raise typer.Exit(status)


def _read(config: Path) -> tuple[dict[str, Any], str | None]:
    """The config in a file, and why it must not be deployed."""
    try:
        wanted = loaded(config.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        return {}, str(error)
    if not isinstance(wanted, dict):
        return {}, "It is no mapping."
    with suppress(ValueError, TypeError, AttributeError):  # what is wrong is said below
        wanted = with_rows(wanted, from_environment=False)
    return wanted, problem(wanted) or unservable_anywhere(wanted)


@app.command()
def check(config: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A Serve config file.")]) -> None:
    """Say what speaks against a config, without a cluster. Exit status: 0 nothing, 1 something."""
    _, why = _read(config)
    typer.echo(f"Nothing speaks against {config}." if why is None else f"{config}: {why}", err=why is not None)
    raise typer.Exit(Exit.DEPLOYED if why is None else Exit.REFUSED)


@app.command(name="backup")
def back_up(redis_url: Redis = None, prefix: Prefix = PREFIX, folder: Folder = BACKUPS) -> None:
    """Write what Kinoray keeps in Redis to a folder of its own."""

    async def story(url: str) -> str:
        kept_in = new_folder(folder)
        kept = await keep_redis(url, prefix, kept_in)
        return f"{kept.keys} keys, {kept.size_bytes} bytes, are in {kept_in / REDIS_FILE}"

    _told(story, redis_url)


@app.command(name="restore")
def bring_back(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    redis_url: Redis = None,
    prefix: Prefix = PREFIX,
    replace: Annotated[bool, typer.Option("--replace", help="Remove what is there under the prefix first.")] = False,
    artifacts: Annotated[
        str | None, typer.Option(envvar="KINORAY_ARTIFACTS_URL", help="The service's artifact store.")
    ] = None,
    without_artifacts: Annotated[
        bool, typer.Option("--without-artifacts", help="Do not search there for what completed since.")
    ] = False,
) -> None:
    """Bring a backup back into a Redis, while no service runs on it, and say what became of its jobs."""

    async def story(url: str) -> str:
        try:
            settings = read_settings({"artifacts_url": artifacts} if artifacts else None)
        except BadSettings as error:
            raise backups.BackupFailed(str(error)) from error
        async with backups.opened(url) as redis:
            stores = stores_on(redis, settings.model_copy(update={"redis_prefix": prefix}))
            done = await restore(redis, prefix, file, stores, replace, look=not without_artifacts)
        return "\n".join(done.sentences())

    _told(story, redis_url)


def _told(story: Callable[[str], Awaitable[str]], redis_url: str | None) -> None:
    try:
        if redis_url is None:
            raise backups.BackupFailed("Give --redis-url or KINORAY_REDIS_URL.")
        typer.echo(anyio.run(story, redis_url))
    except backups.BackupFailed as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app()
