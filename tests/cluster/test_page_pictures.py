"""What the page and README show is there, of the sizes that were promised, and made by the scripts in the tree."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from app.plan.styles.styles import TEMPLATES
from cluster import style_pictures, tour, wall

ROOT = Path(__file__).resolve().parent.parent.parent


def test_every_style_of_the_server_has_a_small_picture_that_the_page_knows_of() -> None:
    pictures = {path.stem: path for path in style_pictures.STYLES.glob("*.webp")}
    assert set(pictures) == set(TEMPLATES) == set(style_pictures.SUBJECTS)
    for path in pictures.values():
        assert path.stat().st_size <= style_pictures.MOST_BYTES
        with Image.open(path) as picture:
            assert picture.size == (style_pictures.SIDE, style_pictures.SIDE)
    module = (ROOT / "app" / "studio" / "ask" / "styles.js").read_text()
    assert all(f'"{style}"' in module for style in TEMPLATES)


def test_a_picture_fits_or_is_refused() -> None:
    noise = Image.effect_noise((96, 96), 200).convert("RGB")
    with pytest.raises(ValueError, match="bytes"):
        style_pictures.small(Image.merge("RGB", [Image.effect_noise((96, 96), 255) for _ in range(3)]))
    assert len(style_pictures.small(noise.resize((8, 8)))) <= style_pictures.MOST_BYTES


def test_readmes_pictures_move_and_are_not_large() -> None:
    shown = [path for path in ("docs/page.webp", "docs/videos.webp") if f"({path})" in (ROOT / "README.md").read_text()]
    assert "docs/videos.webp" in shown
    assert sum((ROOT / path).stat().st_size for path in shown) <= tour.MOST_BYTES
    for path in shown:
        with Image.open(ROOT / path) as picture:
            moving: Any = picture
            assert moving.n_frames > 8


def test_a_moving_picture_is_made_as_good_as_fits(tmp_path: Path) -> None:
    frames = [Image.effect_noise((64, 64), 80).convert("RGB") for _ in range(6)]
    written = tour.written(frames, tmp_path / "a.webp", 100, 20_000)
    assert (tmp_path / "a.webp").stat().st_size == written <= 20_000
    with pytest.raises(ValueError, match="more than"):
        tour.written(frames, tmp_path / "b.webp", 100, 100)
    assert tour.thinned(frames, 3) == [frames[0], frames[2], frames[4], frames[5]]


def test_three_videos_stand_side_by_side() -> None:
    rows = tour.strip()
    assert rows[0].size == (tour.WIDTH, tour.WIDTH // 3)
    assert len(rows) >= 9


def test_the_clips_of_the_wall_are_small_and_whole() -> None:
    clips = sorted(wall.WALL.glob("*.mp4"))
    assert len(clips) == len(wall.PROMPTS)
    assert sum(path.stat().st_size for path in clips) <= wall.MOST_BYTES
    whole = clips[0].read_bytes()
    for content in (whole, wall.small(whole)):
        with av.open(io.BytesIO(content)) as file:
            assert sum(1 for _ in file.decode(video=0)) == 17
            assert file.duration == 2_125_000
