"""A film as people write it down, YAML with pictures beside it, comes in; the body of a request goes out."""

from __future__ import annotations

import math
import os
import stat
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final, get_type_hints

import yaml

from app.client.options import SceneOptions, StoryboardOptions, StoryWebhookOptions

MOST_FILE_BYTES: Final = 4 * 2**20
MOST_PICTURE_BYTES: Final = 20 * 2**20
MOST_PICTURES_BYTES: Final = 100 * 2**20  # of all together
_DEEPEST: Final = 8
_PLAIN: Final = "tag:yaml.org,2002:"  # tags of plain values begin so
_ADDRESSES: Final = ("http://", "https://", "data:")
_MAGIC: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
STORY_KEYS: Final = tuple(get_type_hints(StoryboardOptions))
SCENE_KEYS: Final = tuple(get_type_hints(SceneOptions))
INPUT_KEYS: Final = ("image", "upload", "job", "role", "frame", "strength")
_WEBHOOK_KEYS: Final = tuple(get_type_hints(StoryWebhookOptions))
_OTHERS: Final = (
    "seed",
    "seconds",
    "fps",
    "speed",
    "transition_seconds",
    "music_level",
    "deterministic",
    "deadline_s",
    "preview",
)
_TEXTS: Final = frozenset((*STORY_KEYS, *SCENE_KEYS, "url")) - {*_OTHERS, "scenes", "webhook", "events"}
"""Read to the letter: `language: no` is Norwegian, and `title: 2001` a title."""
_MEANT: Final = {
    **dict.fromkeys(("text", "description", "visual", "show"), "prompt"),
    **dict.fromkeys(("voiceover", "voice_over", "speech", "say", "narrator"), "narration"),
    **dict.fromkeys(("picture", "input_reference", "first_frame"), "image"),
    **dict.fromkeys(("quality", "quality_tier"), "tier"),
    **dict.fromkeys(("shots", "clips", "slides"), "scenes"),
    **dict.fromkeys(("duration", "length"), "seconds"),
    **dict.fromkeys(("subtitle", "subtitles"), "captions"),
    **dict.fromkeys(("music", "music_volume"), "music_level"),
    **dict.fromkeys(("name", "heading"), "title"),
}


