"""All files run the same images of others, and a change of cluster/images.yaml reaches every one of them."""

from __future__ import annotations

import json
import re

import pytest

from cluster.images import HERE, files, named, pinned, pins


def test_all_files_run_the_images_that_are_pinned_in_one_place() -> None:
    used = {(name, tag) for file in files() for name, tag in named(file.read_text())}
    assert used == set(pins().items()), "python -m cluster.images"


def test_every_image_of_compose_and_kubernetes_is_among_them() -> None:
    for file in files():
        text = re.sub(r"#.*", "", file.read_text())
        assert text.count("image: ") == len(re.findall(r"image: (?:kinoray:|[\w./-]+:v?\d)", text)), file.name


@pytest.mark.parametrize("tag", pins().values())
def test_a_pin_is_a_release_not_a_line_of_them(tag: str) -> None:
    assert re.match(r"v?\d+\.\d+\.\d+", tag)


def test_a_new_tag_is_written_everywhere_and_nothing_else_changes() -> None:
    text = (
        "    image: redis:7.2.5-alpine  # why\n- image: kinoray:1-cpu\nARG PYTHON=3.11.1-slim\nimage: a.io/b/c:v1.0.0\n"
    )
    tags = {"redis": "7.2.16-alpine", "python": "3.11.17-slim", "a.io/b/c": "v2.0.0"}
    assert pinned(text, tags).splitlines() == [
        "    image: redis:7.2.16-alpine  # why",
        "- image: kinoray:1-cpu",
        "ARG PYTHON=3.11.17-slim",
        "image: a.io/b/c:v2.0.0",
    ]
    with pytest.raises(KeyError):
        pinned("image: unheard-of:1", tags)


def test_renovate_looks_after_the_pins_and_the_files_together() -> None:
    told = json.loads((HERE.parent / "renovate.json").read_text())
    (pattern,) = told["customManagers"][0]["matchStrings"]
    found = re.findall(pattern.replace("(?<", "(?P<"), (HERE / "images.yaml").read_text())
    assert dict(found) == pins()
    watched = [
        re.compile(pattern.strip("/"))
        for manager in ("docker-compose", "kubernetes")
        for pattern in told[manager]["managerFilePatterns"]
    ]
    for file in files():
        path = file.relative_to(HERE.parent).as_posix()
        assert path.endswith("Dockerfile") or any(each.search(path) for each in watched), path
