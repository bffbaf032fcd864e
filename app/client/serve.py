"""`kinoray serve`: options become settings of this process, and `cluster.local` takes over, which needs Ray."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on.")] = None,
    config: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="A serve_config.yaml.")] = None,
    state_dir: Annotated[Path | None, typer.Option(help="Folder for Redis data, artifacts and logs.")] = None,
    redis_url: Annotated[str | None, typer.Option(help="Redis to use; without one, Kinoray starts its own.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Once it is ready, print its addresses as JSON.")] = False,
) -> None:
    """Start a Kinoray on this machine."""
    chosen = {"HOST": host, "PORT": port, "STATE_DIR": state_dir, "REDIS_URL": redis_url}
    # In the environment, where the replicas, which are other processes, find them too.
    os.environ.update({f"KINORAY_{name}": str(value) for name, value in chosen.items() if value is not None})
    raise typer.Exit(import_module("cluster.local").serve(config, as_json))
