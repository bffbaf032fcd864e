"""What every StoryboardStore promises, asked of the one in memory and of the one in a real Redis."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.errors import ConcurrencyExceeded, Conflict, IllegalTransition, Moved, StoryboardNotFound
from app.jobs.admission_limits import IdempotencyKey, KeyReused
from app.jobs.storyboards.states import LEGAL
from app.jobs.storyboards.store import StoryboardStore
from app.types import Delivery, Failure, Webhook
from app.types.storyboard import Storyboard, StoryPhase
from tests.jobs.storyboards.conftest import Kept
from tests.jobs.storyboards.make import CLIP, HOOK, PICTURE, SPEECH, a_story

pytestmark = pytest.mark.anyio

MOST = 20
LOST = Failure("worker_lost", "The replicas were lost.")
KEY = IdempotencyKey("mine", "digest", 600.0)


async def made(stories: StoryboardStore, created_at: float = 100.0, **changed: Any) -> Storyboard:
    return await stories.create(a_story(created_at, **changed), None, MOST)


async def ended(stories: StoryboardStore, story: Storyboard, phase: StoryPhase = StoryPhase.COMPLETED) -> Storyboard:
    return await stories.replace(replace(story, phase=phase, completed_at=200.0, expires_at=300.0))


async def test_a_created_one_is_read_as_it_was(stories: StoryboardStore) -> None:
    story = await made(stories, 1763000000.123456)
    assert await stories.get(story.id) == await stories.get(story.id, "public") == story
    assert await stories.count_open() == 1


async def test_an_id_is_given_once_but_the_same_call_may_be_made_again(stories: StoryboardStore) -> None:
    story = await made(stories)
    assert await stories.create(story, None, 1) == story
    with pytest.raises(Conflict):
        await stories.create(replace(story, tenant="other"), None, MOST)
    assert await stories.count_open() == 1


async def test_tenants_do_not_see_each_other(stories: StoryboardStore) -> None:
    story = await made(stories, tenant="a:b*")
    for call in (stories.get(story.id, "public"), stories.delete(story.id, "public")):
        with pytest.raises(StoryboardNotFound):
            await call
    assert (await stories.list("public", None, 10, True)).stories == ()
    assert (await stories.list("a:b*", None, 10, True)).stories == (story,)


@pytest.mark.parametrize("story_id", ["../due", "story_x", "due", "*", "story_" + "0" * 32, "video_" + "0" * 32])
async def test_an_id_that_is_none_is_not_found(stories: StoryboardStore, story_id: str) -> None:
    for call in (
        stories.get(story_id),
        stories.delete(story_id, "public"),
        stories.replace(replace(a_story(), id=story_id)),
        stories.list("public", story_id, 9, True),
    ):
        with pytest.raises(StoryboardNotFound):
            await call


async def test_a_key_makes_one_however_often_it_is_asked_for_at_once(stories: StoryboardStore) -> None:
    wants = [stories.create(a_story(), KEY, MOST) for _ in range(10)]
    got = await asyncio.gather(*wants)
    assert len({story.id for story in got}) == 1
    assert await stories.count_open() == 1
    moved_on = await stories.replace(replace(got[0], phase=StoryPhase.MAKING))
    assert await stories.create(a_story(), KEY, 1) == moved_on
    assert (await stories.create(a_story(tenant="other"), KEY, MOST)).tenant == "other"
    with pytest.raises(KeyReused):
        await stories.create(a_story(), replace(KEY, digest="another"), MOST)


async def test_a_key_whose_storyboard_is_deleted_makes_no_other(stories: StoryboardStore) -> None:
    story = await stories.create(a_story(), KEY, MOST)
    await stories.delete(story.id, "public")
    with pytest.raises(Conflict) as refused:
        await stories.create(a_story(), KEY, MOST)
    assert refused.value.error_code == "idempotency_key_spent"
    assert await stories.count_open() == 0


def keyed(number: int) -> IdempotencyKey:
    return replace(KEY, value=str(number))


async def made_with(stories: StoryboardStore, most: int) -> Storyboard:
    return await stories.create(a_story(), None, most)


async def test_a_tenant_has_so_many_open_and_no_more_and_an_end_makes_room(stories: StoryboardStore) -> None:
    got = await asyncio.gather(*(stories.create(a_story(), keyed(n), 3) for n in range(6)), return_exceptions=True)
    story, *_ = kept = [each for each in got if isinstance(each, Storyboard)]
    assert [type(each) for each in got if each not in kept] == [ConcurrencyExceeded] * 3
    await stories.create(a_story(tenant="other"), None, 3)
    await ended(stories, story)
    refused = next(n for n, each in enumerate(got) if isinstance(each, ConcurrencyExceeded))
    again = await stories.create(a_story(), keyed(refused), 3)
    with pytest.raises(ConcurrencyExceeded):
        await made_with(stories, 3)
    await stories.delete(again.id, "public")
    await made_with(stories, 3)


async def test_one_that_is_taken_up_again_counts_as_open(stories: StoryboardStore) -> None:
    done = await ended(stories, await made(stories))
    assert await stories.count_open() == 0
    await stories.replace(replace(done, phase=StoryPhase.MAKING))
    assert await stories.count_open() == 1
    with pytest.raises(ConcurrencyExceeded):
        await made_with(stories, 1)


async def test_lists_go_page_by_page_in_both_directions(stories: StoryboardStore) -> None:
    all_of_them = [await made(stories, float(place)) for place in range(5)]
    first = await stories.list("public", None, 2, True)
    assert (list(first.stories), first.has_more) == (all_of_them[:2:-1], True)
    rest = await stories.list("public", first.stories[-1].id, 5, True)
    assert (list(rest.stories), rest.has_more) == (all_of_them[2::-1], False)
    oldest = await stories.list("public", all_of_them[1].id, 2, False)
    assert (list(oldest.stories), oldest.has_more) == (all_of_them[2:4], True)
    with pytest.raises(StoryboardNotFound):
        await stories.list("public", a_story().id, 2, True)


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_page_goes_on_behind_one_that_is_gone(stories: StoryboardStore, newest_first: bool) -> None:
    for place in range(8):  # two at a time: the id decides
        await made(stories, float(place // 2), tenant="a b\nc")
    whole = [story.id for story in (await stories.list("a b\nc", None, 9, newest_first)).stories]
    seen: list[str] = []
    while True:
        page = await stories.list("a b\nc", seen[-1] if seen else None, 3, newest_first)
        for story in page.stories:
            seen.append((await stories.delete(story.id, "a b\nc")).id)
        if not page.has_more:
            break
    assert seen == whole
    assert (await stories.list("a b\nc", whole[3], 9, newest_first)).stories == ()
    with pytest.raises(StoryboardNotFound):
        await stories.list("public", whole[3], 9, newest_first)


async def test_of_two_writers_of_one_version_one_has_moved_it(stories: StoryboardStore) -> None:
    story = await made(stories)
    writes = [stories.replace(replace(story, revision=2, frames=number)) for number in range(10)]
    got = await asyncio.gather(*writes, return_exceptions=True)
    (won,) = [each for each in got if isinstance(each, Storyboard)]
    lost = [each for each in got if isinstance(each, Moved)]
    assert len(lost) == 9
    assert "revision 2" in str(lost[0])
    assert await stories.get(story.id) == won == replace(story, version=1, revision=2, frames=won.frames)


@pytest.mark.parametrize("before", StoryPhase)
@pytest.mark.parametrize("after", StoryPhase)
async def test_phases_go_by_the_table(stories: StoryboardStore, before: StoryPhase, after: StoryPhase) -> None:
    story = await made(stories, phase=before)
    if after in LEGAL[before]:
        assert (await stories.replace(replace(story, phase=after))).phase is after
    else:
        with pytest.raises(IllegalTransition, match=f"that is {before} cannot become {after}"):
            await stories.replace(replace(story, phase=after))
        assert await stories.get(story.id) == story


async def test_one_that_is_due_is_claimed_by_one_until_its_claim_runs_out(stories: StoryboardStore) -> None:
    story = await made(stories)
    claims = await asyncio.gather(*(stories.claim(100.0, 110.0, 5) for _ in range(10)))
    assert sorted(claims, key=len) == [[]] * 9 + [[story.id]]
    assert list(await stories.claim(109.9, 119.9, 5)) == []
    assert list(await stories.claim(110.0, 120.0, 5)) == [story.id]


async def test_whoever_makes_one_may_claim_it_as_it_does(stories: StoryboardStore) -> None:
    story = await stories.create(a_story(), None, MOST, until=110.0)
    assert list(await stories.claim(109.0, 119.0, 5)) == []
    assert list(await stories.claim(110.0, 120.0, 5)) == [story.id]


async def test_claims_go_to_those_that_are_due_longest_and_to_no_more_than_asked(stories: StoryboardStore) -> None:
    third, first, second = [await made(stories) for _ in range(3)]
    for story, due in ((first, 10.0), (second, 20.0), (third, 30.0)):
        await stories.replace(story, due=due)
    assert list(await stories.claim(30.0, 40.0, 2)) == [first.id, second.id]
    assert list(await stories.claim(30.0, 40.0, 2)) == [third.id]


async def test_those_claimed_and_woken_do_not_hide_those_that_are_free(stories: StoryboardStore) -> None:
    held = [await made(stories) for _ in range(3)]
    assert len(await stories.claim(100.0, 110.0, 3)) == 3
    for story in held:
        await stories.wake(story.id, 0.0)
    free = await made(stories)
    assert list(await stories.claim(101.0, 111.0, 1)) == [free.id]


async def test_a_claim_is_renewed_by_the_fence_that_took_it_up(stories: StoryboardStore) -> None:
    story = await made(stories)
    await stories.claim(100.0, 110.0, 1)
    await stories.replace(replace(story, fence=1))
    assert await stories.renew(story.id, 1, 120.0)
    assert not await stories.renew(story.id, 0, 190.0)
    assert not await stories.renew(a_story().id, 1, 190.0)
    assert list(await stories.claim(119.0, 129.0, 1)) == []
    assert list(await stories.claim(120.0, 130.0, 1)) == [story.id]


async def test_whoever_gives_a_claim_back_says_when_it_is_due(stories: StoryboardStore) -> None:
    story = await made(stories)
    await stories.claim(100.0, 110.0, 1)
    story = await stories.replace(story)
    assert list(await stories.claim(105.0, 115.0, 1)) == []
    await stories.replace(story, due=102.0)
    assert list(await stories.claim(101.0, 111.0, 1)) == []
    assert list(await stories.claim(102.0, 112.0, 1)) == [story.id]


async def test_one_that_is_woken_is_looked_at_sooner_and_never_later(stories: StoryboardStore) -> None:
    story = await stories.replace(await made(stories), due=500.0)
    await stories.wake(story.id, 200.0)
    await stories.wake(story.id, 300.0)
    assert list(await stories.claim(199.0, 210.0, 1)) == []
    assert list(await stories.claim(200.0, 210.0, 1)) == [story.id]


@pytest.mark.parametrize("renewed", [False, True])
async def test_a_wake_waits_for_a_claim_and_is_not_forgotten_with_it(stories: StoryboardStore, renewed: bool) -> None:
    story = await made(stories)
    await stories.claim(100.0, 110.0, 1)
    await stories.wake(story.id, 101.0)
    if renewed:
        assert await stories.renew(story.id, 0, 120.0)
    assert list(await stories.claim(105.0, 115.0, 1)) == []
    await stories.replace(story, due=500.0)
    assert list(await stories.claim(105.0, 115.0, 1)) == [story.id]


async def test_nobody_is_due_that_has_ended_or_is_gone(stories: StoryboardStore) -> None:
    done, gone = await made(stories), await made(stories)
    await ended(stories, done)
    await stories.delete(gone.id, "public")
    for story in (done, gone, a_story()):
        await stories.wake(story.id, 0.0)
    assert list(await stories.claim(1e9, 2e9, 9)) == []
    assert await stories.count_open() == 0
    assert not await stories.renew(done.id, 0, 1e9)


async def test_one_that_is_taken_up_again_is_due_at_once_or_when_that_is_said(stories: StoryboardStore) -> None:
    done = await ended(stories, await made(stories), StoryPhase.FAILED)
    again = await stories.replace(replace(done, phase=StoryPhase.MAKING))
    assert (again.completed_at, again.expires_at) == (None, None)
    assert list(await stories.claim(1.0, 2.0, 9)) == [again.id]
    done = await ended(stories, again)
    await stories.replace(replace(done, phase=StoryPhase.MAKING), due=50.0)
    assert list(await stories.claim(49.0, 59.0, 9)) == []
    assert list(await stories.claim(50.0, 60.0, 9)) == [again.id]


async def test_those_that_ended_expire_soonest_first(stories: StoryboardStore) -> None:
    late, soon, again, never = [await made(stories) for _ in range(4)]
    for story, expires_at in ((late, 300.0), (soon, 200.0), (again, 100.0), (never, None)):
        done = await stories.replace(replace(story, phase=StoryPhase.COMPLETED, expires_at=expires_at))
        if story is again:
            await stories.replace(replace(done, phase=StoryPhase.MAKING))
    assert list(await stories.expired(199.0, 9)) == []
    assert [story.id for story in await stories.expired(300.0, 9)] == [soon.id, late.id]
    assert len(await stories.expired(300.0, 1)) == 1
    await stories.delete(soon.id, "public")
    assert [story.id for story in await stories.expired(1e9, 9)] == [late.id]


@pytest.mark.parametrize(
    ("webhook", "phase", "told"),
    [
        (HOOK, StoryPhase.COMPLETED, True),
        (HOOK, StoryPhase.FAILED, True),
        (HOOK, StoryPhase.ASSEMBLING, False),
        (None, StoryPhase.COMPLETED, False),
        (replace(HOOK, events=("storyboard.failed",)), StoryPhase.COMPLETED, False),
        (replace(HOOK, events=("storyboard.failed",)), StoryPhase.FAILED, True),
        (Webhook(None), StoryPhase.FAILED, False),  # which is told of videos
    ],
)
async def test_an_end_enters_the_outbox_if_its_webhook_wants_it(
    kept: Kept, webhook: Webhook | None, phase: StoryPhase, told: bool
) -> None:
    story = await made(kept.stories, webhook=webhook)
    await kept.stories.replace(replace(story, phase=phase))
    assert list(await kept.outbox.claim(0.0, 1.0, 9)) == ([story.id] if told else [])
    await kept.stories.delete(story.id, "public")
    assert await kept.outbox.count() == 0


async def test_one_end_is_told_once_and_the_next_one_again(kept: Kept) -> None:
    done = await ended(kept.stories, await made(kept.stories, webhook=HOOK))
    await kept.outbox.close(done.id)
    done = await kept.stories.replace(replace(done, delivery=Delivery("delivered", 1)))
    assert await kept.outbox.count() == 0
    again = await kept.stories.replace(replace(done, phase=StoryPhase.MAKING))
    assert again.delivery is None
    done = await ended(kept.stories, again, StoryPhase.FAILED)
    assert await kept.outbox.waiting([done.id]) == {done.id}
    await kept.stories.replace(replace(done, phase=StoryPhase.MAKING))  # before anybody could tell
    assert await kept.outbox.count() == 0


async def test_the_files_that_it_names_are_held_while_it_names_them(kept: Kept) -> None:
    story = a_story(webhook=None)
    first = replace(story.scenes[0], clip=CLIP, narration=SPEECH, wish=replace(story.scenes[0].wish, image=PICTURE))
    story = await kept.stories.create(story.with_scene(1, first), None, MOST)
    names = ["video_0123456789abcdef", "speech_0123456789abcdef", PICTURE.key]
    assert [await kept.board.holders(name) for name in names] == [{story.id}] * 3
    await kept.board.hold(names[0], "video_another1")
    story = await kept.stories.replace(story.with_scene(1, replace(first, narration=None)))
    assert await kept.board.holders(names[1]) == set()
    await kept.stories.delete(story.id, "public")
    assert [await kept.board.holders(name) for name in names] == [{"video_another1"}, set(), set()]


async def test_a_delete_goes_through_whatever_else_is_under_way(stories: StoryboardStore) -> None:
    story = await made(stories, webhook=HOOK)
    await stories.claim(100.0, 110.0, 1)
    calls = (
        stories.replace(replace(story, phase=StoryPhase.MAKING), due=0.0),
        stories.wake(story.id, 0.0),
        stories.delete(story.id, "public"),
        stories.renew(story.id, 0, 200.0),
        stories.replace(replace(story, phase=StoryPhase.FAILED)),
        stories.claim(300.0, 400.0, 9),
    )
    await asyncio.gather(*calls, return_exceptions=True)
    late = (stories.replace(story), stories.delete(story.id, "public"), stories.get(story.id))
    for call in late:
        with pytest.raises(StoryboardNotFound):
            await call
    await stories.wake(story.id, 0.0)
    assert list(await stories.claim(1e9, 2e9, 9)) == []
    assert (await stories.count_open(), list(await stories.expired(1e9, 9))) == (0, [])


async def test_one_that_is_there_already_as_it_comes_in_has_ended(kept: Kept) -> None:
    story = a_story(phase=StoryPhase.COMPLETED, completed_at=100.0, expires_at=200.0, webhook=HOOK)
    assert await kept.stories.create(story, None, 0) == story
    assert (await kept.stories.count_open(), await kept.outbox.count()) == (0, 1)
    assert [each.id for each in await kept.stories.expired(200.0, 9)] == [story.id]
