"""Urgency, deadlines, budgets, samplers, bits and previews: as JSON and as forms, well and badly asked for."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.house import House

pytestmark = pytest.mark.anyio

HOWS = ("json", "data", "files")  # "files" makes httpx send a multipart form


def body(how: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A request's body as an argument of httpx: JSON, or text in either kind of form."""
    if how == "json":
        return {"json": fields}
    text = {name: str(value) for name, value in fields.items()}
    return {how: {name: (None, value) for name, value in text.items()} if how == "files" else text}


@pytest.mark.parametrize("how", HOWS)
async def test_every_wish_reaches_the_job(how: str, house: House, client: httpx.AsyncClient) -> None:
    truth: Any = True if how == "json" else "true"
    wishes = {"priority": "high", "deadline_s": 30.5, "steps": 20, "budget": 12, "sampler": "unipc"}
    asked = {"prompt": "a red ball", **wishes, "deterministic": truth, "preview": truth}
    response = await client.post("/v1/videos", **body(how, asked))
    assert response.status_code == 200, response.text
    job = await house.jobs.get(response.json()["id"])
    sampling = job.plan.sampling
    assert (sampling.steps, sampling.budget, sampling.sampler, sampling.deterministic) == (20, 12, "unipc", True)
    assert (job.priority, job.deadline, job.wishes.preview) == ("high", job.created_at + 30.5, True)
    said = response.json()
    assert (said["priority"], said["deadline_at"], said["optimization"]["budget"]) == ("high", job.deadline, 12)


@pytest.mark.parametrize("how", HOWS)
async def test_without_wishes_a_job_is_an_ordinary_one(how: str, house: House, client: httpx.AsyncClient) -> None:
    nothing = {"prompt": "a red ball", "priority": "", "sampler": "", "deterministic": "", "preview": ""}
    response = await client.post("/v1/videos", **body(how, nothing))
    job = await house.jobs.get(response.json()["id"])
    assert (job.priority, job.deadline, job.wishes.preview) == ("normal", None, False)
    assert (job.plan.sampling.sampler, job.plan.sampling.deterministic) == ("euler", False)


@pytest.mark.parametrize(
    ("said", "meant"), [("true", True), ("1", True), (" Yes", True), ("on", True), ("0", False), ("FALSE", False)]
)
async def test_a_form_may_say_yes_in_many_ways(said: str, meant: bool, house: House, client: httpx.AsyncClient) -> None:
    form = {"prompt": "a red ball", "deterministic": said, "preview": said}
    job = await house.jobs.get((await client.post("/v1/videos", data=form)).json()["id"])
    assert (job.plan.sampling.deterministic, job.wishes.preview) == (meant, meant)


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "a class that is none": ({"priority": "urgent"}, "invalid_request", "priority"),
    "a class in capitals": ({"priority": "HIGH"}, "invalid_request", "priority"),
    "no time at all": ({"deadline_s": 0}, "invalid_request", "deadline_s"),
    "a time that has passed": ({"deadline_s": -1}, "invalid_request", "deadline_s"),
    "no number for a time": ({"deadline_s": "NaN"}, "invalid_request", "deadline_s"),
    "forever": ({"deadline_s": "inf"}, "invalid_request", "deadline_s"),
    "more than a week": ({"deadline_s": 7 * 86400 + 1}, "invalid_request", "deadline_s"),
    "no step run": ({"budget": 0}, "invalid_request", "budget"),
    "half a step run": ({"budget": 2.5}, "invalid_request", "budget"),
    "more run than there are": ({"budget": 11, "steps": 10}, "invalid_request", "budget"),
    "more run than the planner gives": ({"budget": 900}, "invalid_request", "budget"),
    "a sampler that is none": ({"sampler": "dpm"}, "unknown_sampler", "sampler"),
    "perhaps the same bits": ({"deterministic": "maybe"}, "invalid_request", "deterministic"),
    "perhaps a preview": ({"preview": "2"}, "invalid_request", "preview"),
}


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("case", BAD)
async def test_a_bad_wish_is_refused_by_name(case: str, how: str, house: House, client: httpx.AsyncClient) -> None:
    wish, code, param = BAD[case]
    response = await client.post("/v1/videos", **body(how, {"prompt": "a red ball", **wish}))
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, code, param)
    assert await house.count() == 0


@pytest.mark.parametrize("wish", [{"deterministic": 1}, {"preview": "true"}, {"deadline_s": "30"}, {"budget": "12"}])
async def test_json_is_not_guessed_at(wish: dict[str, Any], client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/videos", json={"prompt": "a red ball", **wish})
    assert (response.status_code, response.json()["error"]["param"]) == (400, next(iter(wish)))
