"""Texts as people have them are read as headings, paragraphs and list items."""

from __future__ import annotations

import pytest

from app.storyboards.drafting.markup import Block, blocks_of, cleaned

ARTICLE = """---
title: hidden
---
# The sun

Our **sun** is a [star](https://example.com/a(b) "t"), see https://example.com/x?y=1. It is *old*.
![a picture](sun.png)

```python
print("code")
```

| a | b |
|---|---|
| 1 | 2 |

- It `burns`; not `x = f(y)`.
- It <b>shines</b>.

<!-- nobody sees this -->
    Indented speech stays.
"""
PAGE = """<!DOCTYPE html><html><head><title>x</title><style>p { color: red }</style></head>
<body><nav><a href="/">Home</a></nav><h1>Big &amp; small</h1>
<p>Hello <b title="a > b">world</b>.<br>It is&nbsp;nice.</p><script>if (a < b) alert("</p>")</script>
<h2>Two</h2><ul><li>One</li><li>Two &#x202e;three</li></ul><pre>code</pre><p>Unclosed"""


def read(text: str) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in blocks_of(cleaned(text))]


def test_markdown_is_read_without_what_is_only_for_the_eye() -> None:
    assert read(ARTICLE) == [
        ("heading", "The sun"),
        ("text", "Our sun is a star, see . It is old."),
        ("item", "It burns; not ."),
        ("item", "It shines."),
        ("text", "Indented speech stays."),
    ]


def test_html_is_read_by_its_blocks() -> None:
    assert read(PAGE) == [
        ("heading", "Big & small"),
        ("text", "Hello world."),
        ("text", "It is nice."),
        ("heading", "Two"),
        ("item", "One"),
        ("item", "Two three"),
        ("text", "Unclosed"),
    ]


def test_headings_know_their_level() -> None:
    assert blocks_of("# One\n\n### Three\n\ntext")[:2] == (Block("heading", "One", 1), Block("heading", "Three", 3))
    assert blocks_of("<h2>Two</h2><p>text</p>")[0].level == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\x00\x07b\u202ec\ufeff\u200bd\ue000", "abcd"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("tab\there", "tab\there"),
        ("\ud800x", "x"),
    ],
)
def test_characters_that_nobody_sees_are_gone(text: str, said: str) -> None:
    assert cleaned(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("See (https://a.b/c_(d)) now.", "See () now."),
        ("See https://a.b/c. Then go.", "See . Then go."),
        ("参照https://a.b/cです。", "参照です。"),
        ("www.a.b is gone", "is gone"),
    ],
)
def test_addresses_leave_the_marks_of_the_sentence(text: str, said: str) -> None:
    assert read(text) == [("text", said)]


def test_a_comparison_is_no_tag() -> None:
    assert read("If 1 < 2 and 3 > 2, all is well.") == [("text", "If 1 < 2 and 3 > 2, all is well.")]
