from __future__ import annotations

from pathlib import Path

import pytest

from app.models.document import BEGIN, END, FEW_BEGIN, FEW_END, few_table, page, smallest_gib, table
from app.models.published import PUBLISHED, numbers_of
from app.plan.families import FAMILIES, ROWS
from app.plan.few_step import FEW_STEPS

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
    assert smallest_gib("cogvideox-2b") == pytest.approx(2 * 4.8e9 / 2**30, rel=0.01)
    assert smallest_gib("wan2.1-vace-14b") == pytest.approx(17.3e9 / 2**30, rel=0.01)
    assert smallest_gib("another") is None
    assert [row.name for row in ROWS if row.name not in PUBLISHED] == []


@pytest.mark.parametrize(
    ("family", "denoiser", "text"),
    [
        ("wan2.1-t2v-1.3b", 1.4, 5.7),
        ("wan2.1-vace-1.3b", 2.2, 5.7),
        ("wan2.2-ti2v-5b", 5.0, 5.7),
        ("wan2.1-vace-14b", 17.3, 5.7),
        ("wan2.1-i2v-14b-480p", 16.4, 5.7),
        ("wan2.1-flf2v-14b-720p", 16.4, 5.7),
        ("wan2.2-t2v-a14b", 14.3, 5.7),
        ("ltx-2", 18.9, 11.8),
        ("ltx-video", 1.9, 4.8),
        ("hunyuan-video-1.5-480p", 8.3, 7.1),
        ("hunyuan-video", 12.8, 7.5),
        ("cogvideox-2b", 1.7, 4.8),
        ("cogvideox-5b", 5.6, 4.8),
        ("z-image-turbo", 6.2, 4.0),
    ],
)
def test_the_layers_are_as_many_as_the_model_cards_say(family: str, denoiser: float, text: float) -> None:
    """In thousand millions; a card's 11.8 of LTX-2's Gemma leaves its eyes out."""
    counted = numbers_of(family)
    assert counted["transformer"] / 1e9 == pytest.approx(denoiser, rel=0.03)
    assert counted["text_encoder"] / 1e9 == pytest.approx(text, rel=0.04)


def test_the_few_step_methods_have_a_table_of_their_own() -> None:
    rows = few_table().splitlines()[2:]
    assert len(rows) == sum(len(row.families) for row in FEW_STEPS)
    assert any("`lightx2v`" in row and "0.9375" in row and "https://" in row for row in rows)


def test_a_page_without_a_place_for_it_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        page("# Models")
    with pytest.raises(ValueError, match="the few steps"):
        page(f"a{BEGIN}old{END}b")
    assert page(f"a{BEGIN}old{END}b{FEW_BEGIN}{FEW_END}").startswith(f"a{BEGIN}\n\n| family")
