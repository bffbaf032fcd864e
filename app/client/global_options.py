"""The options of `kinoray` itself, and their taking after the verb as well: `kinoray list --url …`."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

from app import __version__
from app.client.address import checked, from_environment


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kinoray {__version__}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and leave.")
]
Url = Annotated[
    str | None,
    typer.Option(help="The service to talk to; else KINORAY_URL, else the one on this machine's KINORAY_PORT."),
]
ApiKey = Annotated[str | None, typer.Option(help="Your key, if it wants one; else KINORAY_API_KEY.")]
_HINTS: dict[str, Any] = {"say_version": Version, "url": Url, "api_key": ApiKey}
_UNSET = {"say_version": False, "url": None, "api_key": None}


@dataclass(frozen=True, slots=True)
class Server:
    """Which service the commands talk to, as it was given on the command line; None: as the environment says."""

    given_url: str | None = None
    given_key: str | None = None

    def url(self) -> str:
        """Its address. Raises KinorayClientError (`bad_url`)."""
        return from_environment(os.environ) if self.given_url is None else checked(self.given_url, "--url")

    def api_key(self) -> str | None:
        return self.given_key or os.environ.get("KINORAY_API_KEY") or None


def everywhere(command: Callable[..., None]) -> Callable[..., None]:
    """The command, taking the options of `kinoray` too; what is said after the verb comes first.

    One without a context talks to no service and is given `--version` alone.
    """
    hints, signature = get_type_hints(command, include_extras=True), inspect.signature(command)
    more = list(_HINTS) if "context" in signature.parameters else ["say_version"]

    @wraps(command)
    def taken(*args: Any, **kwargs: Any) -> None:
        said = {name: kwargs.pop(name, None) for name in more}
        context = kwargs.get("context")
        if context is not None:
            before: Server = context.obj or Server()
            url, key = said["url"], said["api_key"]
            context.obj = replace(
                before,
                given_url=before.given_url if url is None else url,
                given_key=before.given_key if key is None else key,
            )
        command(*args, **kwargs)

    kind = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(name, kind, default=_UNSET[name], annotation=_HINTS[name]) for name in more]
    own = [each.replace(annotation=hints[each.name]) for each in signature.parameters.values()]
    taken.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    taken.__annotations__ = {**hints, **{name: _HINTS[name] for name in more}}
    return taken
