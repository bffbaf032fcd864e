"""The service answers as its own document says, whatever schemathesis thinks of to ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from app.access import wrong_keys
from tests.api.house import House

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
HOUSE = House(sync_timeout_s=0.02, api_keys={"ann": "a key of ann's"})
schema = (
    schemathesis.openapi.from_asgi("/openapi.json", HOUSE.app)
    .exclude(path_regex="/(events|ws)$")  # which go on until their video is made
    .exclude(path_regex="/(extensions|edits|characters)")  # which are answered 501, see test_not_here.py
)


@pytest.fixture(scope="module", autouse=True)
def wrong_keys_are_not_counted() -> Iterator[None]:
    """It tries hundreds, and wants to hear each time that they are wrong."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wrong_keys, "MOST", 1_000_000)
        yield


@schema.auth()
class Key:
    """Ann's."""

    def get(self, case: Any, context: Any) -> str:
        return "a key of ann's"

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schema.parametrize()
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@pytest.mark.timeout(180)
def test_every_answer_is_one_that_the_document_has(case: Any) -> None:
    answer = case.call()
    # What is well-formed may still ask for what no model here makes; and 501 and 504 are answers, not accidents, as is
    # 503 about the health of a pool that is not there.
    excluded: list[Any] = [positive_data_acceptance]
    if answer.status_code in (501, 504) or (answer.status_code == 503 and case.path.startswith("/health")):
        excluded.append(not_a_server_error)
    if answer.status_code == 412:  # a refusal, too: of a client of another tus, or none
        excluded.append(negative_data_rejection)
    if case.path.startswith("/v1/uploads/"):  # a POST there stands for a method that the client cannot send
        excluded += [unsupported_method, allow_header_conformance]
    case.validate_response(answer, excluded_checks=excluded)
