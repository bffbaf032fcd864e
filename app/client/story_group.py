"""`kinoray story …`: a group of commands that takes a film's file where none of their names stands."""

from __future__ import annotations

from typing import Any, Final

import typer
from typer.core import TyperGroup

MAKE: Final = "make"


class StoryGroup(TyperGroup):
    """`kinoray story film.yaml` is `kinoray story make film.yaml`; a film that is called as a command needs a `./`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [MAKE, *args]
        return super().parse_args(ctx, args)


stories = typer.Typer(
    cls=StoryGroup,
    help="Make a film of several scenes from a YAML file, `kinoray story film.yaml`, and look after films.",
    no_args_is_help=True,
)
