"""What the YAML file of a run may say, and how it is told what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.client.bench.run_config import BadConfig, read_config


def written(folder: Path, text: str) -> Path:
    path = folder / "fast.yaml"
    path.write_text(text)
    return path


def test_a_prompt_is_enough_and_the_file_names_the_run(tmp_path: Path) -> None:
    found = read_config(written(tmp_path, "prompt: a red ball"))
    assert (found.name, found.prompts, found.n, found.concurrency) == ("fast", ("a red ball",), 10, 1)
    assert found.options()["cache"] == {"mode": "off"}


def test_all_that_it_may_say(tmp_path: Path) -> None:
    text = "{name: b, prompts: [a, b], n: 4, concurrency: 2, warmup: 0, cache: on, tier: preview, steps: 9, budget: 5, "
    found = read_config(written(tmp_path, text + "size: 64x64, priority: low, settings: {slots: 4, max_batch: 2}}"))
    asked = {name: value for name, value in found.options().items() if value is not None}
    assert asked == {
        "tier": "preview",
        "steps": 9,
        "budget": 5,
        "size": "64x64",
        "priority": "low",
        "cache": {"mode": "use"},
    }
    assert (found.name, found.warmup, found.settings) == ("b", 0, {"slots": 4, "max_batch": 2})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("promts: [a]", "there is no promts; did you mean prompts?"),
        ("{prompts: [a], concurency: 2}", "did you mean concurrency?"),
        ("prompts: []", "prompts: "),
        ("{prompts: [a], n: 0}", "n: "),
        ("{prompts: [a], cache: maybe}", "cache: "),
        ("- a", "a mapping is needed"),
        ("prompts: [", "fast.yaml"),
        ("{n: 3}", "prompts: Field required"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadConfig) as refused:
        read_config(written(tmp_path, text))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
