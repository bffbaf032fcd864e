"""`kinoray logs`: what happened to a job, from the lines of all processes; `cluster.job_logs` finds and reads them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from app.client.session import AsJson


def logs(
    word: Annotated[str, typer.Argument(metavar="ID", help="The id of a video, or of a request (x-request-id).")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it has ended.")] = False,
    folder: Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="Folder of Ray's logs.")] = None,
    address: Annotated[
        str | None, typer.Option(help="Dashboard of the service's Ray; else RAY_DASHBOARD_ADDRESS, else this machine.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the service's processes have logged about a video or request, in order, from all nodes."""
    raise typer.Exit(import_module("cluster.job_logs").show(word, follow, as_json, folder, address))
