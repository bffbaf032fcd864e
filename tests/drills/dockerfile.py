"""A Dockerfile's instructions, parsed, so that they can be run without a builder."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

TRIED = ("ARG", "COPY", "ENV", "FROM", "RUN", "WORKDIR")  # and what an image only says to those who run it:
SAID = ("CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "LABEL", "SHELL", "STOPSIGNAL", "USER", "VOLUME")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word, and the rest with its lines joined."""

    word: str
    rest: str


@dataclass(frozen=True)
class Stage:
    """What follows one FROM: the stage or image it begins with (variables not yet filled in), and its instructions."""

    name: str
    parent: str
    instructions: list[Instruction] = field(default_factory=list)


@dataclass(frozen=True)
class Dockerfile:
    """Arguments that stand before the first FROM, and the stages by name."""

    arguments: dict[str, str]
    stages: dict[str, Stage]

    def needed(self, target: str) -> list[str]:
        """The stages that `target` is made of, in the order in which they must be made."""
        order: list[str] = []

        def visit(name: str) -> None:
            stage = self.stages.get(name)
            if stage is None or name in order:
                return
            visit(stage.parent)
            for each in stage.instructions:
                if each.word == "COPY" and (source := copied(each.rest).stage):
                    visit(source)
            order.append(name)

        visit(target)
        return order


@dataclass(frozen=True)
class Copy:
    """A COPY: from the context where `stage` is None."""

    sources: list[str]
    target: str
    stage: str | None = None


def parse(text: str) -> Dockerfile:
    """Raises ValueError on an instruction that is not known here, or one before the first FROM that is no ARG."""
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for each in instructions(text):
        if each.word not in TRIED + SAID:
            raise ValueError(f"{each.word} is not an instruction that can be tried here")
        if each.word == "FROM":
            parent, _, name = each.rest.partition(" AS ")
            stage = Stage(name.strip() or str(len(stages)), parent.strip())
            stages[stage.name] = stage
        elif stage is not None:
            stage.instructions.append(each)
        elif each.word == "ARG":
            name, _, value = each.rest.partition("=")
            arguments[name] = value
        else:
            raise ValueError(f"{each.word} before the first FROM")
    return Dockerfile(arguments, stages)


def instructions(text: str) -> list[Instruction]:
    """Those of a Dockerfile in order; comments are left out, also between joined lines."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", "")
    found = []
    for line in joined.splitlines():
        word, _, rest = line.strip().partition(" ")
        found.append(Instruction(word.upper(), rest.strip()))
    return found


def filled(text: str, variables: Mapping[str, str]) -> str:
    """`text` with `$NAME` and `${NAME}` as Docker fills them in; unknown ones become empty, `\\$` stays a dollar."""
    pattern = r"\\\$|\$\{(\w+)\}|\$(\w+)"
    return re.sub(pattern, lambda m: "$" if m[0] == "\\$" else variables.get(m[1] or m[2], ""), text)


def pairs(rest: str, variables: Mapping[str, str]) -> dict[str, str]:
    """What ENV or LABEL says, by name; all of one instruction see the variables as they were before it."""
    words = (word.partition("=") for word in shlex.split(filled(rest, variables)))
    return {name: value for name, _, value in words}


def copied(rest: str) -> Copy:
    """What COPY says."""
    words = rest.split()
    stage = None
    while words[0].startswith("--"):
        flag, _, value = words.pop(0)[2:].partition("=")
        if flag != "from":
            raise ValueError(f"COPY --{flag} cannot be tried here")
        stage = value
    return Copy(words[:-1], words[-1], stage)


def argv(rest: str) -> list[str]:
    """The exec form of CMD, ENTRYPOINT, SHELL or a health check's CMD. Raises ValueError on a shell form."""
    words = json.loads(rest)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"not in exec form: {rest}")
    return words


def health_command(rest: str) -> list[str]:
    """The command of a HEALTHCHECK."""
    return argv(rest[rest.index("CMD ") + 4 :])
