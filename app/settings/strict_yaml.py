"""YAML as operators write it comes in, values go out; a key that stands twice is refused, not dropped."""

from __future__ import annotations

from typing import Any

import yaml

MERGE = "tag:yaml.org,2002:merge"


class _Strict(yaml.SafeLoader):
    """A SafeLoader in which each key of a map stands once; what is merged in by `<<` may be overridden."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != MERGE and isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def loaded(text: str) -> Any:
    """The value of a document. Raises yaml.YAMLError, also where a key stands twice in one map."""
    return yaml.load(text, _Strict)  # a SafeLoader
