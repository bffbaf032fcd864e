"""A file tried in a process of its own, as a router asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ServiceUnavailable
from app.models.adapter_fits import ProcessFits
from app.settings.model_entry import ModelEntry
from tests.engine.families.loading.test_lora import SHAPES, save
from tests.engine.families.saved import save_t2v

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")]


async def test_a_process_tells_how_a_file_fits_and_one_that_is_too_slow_is_ended(tmp_path: Path) -> None:
    save(tmp_path, "strong", save_t2v(tmp_path), SHAPES["strong"])
    entries = (ModelEntry(id="wan", family="wan2.1-t2v-1.3b", source=str(tmp_path)),)
    found = await ProcessFits(entries, 300.0).fit(tmp_path / "strong.safetensors", "wan", "high")
    assert (found.problem, found.layers, found.whole) == (None, 8, True)
    with pytest.raises(ServiceUnavailable, match="in time"):
        await ProcessFits(entries, 0.05).fit(tmp_path / "strong.safetensors", "wan", "high")
