from __future__ import annotations

import asyncio

import pytest

from app.logs.context import about, words
from app.service.background import Background
from app.tracing.carry import carried, continued
from app.tracing.spans import NO_SPAN, Begun, begin, below, current, install, span
from tests.tracing.kept import ids, kept

CALLER = f"00-{'4' * 32}-{'7' * 16}-01"
UNSAMPLED = CALLER[:-2] + "00"


def test_where_nothing_is_traced_a_span_is_nothing_and_the_callers_place_is_passed_on() -> None:
    install(None)
    with below(CALLER), span("plan") as made:
        assert (made, current()) == (NO_SPAN, CALLER)
    assert begin(Begun("attempt")) is NO_SPAN
    assert current() is None


def test_spans_stand_below_the_one_around_them_in_the_callers_trace() -> None:
    with kept() as traced:
        with below(CALLER), span("request"), span("plan", facts={"tier": "auto", "left_out": None}):
            pass
        found = traced.spans()
    trace, request, above = ids(found["request"][0])
    assert (trace, above) == ("4" * 32, "7" * 16)
    assert ids(found["plan"][0])[::2] == (trace, request)
    assert dict(found["plan"][0].attributes or {}) == {"kinoray.tier": "auto"}


def test_what_is_raised_ends_a_span_as_failed_and_goes_on() -> None:
    with kept() as traced:
        with pytest.raises(KeyError), span("lookup"):
            raise KeyError("nothing")
        [failed] = traced.spans()["lookup"]
    assert (failed.status.is_ok, failed.status.description) == (False, "KeyError")


def test_who_does_not_keep_its_trace_is_not_traced_here_either() -> None:
    with kept() as traced:
        with span("request", UNSAMPLED) as made:
            assert not made.kept
            assert made.traceparent is not None
            assert made.traceparent.endswith("-00")
        assert not traced.spans()


@pytest.mark.anyio
async def test_a_call_to_another_process_goes_on_with_words_and_trace() -> None:
    with kept() as traced:
        with about(request="req_1", job="video_1"), span("here"):
            sent = carried()

        async def there() -> dict[str, object]:
            with continued(sent, "there"):
                return dict(words())

        said = await asyncio.create_task(there())
        found = traced.spans()
    assert said == {"request": "req_1", "job": "video_1"}
    assert ids(found["there"][0])[::2] == ids(found["here"][0])[:2]
    assert carried() is None


@pytest.mark.anyio
async def test_work_that_outlives_its_caller_keeps_its_words_and_its_place_and_nothing_else() -> None:
    background = Background()

    async def work() -> tuple[dict[str, object], str | None]:
        return dict(words()), current()

    with about(job="video_1"), below(CALLER):
        task = background.spawn(work(), "work")
    assert await task == ({"job": "video_1"}, CALLER)
    assert await background.spawn(work(), "work") == ({}, None)
