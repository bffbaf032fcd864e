"""What captions need, as Settings say."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest

from app.captions.writer import ModelCaptions, PlainCaptions
from app.models.captions import open_caption_writer, open_faces
from app.settings import Settings

pytestmark = pytest.mark.anyio


def test_captions_are_plain_unless_a_model_is_configured() -> None:
    assert isinstance(open_caption_writer(Settings()), PlainCaptions)
    assert isinstance(open_caption_writer(Settings(caption_model="any")), ModelCaptions)


async def test_a_model_that_is_not_there_leaves_it_to_the_rules(tmp_path: Path) -> None:
    captions = open_caption_writer(Settings(caption_model=str(tmp_path)))
    assert await captions.caption("a red panda", None, "en") == "a red panda"


def test_the_fonts_of_the_settings_are_asked_first() -> None:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    face = open_faces(Settings(caption_fonts=folder / "DejaVuSans.ttf")).face_for("a")
    assert face is not None
    assert face.path.name == "DejaVuSans.ttf"
