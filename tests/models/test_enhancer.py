"""What expands prompts, as Settings say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.models.enhancer import open_enhancer
from app.plan.prompt.enhance import ModelEnhancer, RuleEnhancer
from app.settings import Settings

pytestmark = pytest.mark.anyio


def test_rules_are_the_default_and_a_model_can_be_configured() -> None:
    assert isinstance(open_enhancer(Settings()), RuleEnhancer)
    assert isinstance(open_enhancer(Settings(enhancer_model="any")), ModelEnhancer)


async def test_a_model_that_is_not_there_leaves_it_to_the_rules(tmp_path: Path) -> None:
    enhancer = open_enhancer(Settings(enhancer_model=str(tmp_path), enhancer_timeout_s=9))
    found = await enhancer.enhance("a crimson ball", "kinoray-shapes")
    assert found.prompt == "a red circle standing still on a black background"
    assert "The language model was not used" in found.reason


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = "import sys, app.models.enhancer; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
