"""Lines as runs of one font and one direction."""

from __future__ import annotations

from app.captions.faces import Faces
from app.captions.runs import missing_letters, set_line


def test_a_run_is_what_one_font_draws_in_one_direction() -> None:
    line = set_line("ab אב, 12 漢", Faces(), 0)
    assert [(run.text, run.turned) for run in line.runs] == [
        ("ab ", False),
        ("12", False),
        (", ", True),  # the Hebrew font has no comma
        ("אב", True),
        (" ", False),
        ("漢", False),
    ]
    assert line.missing == ()


def test_a_line_read_from_the_right_begins_there() -> None:
    assert [run.text for run in set_line("אב ab", Faces(), 1).runs] == ["ab", "אב "]


def test_what_no_font_has_is_told_before_anything_is_drawn() -> None:
    text = "a\U00013000\nb\U00013000\ue000 👨\u200d👩\u200d👧 می\u200cخواهم"
    assert missing_letters(text, Faces()) == ("\U00013000", "\ue000")