class StoryFileError(Exception):
    """The file is no film; `line` counts from 1, and is None where none is to blame."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message, line)
        self.message = message
        self.line = line

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class StoryFile:
    """The fields of `POST /v1/storyboards`, and the lines on which they stand: "scenes[0].prompt" -> 3."""

    body: Mapping[str, object]
    lines: Mapping[str, int] = field(default_factory=dict)

    def line_of(self, param: str | None) -> int | None:
        """The line of a field that the server names, or of what it lies in."""
        while param:
            if param in self.lines:
                return self.lines[param]
            param = param[: max(param.rfind("."), param.rfind("["), 0)]
        return None


def read_story(text: str, folder: Path, outside: bool = False) -> StoryFile:
    """The film of a YAML text. Paths of pictures are relative to `folder` and do not leave it, unless `outside`.

    Raises:
        StoryFileError: it is too large, no YAML, has a name that nobody knows or twice, or a picture that is none.
    """
    if len(text.encode(errors="replace")) > MOST_FILE_BYTES:
        raise StoryFileError(f"it is larger than {MOST_FILE_BYTES // 2**20} MiB")
    reader = _Reader(folder, outside)
    try:
        root = _composed(text)
        body = reader.fields(root, STORY_KEYS, "")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(each for each in (error.context, error.problem) if each)
        raise StoryFileError(said, mark.line + 1 if mark else None) from error
    except yaml.YAMLError as error:
        raise StoryFileError(str(error).splitlines()[0]) from error
    if not body.get("scenes"):
        raise StoryFileError("there are no scenes: a film has a list `scenes`, each with a `prompt`", 1)
    return StoryFile(body, reader.lines)


def _composed(text: str) -> yaml.Node:
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):  # as far as it is read: what is nested deeply takes long
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise StoryFileError("it is nested too deeply", _line(event))
        if isinstance(event, yaml.AliasEvent):
            raise StoryFileError(f"*{event.anchor}: say it once more, names for parts are not read", _line(event))
    root = yaml.compose(text, yaml.SafeLoader)
    if root is None:
        raise StoryFileError("it is empty")
    return root


class _Reader:
    """Reads the nodes of a YAML document as a storyboard, and notes where each field stands."""

    def __init__(self, folder: Path, outside: bool) -> None:
        self.lines: dict[str, int] = {}
        self._pictures = Pictures(folder, outside)
        self._scalars = yaml.SafeLoader("")

    def fields(self, node: yaml.Node, known: Sequence[str], place: str) -> dict[str, object]:
        """The fields of a map at `place`, nulls left out."""
        if not isinstance(node, yaml.MappingNode):
            what = place or "the file"
            raise StoryFileError(f"{what} must be names and values, such as `prompt: a red ball rolls`", _line(node))
        found: dict[str, object] = {}
        seen: set[str] = set()
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name in seen:
                raise StoryFileError(f"{name!r} stands twice", _line(key))
            if name not in known:
                raise StoryFileError(_unknown(name, known), _line(key))
            seen.add(name)
            where = f"{place}.{name}" if place else name
            self.lines[where] = _line(key)
            read = self._value(name, value, where)
            if read is not None:
                found[name] = read
        return found

    def _value(self, name: str, node: yaml.Node, where: str) -> object:
        if not node.tag.startswith(_PLAIN) or ":python" in node.tag:
            raise StoryFileError(f"{where} has a tag, {node.tag}, which means nothing here", _line(node))
        if name == "scenes":
            return self._scenes(node)
        if name == "webhook":
            return None if _is_null(node) else self.fields(node, _WEBHOOK_KEYS, where)
        if name == "image":
            said = self._text(node, where)
            return None if said is None else self._pictures.read(said, _line(node))
        if name == "input_references":
            return self._inputs(node, where)
        if name in _TEXTS:
            return self._text(node, where)
        if isinstance(node, yaml.SequenceNode):
            return [self._text(each, where) for each in node.value]
        return self._scalar(node, where)

    def _scenes(self, node: yaml.Node) -> list[dict[str, object]]:
        if not isinstance(node, yaml.SequenceNode):
            raise StoryFileError("scenes must be a list, each beginning with `- `", _line(node))
        scenes = []
        for at, each in enumerate(node.value):
            place = f"scenes[{at}]"
            self.lines[place] = _line(each)
            scene = {"prompt": each.value} if _is_text(each) else self.fields(each, SCENE_KEYS, place)
            if "prompt" not in scene:
                raise StoryFileError(f"scene {at + 1} has no prompt: say what is to be seen", _line(each))
            scenes.append(scene)
        return scenes

    def _inputs(self, node: yaml.Node, where: str) -> list[dict[str, object]] | None:
        if _is_null(node):
            return None
        if not isinstance(node, yaml.SequenceNode):
            raise StoryFileError(f"{where} must be a list, each with an `image` and its `role`", _line(node))
        return [self.fields(each, INPUT_KEYS, f"{where}[{at}]") for at, each in enumerate(node.value)]

    def _text(self, node: yaml.Node, where: str) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            raise StoryFileError(f"{where} must be a text", _line(node))
        return None if _is_null(node) else str(node.value)

    def _scalar(self, node: yaml.Node, where: str) -> object:
        if not isinstance(node, yaml.ScalarNode):
            raise StoryFileError(f"{where} must be one value", _line(node))
        value = self._scalars.construct_object(node)
        if isinstance(value, float) and not math.isfinite(value):
            raise StoryFileError(f"{where} must be a number, not {node.value}", _line(node))
        if value is not None and not isinstance(value, (str, int, float)):
            return str(node.value)  # a date, say: the server knows what it wants instead
        return value


class Pictures:
    """Reads pictures as data URLs; addresses stay as they are."""

    def __init__(self, folder: Path, outside: bool) -> None:
        self._folder = folder
        self._outside = outside
        self._left = MOST_PICTURES_BYTES

    def read(self, said: str, line: int | None = None) -> str:
        """Raises StoryFileError: it is not there, elsewhere, too large, or no PNG, JPEG or WebP."""
        if said.startswith(_ADDRESSES):
            return said
        content = self._content(Path(said), said, line)
        self._left -= len(content)
        if self._left < 0:
            most = MOST_PICTURES_BYTES // 2**20
            raise StoryFileError(f"{said}: the pictures have more than {most} MiB together", line)
        if not (content.startswith(_MAGIC) or (content[:4] == b"RIFF" and content[8:12] == b"WEBP")):
            raise StoryFileError(f"{said} is no PNG, JPEG or WebP", line)
        return f"data:image/any;base64,{b64encode(content).decode()}"

    def _content(self, path: Path, said: str, line: int | None) -> bytes:
        if "\0" in said:
            raise StoryFileError(f"{said!r} is no path", line)
        folder = Path(os.path.realpath(self._folder))
        place = Path(os.path.realpath(folder / path))  # of what links lead to
        if not self._outside and not place.is_relative_to(folder):
            raise StoryFileError(f"{said} lies outside the file's folder; --outside allows that", line)
        try:
            if not stat.S_ISREG(place.stat().st_mode):
                raise StoryFileError(f"{said} is no file", line)
            with place.open("rb") as file:
                content = file.read(MOST_PICTURE_BYTES + 1)
        except OSError as error:
            raise StoryFileError(f"{said}: {error.strerror or error}", line) from error
        if len(content) > MOST_PICTURE_BYTES:
            raise StoryFileError(f"{said} is larger than {MOST_PICTURE_BYTES // 2**20} MiB", line)
        return content


def _unknown(name: str, known: Sequence[str]) -> str:
    meant = _MEANT.get(name) if _MEANT.get(name) in known else None
    near = meant or next(iter(get_close_matches(name, known, 1, 0.6)), None)
    shown = repr(name if len(name) <= 40 else f"{name[:39]}…")
    return f"{shown} is not known; " + (f"is {near!r} meant?" if near else f"known are {', '.join(known)}")


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _is_text(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not _is_null(node)


def _line(found: yaml.Node | yaml.Event) -> int:
    mark = found.start_mark
    return 1 if mark is None else int(mark.line) + 1
