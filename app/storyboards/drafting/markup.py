"""A text as people have it comes in, be it plain, Markdown or HTML; its headings, paragraphs and list items go out.

All of it takes time in proportion to the text, whatever it holds: no pattern here can try one place twice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Final, Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.storyboards.drafting.lines import rejoined

Kind = Literal["heading", "text", "item"]


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a paragraph or a list item; its lines are separated by line feeds where each is a unit of its own."""

    kind: Kind
    text: str
    level: int = 0  # of a heading, from 1


_HTML: Final = re.compile(r"<!doctype html|<html[\s>]|</(?:p|div|h[1-6]|li|ul|ol|article|section|body|td)>", re.I)
_TAG: Final = re.compile(r"<(/?)([a-z][a-z0-9:-]*(?![a-z0-9:-]))((?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*)>", re.I)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_UNSEEN: Final = _names("script style pre code svg math template noscript head nav table iframe object")
_BLOCKS: Final = _names(
    "p div article section main header footer aside blockquote figure figcaption body html ul ol dl dt dd hr tr form"
    " address details summary"
)
_HEADING: Final = re.compile(r"h([1-6])", re.I)
_DECLARATION: Final = re.compile(r"<[!?][^<>]*>")
_IMAGE: Final = re.compile(r"!\[[^\[\]]*\]\((?:[^()]|\([^()]*\))*\)")
_LINK: Final = re.compile(r"\[([^\[\]]*)\](?:\((?:[^()]|\([^()]*\))*\)|\[[^\[\]]*\])")
_ADDRESS: Final = re.compile(r"(?:https?://|ftp://|www\.)[!-~]+", re.I)
_BEHIND: Final = ".,;:!?)]}'\""  # of an address: belongs to the sentence
_ROW: Final = re.compile(r"^[ \t]{0,3}(?:\||[ \t]*:?-{3,}:?[ \t]*\|).*$", re.M)
_WORDS_ALONE: Final = re.compile(r"[\w ,.'’-]{1,60}")  # of inline code: a name, not a program
_LINE_ENDS: Final = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_MOST_LINES: Final = 10_000  # of Markdown; 200 kB of more and shorter lines are read as they are: no one wrote those
_KEPT_FORMATS: Final = frozenset("\n\t\u200c\u200d")  # joiners: Persian, Indic scripts, emoji families

_MARKDOWN: Final = MarkdownIt("commonmark").disable(  # indented text is text: scripts indent what is said
    ["code", "reference", "link", "image", "html_block", "html_inline", "autolink"]
)


def cleaned(text: str) -> str:
    """The text with line feeds for line ends, without control, format, private and unassigned characters."""
    text = _LINE_ENDS.sub("\n", text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char for char in text if char in _KEPT_FORMATS or char.isspace() or unicodedata.category(char)[0] != "C"
    )


def blocks_of(text: str) -> tuple[Block, ...]:
    """What is there to read: code, tables, pictures and addresses are left out. `text` is cleaned."""
    found = _html(text) if _HTML.search(text) else _markdown(text)
    kept = ((block, _plain(block.text)) for block in found)
    return tuple(Block(block.kind, said, block.level) for block, said in kept if any(map(str.isalnum, said)))


def _plain(text: str) -> str:
    """Without addresses; each line trimmed, white space in it collapsed."""
    text = _ADDRESS.sub(_behind, cleaned(text))
    return "\n".join(line for each in text.split("\n") if (line := " ".join(each.split())))


def _behind(address: re.Match[str]) -> str:
    """The marks at an address's end that belong to the sentence."""
    said = address[0]
    bare = said.rstrip(_BEHIND)
    if said[len(bare) :].startswith(")") and bare.count("(") > bare.count(")"):
        bare += ")"
    return said[len(bare) :]


def _markdown(text: str) -> Iterator[Block]:
    text = _ROW.sub("", _front(_TAG.sub(_break, _without_comments(text))))
    text = _LINK.sub(r"\1", _IMAGE.sub("", text))
    if text.count("\n") > _MOST_LINES:
        yield from (Block("text", rejoined(part)) for part in text.split("\n\n"))
        return
    kind, level = "text", 0
    for token in _MARKDOWN.parse(text):
        if token.type == "heading_open":
            kind, level = "heading", int(token.tag[1:])
        elif token.type == "list_item_open":
            kind = "item"
        elif token.type == "list_item_close":
            kind = "text"
        elif token.type == "inline":
            said = _inline(token)
            if kind == "heading":
                yield Block("heading", said.replace("\n", " "), level)
            else:
                yield Block("item" if kind == "item" else "text", rejoined(said))
            kind = "text"  # a second paragraph of an item is text


def _break(tag: re.Match[str]) -> str:
    return "\n\n" if tag[2].lower() in ("p", "br", "div") else ""


def _front(text: str) -> str:
    """Without the YAML that some put before Markdown."""
    if text.startswith("---\n"):
        end = text.find("\n---\n", 3)
        return text if end < 0 else text[end + 5 :]
    return text


def _inline(token: Token) -> str:
    said = []
    for each in token.children or ():
        if each.type in ("softbreak", "hardbreak"):
            said.append("\n")
        elif each.type == "code_inline":
            said.append(each.content if _WORDS_ALONE.fullmatch(each.content) else "")
        else:
            said.append(each.content)
    return "".join(said)


def _without_comments(text: str) -> str:
    """Without `<!-- -->`, one of which that is never closed stays, and without declarations."""
    kept, at = [], 0
    while (start := text.find("<!--", at)) >= 0:
        end = text.find("-->", start + 4)
        if end < 0:
            break
        kept.append(text[at:start])
        at = end + 3
    return _DECLARATION.sub("", "".join((*kept, text[at:])))


def _html(text: str) -> Iterator[Block]:
    """By tags alone, without a tree: the parser of Python 3.11 takes minutes for 200 kB that are made for it."""
    text = _without_comments(text)
    kind: Kind = "text"
    level, hidden, at = 0, "", 0
    said: list[str] = []
    for tag in _TAG.finditer(text):
        if not hidden:
            said.append(text[at : tag.start()])
        at = tag.end()
        name, closes = tag[2].lower(), bool(tag[1])
        if hidden:  # until the tag that opened it is closed
            hidden = "" if closes and name == hidden else hidden
        elif name in _UNSEEN and not closes and not tag[3].endswith("/"):
            hidden = name
        elif name == "br":
            said.append("\n\n")
        elif name in _BLOCKS or name == "li" or _HEADING.fullmatch(name):
            yield from _said(kind, said, level)
            said.clear()
            kind, level = _opened(name) if not closes else ("text", 0)
    if not hidden:
        said.append(text[at:])
    yield from _said(kind, said, level)


def _opened(name: str) -> tuple[Kind, int]:
    if name == "li":
        return "item", 0
    heading = _HEADING.fullmatch(name)
    return ("heading", int(heading[1])) if heading else ("text", 0)


def _said(kind: Kind, said: list[str], level: int) -> Iterator[Block]:
    for number, part in enumerate(unescape("".join(said)).split("\n\n")):
        if part.strip():
            yield Block(kind if number == 0 or kind == "heading" else "text", " ".join(part.split()), level)
