"""Which images of others are run: `python -m cluster.images` writes the tags of cluster/images.yaml everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import yaml

HERE: Final = Path(__file__).parent
PINS: Final = HERE / "images.yaml"
_IMAGE: Final = re.compile(r"^(?P<before>\s*(?:- )?image: )(?P<name>[\w./-]+):(?P<tag>[\w.-]+)", flags=re.MULTILINE)
_BASE: Final = re.compile(r"^(?P<before>ARG PYTHON=)(?P<tag>\S+)", flags=re.MULTILINE)


def pins() -> dict[str, str]:
    """The tag of each image by its name."""
    named: dict[str, str] = yaml.safe_load(PINS.read_text())
    return named


def files() -> Iterator[Path]:
    """The files that name images."""
    yield HERE / "Dockerfile"
    yield from sorted(HERE.glob("compose*.yaml"))
    yield from sorted((HERE / "kuberay").rglob("*.yaml"))


def named(text: str) -> Iterator[tuple[str, str]]:
    """Name and tag of each image in a file that is not built here."""
    for found in _IMAGE.finditer(text):
        if found["name"] != "kinoray":
            yield found["name"], found["tag"]
    for found in _BASE.finditer(text):
        yield "python", found["tag"]


def pinned(text: str, tags: dict[str, str]) -> str:
    """`text` with these tags. Raises KeyError on an image that has none."""

    def image(found: re.Match[str]) -> str:
        name = found["name"]
        tag = found["tag"] if name == "kinoray" else tags[name]
        return f"{found['before']}{name}:{tag}"

    text = _IMAGE.sub(image, text)
    return _BASE.sub(lambda found: found["before"] + tags["python"], text)


if __name__ == "__main__":
    for file in files():
        file.write_text(pinned(file.read_text(), pins()))
