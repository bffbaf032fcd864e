"""A storyboard as the server drafted it comes in; the YAML that `kinoray story` reads goes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from app.client.show import plain
from app.client.story_file import SCENE_KEYS, STORY_KEYS

_WIDTH = 100


class _Dumper(yaml.SafeDumper):
    """Texts of several sentences as folded blocks would be; lists of scenes under their name, not beside it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def story_yaml(storyboard: Mapping[str, Any], remarks: Iterable[str] = ()) -> str:
    """What `read_story` reads as that storyboard; `remarks` stand before it as comments. Unknown fields stay out."""
    scenes = [_fields(scene, SCENE_KEYS) for scene in storyboard.get("scenes") or ()]
    body = {**_fields(storyboard, STORY_KEYS), "scenes": scenes}
    text = yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return "".join(f"# {plain(remark)}\n" for remark in remarks) + text


def _fields(record: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Its fields that may be sent, without those that say nothing."""
    names = [name for name in known if name != "scenes"]
    return {name: record[name] for name in names if record.get(name) not in (None, "", [])}
