"""What a service that is started for a run gets of its surroundings, and how one that does not start is told."""

from __future__ import annotations

import pytest

from app.client.bench.own_service import NotStarted, environment, own_service


def test_settings_become_variables_and_what_belongs_to_another_service_stays_out() -> None:
    around = {"PATH": "/bin", "KINORAY_MODELS": "[]", "KINORAY_REDIS_URL": "redis://prod", "KINORAY_URL": "http://prod"}
    found = environment({"slots": 4, "share_results": True, "default_model": "x", "replicas": {"main": [0, 2]}}, around)
    assert found == {
        "PATH": "/bin",
        "KINORAY_MODELS": "[]",
        "KINORAY_SLOTS": "4",
        "KINORAY_SHARE_RESULTS": "true",
        "KINORAY_DEFAULT_MODEL": "x",
        "KINORAY_REPLICAS": '{"main": [0, 2]}',
    }


def test_a_service_that_cannot_start_says_why() -> None:
    with pytest.raises(NotStarted, match="SLOTS"), own_service({"slots": "many"}):
        raise AssertionError("it has started")
