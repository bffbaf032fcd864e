"""Favourites and tags of every JobStore: set, found, counted, gone with their video."""

from __future__ import annotations

import pytest

from app.errors import Conflict, InvalidRequest, JobNotFound
from app.jobs import marks
from app.jobs.marks import Among, checked_tags
from app.jobs.memory import MemoryJobs
from app.jobs.redis.jobs import RedisJobs
from app.jobs.store import JobStore
from app.redis.connection import Client
from app.types import Failure
from tests.jobs.make import a_job
from tests.redis_server import MEMORY_AND_REDIS

pytestmark = pytest.mark.anyio
OWN = "a b\nc"  # a tenant's name is any text


@pytest.fixture(params=MEMORY_AND_REDIS)
def jobs(request: pytest.FixtureRequest) -> JobStore:
    if request.param == "memory":
        return MemoryJobs()
    redis: Client = request.getfixturevalue("redis")
    return RedisJobs(redis, request.getfixturevalue("prefix"))


async def made(jobs: JobStore, count: int, tenant: str = OWN) -> list[str]:
    """Ids of that many jobs, the oldest first."""
    found = [a_job(100.0 + number, tenant=tenant) for number in range(count)]
    for job in found:
        await jobs.create(job)
    return [job.id for job in found]


async def ids(jobs: JobStore, among: Among, after: str | None = None, limit: int = 9, newest: bool = True) -> list[str]:
    return [job.id for job in (await jobs.list_marked(OWN, among, after, limit, newest)).jobs]


async def test_what_is_marked_is_read_and_moves_nobodys_fence(jobs: JobStore) -> None:
    (video,) = await made(jobs, 1)
    lease = await jobs.lease(video, "main", 30.0, 200.0)
    marked = await jobs.mark(video, OWN, True, ("cats", "für später"))
    assert (marked.favourite, marked.tags, marked.fence) == (True, ("cats", "für später"), lease.fence)
    assert await jobs.get(video) == marked
    assert (await jobs.mark(video, OWN, None, ())).favourite
    assert not (await jobs.mark(video, OWN, False, None)).favourite
    assert (await jobs.mark(video, OWN, rating=2)).rating == 2
    assert (await jobs.get(video)).rating == 2
    ended = await jobs.fail(video, lease.fence, Failure("x", "y"), 300.0)
    assert (await jobs.mark(video, OWN, True, None)).phase == ended.phase


async def test_those_with_all_of_what_is_asked_for_are_listed_in_order(jobs: JobStore) -> None:
    made_ids = await made(jobs, 6)
    one, two, three, four, _, six = made_ids
    for video in (one, two, four, six):
        await jobs.mark(video, OWN, None, ("cats",))
    await jobs.mark(two, OWN, True, ("cats", "red"))
    await jobs.mark(six, OWN, True, None)
    await jobs.mark(three, OWN, True, ("red",))
    assert await ids(jobs, Among(tags=("cats",))) == [six, four, two, one]
    assert await ids(jobs, Among(tags=("cats",)), newest=False) == [one, two, four, six]
    assert await ids(jobs, Among(favourite=True)) == [six, three, two]
    assert await ids(jobs, Among(True, ("cats",))) == [six, two]
    assert await ids(jobs, Among(True, ("red", "cats"))) == [two]
    assert await ids(jobs, Among(tags=("dogs",))) == []
    assert await jobs.tags(OWN) == {"cats": 4, "red": 2}
    assert await jobs.tags("public") == {}


@pytest.mark.parametrize("among", [Among(tags=("cats",)), Among(True, ("cats",))])
@pytest.mark.parametrize("newest", [True, False])
async def test_a_page_goes_on_behind_what_has_left_the_list_or_is_gone(
    among: Among, newest: bool, jobs: JobStore
) -> None:
    for video in await made(jobs, 5):
        await jobs.mark(video, OWN, True, ("cats",))
    whole = await ids(jobs, among, newest=newest)
    page = await jobs.list_marked(OWN, among, None, 2, newest)
    assert ([job.id for job in page.jobs], page.has_more) == (whole[:2], True)
    await jobs.mark(whole[1], OWN, False, ())
    assert await ids(jobs, among, whole[1], newest=newest) == whole[2:]
    await jobs.delete(whole[2], OWN)
    assert await ids(jobs, among, whole[2], newest=newest) == whole[3:]
    assert not (await jobs.list_marked(OWN, among, whole[3], 2, newest)).has_more
    with pytest.raises(JobNotFound):
        await ids(jobs, among, a_job().id)


async def test_what_is_deleted_leaves_no_mark(jobs: JobStore) -> None:
    one, two = await made(jobs, 2)
    await jobs.mark(one, OWN, True, ("cats", "red"))
    await jobs.mark(two, OWN, False, ("cats",))
    await jobs.delete(one, OWN)
    assert await jobs.tags(OWN) == {"cats": 1}
    assert await ids(jobs, Among(favourite=True)) == []
    assert await ids(jobs, Among(tags=("red",))) == []


async def test_nobody_marks_or_sees_what_is_anothers(jobs: JobStore) -> None:
    (video,) = await made(jobs, 1, "a")
    (other,) = await made(jobs, 1, "a\nb")
    await jobs.mark(video, "a", True, ("b c",))
    await jobs.mark(other, "a\nb", True, ("c",))
    with pytest.raises(JobNotFound):
        await jobs.mark(video, "a\nb", True, None)
    with pytest.raises(JobNotFound):
        await jobs.list_marked("a\nb", Among(True), video, 9, True)
    assert [job.id for job in (await jobs.list_marked("a\nb", Among(tags=("c",)), None, 9, True)).jobs] == [other]


async def test_a_tenant_has_so_many_different_tags(jobs: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("app.jobs.memory_marks", "app.jobs.redis.marks"):
        monkeypatch.setattr(f"{module}.MOST_TAGS_OF_TENANT", 3)
    one, two = await made(jobs, 2)
    await jobs.mark(one, OWN, None, ("a", "b"))
    await jobs.mark(two, OWN, None, ("a", "c"))
    with pytest.raises(Conflict, match="different tags"):
        await jobs.mark(two, OWN, True, ("a", "c", "d"))
    assert not (await jobs.get(two)).favourite
    assert (await jobs.mark(two, OWN, None, ("a", "d"))).tags == ("a", "d")  # c has no other video
    assert await jobs.tags(OWN) == {"a": 2, "b": 1, "d": 1}


def test_tags_are_written_in_one_way() -> None:
    assert checked_tags(["  two   words ", "two words", "u\u0308ber"]) == ("two words", "über")
    for wrong in ("", " ", "a\u202eb", "a\x00b", "a" * 41, "a" * 10**6, "\ud800"):
        with pytest.raises(InvalidRequest):
            checked_tags([wrong])
    with pytest.raises(InvalidRequest, match="20 tags"):
        checked_tags([str(number) for number in range(marks.MOST_TAGS + 1)])
