from __future__ import annotations

from pathlib import Path

import pytest

from app.models.document import BEGIN, END, page, smallest_gib, table
from app.plan.families import FAMILIES, ROWS

ROOT = Path(__file__).parents[2]


def test_the_page_has_the_families_as_they_are() -> None:
    written = (ROOT / "docs" / "models.md").read_text()
    assert written == page(written), "python -m app.models.document"


def test_every_family_has_a_row_with_all_that_it_takes() -> None:
    rows = {line.split("`")[1]: line for line in table().splitlines() if line.startswith("| `")}
    assert rows.keys() == FAMILIES.keys()
    assert "first (needed); last (needed)" in rows["wan2.1-flf2v-14b-720p"]
    assert (
        "up to 3 × reference; control (video, strength); mask (image or video, beside control)"
        in (rows["wan2.1-vace-14b"])
    )
    assert "† `LTXConditionPipeline`" in rows["ltx-video"]
    assert "| 7, distilled |" in rows["ltx-video-distilled"]
    assert "text, as single pictures" in rows["z-image"]


def test_memory_is_that_of_the_largest_part() -> None:
    assert smallest_gib("cogvideox-2b") == pytest.approx(2 * 4.8e9 / 2**30)
    assert smallest_gib("wan2.1-vace-14b") == pytest.approx(17.3e9 / 2**30)
    assert smallest_gib("another") is None
    assert [row.name for row in ROWS if smallest_gib(row.name) is None and not row.name.startswith("ltx-2")] == []


def test_a_page_without_a_place_for_it_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        page("# Models")
    assert page(f"a{BEGIN}old{END}b").startswith(f"a{BEGIN}\n\n| family")
