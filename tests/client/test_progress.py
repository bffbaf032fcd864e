from __future__ import annotations

import io

import pytest
from rich.console import Console

from app.client.progress import LiveBar, PlainLines, Standing, screen
from app.client.records import VideoEvent


def told(kind: str, **data: object) -> VideoEvent:
    return VideoEvent("1", kind, data)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], "queued"),
        ([told("queue", position=0, eta_s=None)], "queued, next in line"),
        ([told("queue", position=3, eta_s=12.4)], "queued, 3 ahead, about 12 s to go"),
        (
            [told("queue", position=0, eta_s=40.0, reason="pool_starting")],
            "queued, next in line, a replica is starting, about 40 s to go",
        ),
        ([told("queue", position=3, eta_s=12.4), told("phase", phase="encoding")], "encoding"),
        ([told("step", step=4, total_steps=25, eta_s=0.2)], "denoising, step 4 of 25, less than a second to go"),
        ([told("step", step=25, total_steps=25, eta_s=None), told("phase", phase="decoding")], "decoding"),
        ([told("snapshot", phase="denoising", step=2, total_steps=9)], "denoising, step 2 of 9"),
        ([told("a_newer_kind", step=2), told("end", status="failed")], "failed"),
    ],
)
def test_events_become_words(events: list[VideoEvent], words: str) -> None:
    standing = Standing()
    for event in events:
        standing = standing.after(event)
    assert standing.words() == words


def test_plain_lines_stay_few() -> None:
    paper = io.StringIO()
    with screen(Console(file=paper)) as shown:
        assert isinstance(shown, PlainLines)
        for step in range(1, 101):
            shown.see(told("step", step=step, total_steps=100, eta_s=None))
    assert len(paper.getvalue().splitlines()) == 11


def test_a_terminal_gets_a_live_bar() -> None:
    paper = io.StringIO()
    with screen(Console(file=paper, force_terminal=True, width=100)) as shown:
        assert isinstance(shown, LiveBar)
        shown.see(told("queue", position=2, eta_s=3.0))
        shown.see(told("step", step=4, total_steps=25, eta_s=1.5))
    assert "denoising, step 4 of 25, about 2 s to go" in paper.getvalue()
