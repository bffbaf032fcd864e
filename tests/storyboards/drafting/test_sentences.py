"""Blocks are cut into sentences, in any script."""

from __future__ import annotations

import pytest

from app.storyboards.drafting.markup import Block
from app.storyboards.drafting.sentences import halved, sentences_of, split


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("One. Two! Three? Four… five", ["One.", "Two!", "Three?", "Four… five"]),
        ('He said "Go." Then he left.', ['He said "Go."', "Then he left."]),
        (
            "Dr. No met Mr. J. Bond at 3.5 p.m. in the U.S. bar.",
            ["Dr. No met Mr. J. Bond at 3.5 p.m. in the U.S. bar."],
        ),
        ("It costs 3.50. Really.", ["It costs 3.50.", "Really."]),
        ("So am I. You too.", ["So am I.", "You too."]),
        ("Am 3. Oktober, z.B. um 5 Uhr. Gut.", ["Am 3. Oktober, z.B. um 5 Uhr.", "Gut."]),
        ("太阳升起。“你好！”他说。好", ["太阳升起。", "“你好！”", "他说。", "好"]),
        ("क्या है? यह है। वह।", ["क्या है?", "यह है।", "वह।"]),
        ("ما هذا؟ هذا كتاب.", ["ما هذا؟", "هذا كتاب."]),
        ("Wait... what?! No.", ["Wait... what?!", "No."]),
        ("no end", ["no end"]),
        ("", []),
    ],
)
def test_a_line_is_split_where_sentences_end(line: str, sentences: list[str]) -> None:
    assert list(split(line)) == sentences


def told(*blocks: Block, longest_s: float = 100.0, most_chars: int = 5000) -> list[tuple[str, str | None, bool]]:
    return [(each.text, each.heading, each.opens) for each in sentences_of(blocks, longest_s, most_chars)]


def test_sentences_know_their_heading_and_where_a_scene_has_to_begin() -> None:
    found = told(Block("heading", "Sea", 2), Block("text", "One. Two."), Block("item", "Three"), Block("text", "Four."))
    assert found == [("One.", "Sea", True), ("Two.", "Sea", False), ("Three", "Sea", True), ("Four.", "Sea", False)]


def test_scripts_name_their_scenes_and_speakers() -> None:
    found = told(
        Block(
            "text", "Scene 1: At sea\nA ship sails.\nSzene 2\nNarrator (off): It sinks.\nEXT. HARBOUR - DAY\nMen run."
        ),
        Block("text", "第3场 夜\n人们睡了。\nExtra milk is given."),
    )
    assert found == [
        ("A ship sails.", "At sea", True),
        ("It sinks.", "Szene 2", True),
        ("Men run.", "EXT. HARBOUR - DAY", True),
        ("人们睡了。", "夜", True),
        ("Extra milk is given.", "夜", False),
    ]


def test_lines_in_capitals_are_headings_and_speakers() -> None:
    found = told(Block("text", "THE MOON"), Block("text", "MAN\nI love the sea."), Block("text", "STOP!"))
    assert found == [("I love the sea.", "THE MOON", True), ("STOP!", "THE MOON", False)]


def test_a_sentence_that_takes_long_is_cut_at_its_clauses() -> None:
    long = "The ship sails out to sea, where the wind is strong, and all that the sailors can do is hold on, and wait."
    parts = [text for text, *_ in told(Block("text", long), longest_s=4.0)]
    assert len(parts) > 1
    assert " ".join(parts) == long


@pytest.mark.parametrize("text", ["word " * 3000, "x" * 12_000, "猫" * 12_000])
def test_no_sentence_is_longer_than_a_scene_holds(text: str) -> None:
    parts = [said for said, *_ in told(Block("text", text.strip()), most_chars=5000)]
    assert max(map(len, parts)) <= 5000
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")


def test_what_has_no_letter_is_no_sentence() -> None:
    assert told(Block("text", "... !!! — ,,, 🚀. One.")) == [("One.", None, False)]


def test_a_sentence_is_halved_at_the_clause_nearest_to_its_middle() -> None:
    (whole,) = sentences_of([Block("text", "The sun rises, the birds sing, and all wake up.")], 100.0, 5000)
    assert [each.text for each in halved(whole)] == ["The sun rises, the birds sing,", "and all wake up."]
    (short,) = sentences_of([Block("text", "No clause here.")], 100.0, 5000)
    assert halved(short) == (short,)
