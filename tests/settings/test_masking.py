"""No address is shown with what opens it."""

from __future__ import annotations

import pytest

from app.settings.masking import holds_secret, masked

SHOWN = {
    "redis://:hunter2@host:6379/0": "redis://***@host:6379/0",
    "redis://me:hunter2@host/0": "redis://***@host/0",
    "rediss+sentinel://me:hunter2@a:1,b:2/kinoray/0?sentinel_password=hunter2": (
        "rediss+sentinel://***@a:1,b:2/kinoray/0?sentinel_password=***"
    ),
    "redis://:hunt@er2@host/0": "redis://***@host/0",
    "redis://:hun/ter2@host/0": "redis://***@host/0",
    "s3://key:hunter2@bucket/a?token=hunter2&b=1": "s3://***@bucket/a?token=***&b=1",
    "no way to https://user:hunter2@example.org/x, said 'redis://:hunter2@h'": (
        "no way to https://***@example.org/x, said 'redis://***@h'"
    ),
    "redis://host:6379/0": "redis://host:6379/0",
    "https://example.org/a?b=c": "https://example.org/a?b=c",
    "mail to a@example.org": "mail to a@example.org",
}


@pytest.mark.parametrize("text", SHOWN)
def test_what_opens_an_address_is_masked_and_nothing_else(text: str) -> None:
    assert masked(text) == SHOWN[text]
    assert holds_secret(text) == (SHOWN[text] != text)
