"""The fonts that captions are drawn with."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import matplotlib
import pytest

from app.captions.faces import FOLDER, Faces

DEJAVU = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
MIB = 2**20


@pytest.mark.parametrize(
    "text",
    [
        *("Ærøskøbing Łódź Tiếng Việt", "Ελληνικά ώ", "Привіт ґ", "العربية پچگ ڑ", "עברית שָׁ", "नमस्ते क्षि", "ไทย กำ"),
        *("日本語ひらがなカタカナ、。「」", "简体字汉语", "繁體字漢語", "한국어 뷁", "বাংলা", "தமிழ்", "తెలుగు", "ગુજરાતી"),
        *("ਪੰਜਾਬੀ", "ಕನ್ನಡ", "മലയാളം", "සිංහල", "ລາວ", "ខ្មែរ", "မြန်မာ", "አማርኛ", "Հայերեն", "ქართული", "ଓଡ଼ିଆ"),
        *("😀👨\u200d👩\u200d👧❤\ufe0f🇩🇪1\ufe0f\u20e3", "→★♪♫☑∑≠€₹₿™…—“”"),
    ],
)
def test_the_package_brings_a_font_for_it(text: str) -> None:
    faces = Faces()
    assert not [letter for letter in text if faces.face_for(letter) is None]


def test_emoji_are_drawn_as_such_and_their_digits_as_text() -> None:
    faces = Faces()
    names = [face.path.name for text in ("😀", "❤\ufe0f", "1\ufe0f\u20e3", "1") if (face := faces.face_for(text))]
    assert names == [*3 * ["NotoEmoji-Regular.woff"], "NotoSans-Regular.woff"]


def test_what_none_has_is_found_out() -> None:
    assert Faces().face_for("\U00013000") is None  # a hieroglyph
    assert Faces().face_for("\ue000") is None


def test_signs_stay_with_the_font_of_the_letters_before_them() -> None:
    faces = Faces()
    arabic = faces.face_for("ع")
    assert arabic is not None
    assert (faces.face_for(".", arabic), faces.face_for("a", arabic)) == (arabic, faces.face_for("a"))


@pytest.mark.parametrize("whole_folder", [True, False])
def test_an_operators_own_fonts_are_asked_first(tmp_path: Path, whole_folder: bool) -> None:
    own = Path(shutil.copy(DEJAVU, tmp_path))
    faces = Faces(tmp_path if whole_folder else own)
    found = [faces.face_for(letter) for letter in "a東"]
    assert [face.path for face in found if face] == [own, FOLDER / "NotoSansCJK-Subset.otf"]


def test_a_file_that_is_no_font_is_left_out_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken.ttf").write_bytes(DEJAVU.read_bytes()[:5000])
    (tmp_path / "text.otf").write_text("no font")
    (tmp_path / "fonts.ttc").write_bytes(b"ttcf")
    with caplog.at_level(logging.WARNING):
        faces = Faces(tmp_path)
        missing = Faces(tmp_path / "nowhere")
    assert all(face and face.path.parent == FOLDER for face in (faces.face_for("a"), missing.face_for("a")))
    assert all(name in caplog.text for name in ("broken.ttf", "text.otf", "fonts.ttc", "nowhere", "No font in"))


def test_they_are_small_and_have_their_licence_beside_them() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 6.5 * MIB
    assert "SIL OPEN FONT LICENSE Version 1.1" in (FOLDER / "OFL.txt").read_text()
    told = (FOLDER / "README.md").read_text()
    assert all(source in told for source in ("fonts-noto-core", "fonts-noto-cjk", "@fontsource/noto-emoji"))
