"""The stores that every promise about storyboards is asked of, each beside its outbox and board."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from app.jobs.board import Board, MemoryBoard
from app.jobs.memory import MemoryJobs
from app.jobs.outbox import MemoryOutbox, Outbox
from app.jobs.redis.board import RedisBoard
from app.jobs.redis.outbox import RedisOutbox
from app.jobs.storyboards.memory import MemoryStoryboards
from app.jobs.storyboards.redis_storyboards import RedisStoryboards
from app.jobs.storyboards.store import StoryboardStore
from app.redis.connection import Client
from tests.redis_pair import pair, replicated
from tests.redis_server import MEMORY_AND_REDIS

__all__ = ["pair", "replicated"]


@dataclass
class Kept:
    stories: StoryboardStore
    outbox: Outbox
    board: Board


@pytest.fixture(params=MEMORY_AND_REDIS)
def kept(request: pytest.FixtureRequest) -> Kept:
    if request.param == "memory":
        jobs, board = MemoryJobs(), MemoryBoard()
        return Kept(MemoryStoryboards(jobs.outbox, board.holds), MemoryOutbox(jobs), board)
    redis: Client = request.getfixturevalue("redis")
    prefix: str = request.getfixturevalue("prefix")
    return Kept(RedisStoryboards(redis, prefix), RedisOutbox(redis, prefix), RedisBoard(redis, prefix))


@pytest.fixture
def stories(kept: Kept) -> StoryboardStore:
    return kept.stories
