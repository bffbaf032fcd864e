"""`kinoray story …`: a group of commands that takes a film's file where none of their names stands."""

from __future__ import annotations

from typing import Any, Final

import typer
from typer.core import TyperGroup

MAKE: Final = "make"


class StoryGroup(TyperGroup):
    """`kinoray story film.yaml` is `kinoray story make film.yaml`; a film that is called as a command needs a `./`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        at = _behind_server(args)
        if at < len(args) and args[at] in self.commands:  # which take these options behind their names
            args = [args[at], *args[:at], *args[at + 1 :]]
        elif args and args[0] not in ctx.help_option_names:
            args = [MAKE, *args]
        return super().parse_args(ctx, args)


def _behind_server(args: list[str]) -> int:
    """How many words at the beginning say which service is meant."""
    at = 0
    while at < len(args) and args[at].partition("=")[0] in ("--url", "--api-key"):
        at += 1 if "=" in args[at] else 2
    return at


stories = typer.Typer(
    cls=StoryGroup,
    help="Make a film of several scenes from a YAML file, `kinoray story film.yaml`, and look after films.",
    no_args_is_help=True,
)
