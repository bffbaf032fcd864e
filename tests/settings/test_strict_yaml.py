from __future__ import annotations

import pytest
import yaml

from app.settings.strict_yaml import loaded


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(yaml.YAMLError, match="'slots' stands twice"):
        loaded("args: {slots: 1, max_batch: 2, slots: 3}")
    assert loaded("a: &a {x: 1}\nb: {<<: *a, x: 2}") == {"a": {"x": 1}, "b": {"x": 2}}
