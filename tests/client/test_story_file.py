"""Films are read from YAML, and refused with the line that is wrong."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import pytest
from PIL import Image

from app.client.story_file import (
    MOST_FILE_BYTES,
    MOST_PICTURE_BYTES,
    SCENE_KEYS,
    STORY_KEYS,
    StoryFile,
    StoryFileError,
    read_story,
)
from app.client.story_writing import story_yaml
from app.models.vocabularies import readers

EXAMPLE = Path("examples/film.yaml")
FILM = """\
title: 2001
language: no
seed: 7
speed: 1.5
deterministic: yes
webhook: {url: https://example.com/hook, events: [storyboard.completed]}
scenes:
  - a red ball rolls
  - prompt: "a blue box\\tspins"
    narration: |
      One line.
      Another: with a colon, and # no comment.
    caption: 12:30
    tier: ~
    seconds: 2.5
"""


def png(folder: Path, name: str = "first.png") -> str:
    """A picture in the folder; its data URL."""
    content = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(content, "PNG")
    (folder / name).write_bytes(content.getvalue())
    return f"data:image/any;base64,{base64.b64encode(content.getvalue()).decode()}"


def read(text: str, folder: Path = Path(), outside: bool = False) -> StoryFile:
    return read_story(text, folder, outside)


def test_a_film_is_read_to_the_letter() -> None:
    assert read(FILM).body == {
        "title": "2001",
        "language": "no",
        "seed": 7,
        "speed": 1.5,
        "deterministic": True,
        "webhook": {"url": "https://example.com/hook", "events": ["storyboard.completed"]},
        "scenes": [
            {"prompt": "a red ball rolls"},
            {
                "prompt": "a blue box\tspins",
                "narration": "One line.\nAnother: with a colon, and # no comment.\n",
                "caption": "12:30",
                "seconds": 2.5,
            },
        ],
    }


@pytest.mark.parametrize(
    ("param", "line"),
    [
        ("scenes[1].narration", 10),
        ("scenes[1].tier", 14),
        ("scenes[0].prompt", 8),
        ("scenes[1].image", 9),
        ("webhook.url", 6),
        ("speed", 4),
        ("scenes", 7),
        ("elsewhere", None),
        (None, None),
    ],
)
def test_every_field_knows_its_line(param: str | None, line: int | None) -> None:
    assert read(FILM).line_of(param) == line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("titel: x\nscenes: [a]", "line 1: 'titel' is not known; is 'title' meant?"),
        ("scenes:\n  - prompt: a\n    voiceover: b", "line 3: 'voiceover' is not known; is 'narration' meant?"),
        ("scenes:\n  - prompt: a\n    promt: b", "line 3: 'promt' is not known; is 'prompt' meant?"),
        ("scenes:\n  - prompt: a\n    voice: b", "line 3: 'voice' is not known; known are prompt, title"),
        ("qqq: 1\nscenes: [a]", "line 1: 'qqq' is not known; known are "),
        ("webhook: {uri: x}\nscenes: [a]", "line 1: 'uri' is not known; is 'url' meant?"),
        ("scenes: [a]\nscenes: [b]", "line 2: 'scenes' stands twice"),
        ("scenes:\n  - title: x", "line 2: scene 1 has no prompt"),
        ("scenes:\n  - [a]", "line 2: scenes[0] must be names and values"),
        ("scenes: a", "line 1: scenes must be a list"),
        ("title: x", "line 1: there are no scenes"),
        ("scenes: []", "line 1: there are no scenes"),
        ("", "it is empty"),
        ("- a", "line 1: the file must be names and values"),
        ("scenes: [a", "line 1: while parsing a flow sequence, expected ',' or ']'"),
        ("scenes:\n\t- a", "line 2: while scanning for the next token, found character '\\t'"),
        ("scenes: [{prompt: {a: b}}]", "line 1: scenes[0].prompt must be a text"),
        ("scenes: [a]\nspeed: {a: b}", "line 2: speed must be one value"),
        ("scenes: [a]\nspeed: .nan", "line 2: speed must be a number, not .nan"),
        ("x: &x [a]\nscenes: *x", "line 2: *x: say it once more"),
        ("scenes: !!python/object/apply:os.system [ls]", "scenes has a tag"),
        ("seed: !!python/name:os.system x\nscenes: [a]", "line 1: seed has a tag"),
        ("a: 1\n---\nb: 2", "line 2: expected a single document"),
        ("scenes: [\x00]", "special characters are not allowed"),
        ("[" * 5000 + "]" * 5000, "line 1: it is nested too deeply"),
        ("#" * (MOST_FILE_BYTES + 1), "larger than 4 MiB"),
    ],
)
def test_what_is_no_film_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(StoryFileError) as refused:
        read(text)
    assert said in str(refused.value)


def test_names_that_stand_for_parts_cannot_blow_up() -> None:
    laughs = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(StoryFileError, match=r"line 2: \*a"):
        read(laughs)


def test_pictures_beside_the_file_are_sent(tmp_path: Path) -> None:
    url = png(tmp_path)
    (tmp_path / "more").mkdir()
    png(tmp_path / "more", "second.png")
    names = ("first.png", "more/../more/second.png", "https://a.b/c.png")
    text = "scenes:\n" + "".join(f"- {{prompt: a, image: '{name}'}}\n" for name in names)
    scenes = read(text, tmp_path).body["scenes"]
    assert isinstance(scenes, list)
    assert [each["image"] for each in scenes] == [url, url, "https://a.b/c.png"]


@pytest.mark.parametrize("name", ["../first.png", "{outside}/first.png", "link.png", "folder/first.png"])
def test_pictures_elsewhere_are_sent_only_when_that_is_allowed(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "film"
    folder.mkdir()
    url = png(tmp_path)
    (folder / "link.png").symlink_to(tmp_path / "first.png")
    (folder / "folder").symlink_to(tmp_path)
    text = f"scenes: [{{prompt: a, image: {name.format(outside=tmp_path)}}}]"
    with pytest.raises(StoryFileError, match="line 1: .* lies outside"):
        read(text, folder)
    assert read(text, folder, outside=True).body["scenes"] == [{"prompt": "a", "image": url}]


def test_what_is_no_picture_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "key.png").write_text("ssh-rsa secret")
    (tmp_path / "sound.webp").write_bytes(b"RIFF0000WAVE")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(MOST_PICTURE_BYTES))
    for name, why in (
        ("key.png", "no PNG, JPEG or WebP"),
        ("sound.webp", "no PNG, JPEG or WebP"),
        ("pipe.png", "is no file"),
        (".", "is no file"),
        ("missing.png", "No such file"),
        ("huge.png", "larger than 20 MiB"),
        ('"a\\0b"', "is no path"),
    ):
        with pytest.raises(StoryFileError, match=why):
            read(f"scenes: [{{prompt: a, image: {name}}}]", tmp_path)


def test_what_is_written_is_read_back_unchanged() -> None:
    story = {
        "title": "no",
        "language": "no",
        "speed": 1.0,
        "tier": "auto",
        "scenes": [
            {
                "prompt": "- a: b # c",
                "title": "2001-01-01",
                "narration": "Line.\n\nTwo ‘quotes’: 太阳 🚀\ttab " + "w " * 90,
            },
            {"prompt": "null", "seconds": 2.5, "caption": "*x &y !z %a @b `c"},
        ],
    }
    text = story_yaml(story, ["Drafted by rules:\nnot\x1b[31m code", "a"])
    assert text.startswith("# Drafted by rules: not [31m code\n# a\n")
    assert read(text).body == story
    assert read(story_yaml({**story, "object": "x", "user": None, "style": ""})).body == story


def test_the_example_is_a_film_that_the_built_in_model_can_draw() -> None:
    film = read_story(EXAMPLE.read_text(), EXAMPLE.parent)
    scenes = film.body["scenes"]
    assert isinstance(scenes, list)
    understand = readers()[str(film.body["model"])].understand
    assert len(scenes) == 5
    for scene in scenes:
        assert understand(scene["prompt"])[1] == ()
        assert scene["narration"]


def test_the_example_is_a_request_that_the_api_takes() -> None:
    from app.api.requests.fields import Fields
    from app.api.requests.storyboard import story_request
    from app.settings import Settings

    film = read_story(EXAMPLE.read_text(), EXAMPLE.parent)
    asked = story_request(Fields(dict(film.body)), Settings(_env_file=None))
    assert [scene.title for scene in asked.wish.scenes][:2] == ["Morning", "A walk on the beach"]
    assert {"scenes", "title"} <= set(STORY_KEYS)
    assert {"prompt", "image"} <= set(SCENE_KEYS)
