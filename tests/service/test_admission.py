from __future__ import annotations

from dataclasses import replace

import pytest

from app.errors import Overloaded
from app.jobs.board import BACKLOG, ENTERED, MemoryBoard
from app.line.backlog import backlog_to_note
from app.line.dispatch import Pool
from app.line.wait_estimates import counter_of, measure
from app.service.admission import admit, named
from app.settings import Settings
from app.types import Artifact, CacheMode, Job, OwnVideo, UploadedPicture, VideoRequest, Webhook, WishedInput, Wishes
from tests.line.make import job

pytestmark = pytest.mark.anyio
SETTINGS = Settings(max_wait_s=5.0)


def urgent(number: int) -> Job:
    return replace(job(number), wishes=Wishes(priority="high"))


async def noted(board: MemoryBoard, replicas: int = 1) -> None:
    backlog = measure([], [], {"main": Pool(8, 0, replicas)}, now=0.0, entered=await board.counters(ENTERED))
    await board.put(BACKLOG, backlog_to_note(backlog), 60.0)


async def test_a_crowd_that_comes_before_the_dispatcher_looks_again_is_let_in_one_behind_the_other() -> None:
    board = MemoryBoard()
    await noted(board)
    promised = [await admit(job(number), board, SETTINGS) for number in range(3)]
    assert promised == [0.0, 2.0, 4.0]  # each has two seconds of work
    with pytest.raises(Overloaded):
        await admit(job(3), board, SETTINGS)
    assert await board.counters(ENTERED) == {counter_of(job(0)): 6.0}, "who was refused is no longer in the way"


async def test_what_the_dispatcher_has_seen_since_counts_once() -> None:
    board = MemoryBoard()
    await admit(job(0), board, SETTINGS)
    await noted(board)
    assert await admit(job(1), board, SETTINGS) == 0.0


async def test_only_those_who_go_before_it_hold_a_job_up_and_replicas_share_them() -> None:
    board = MemoryBoard()
    await noted(board, replicas=2)
    await admit(job(0), board, SETTINGS)
    assert await admit(urgent(1), board, SETTINGS) == 0.0
    assert await admit(job(2, "draft"), board, SETTINGS) == 0.0
    assert await admit(job(3), board, SETTINGS) == 2.0  # two of two seconds, on two replicas


async def test_a_note_without_a_tally_is_read_as_before() -> None:
    board = MemoryBoard()
    note = backlog_to_note(measure([], [], {"main": Pool(8, 0, 1)}, now=0.0))
    await board.put(BACKLOG, {name: value for name, value in note.items() if name != "entered"}, 60.0)
    assert [await admit(job(number), board, SETTINGS) for number in range(2)] == [0.0, 0.0]


async def test_without_a_note_nothing_is_promised() -> None:
    assert await admit(job(0), MemoryBoard(), SETTINGS) is None


def test_a_key_that_was_kept_by_an_earlier_version_still_names_its_request() -> None:
    asked = VideoRequest("a red ball")
    full = replace(
        asked,
        seed=7,
        image=Artifact("inputs/x.png", "image/png", 9),
        wishes=Wishes(
            cache=CacheMode.READ,
            cache_ttl_s=60.0,
            priority="high",
            deadline_s=30.5,
            user="me",
            webhook=Webhook("https://example.com/hook"),
            after=("video_0123456789",),
        ),
    )
    kept = [once.digest for each in (asked, full) if (once := named(each, "k", 1.0)) is not None]
    assert kept == [
        "ee6a6f101c23d7449b55c4318e6a7c45f8aa115bbd5b1a694f260f6d67a1933d",
        "c3646a09c034eecc8428ee1479e65517912845eed59bcdc01af9e09dfbf92c10",
    ]


def test_a_request_without_the_newer_fields_is_known_by_the_digest_that_it_always_had() -> None:
    request = VideoRequest("a red ball", seed=7)
    older = named(request, "k", 1.0)
    assert older is not None
    assert older.digest == "5e30017fab4d049103117d28637169c1ded6be44ac88f9703b3ac52a0978e04c"
    for newer in ({"loras": (("ink", 1.0),)}, {"shift": 5.0}, {"aspect_ratio": "1:1"}, {"resolution": "720p"}):
        name = named(replace(request, **newer), "k", 1.0)
        assert name is not None
        assert name.digest != older.digest


def test_a_key_names_inputs_by_what_they_are_and_not_by_how_they_were_written() -> None:
    wish = WishedInput("last", "image", b"png", "input_references[0]")
    others = [
        replace(wish, source=b"another"),
        replace(wish, role="reference"),
        replace(wish, strength=0.5),
        replace(wish, frame=8),
        replace(wish, source=UploadedPicture("upload_1")),
        replace(wish, source=OwnVideo("upload_1")),
    ]
    request = VideoRequest("a red ball")
    keys = {named(replace(request, references=(each,)), "k", 1.0) for each in (wish, *others)}
    assert len(keys) == len(others) + 1
    assert named(replace(request, references=(replace(wish, place="last_frame"),)), "k", 1.0) in keys
