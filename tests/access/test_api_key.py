"""What a key's text, hash and life are."""

from __future__ import annotations

import pytest

from app.access.api_key import Issued, is_key_id, issued, revoked, rotated, split_text
from app.access.scopes import OF_TENANTS
from app.errors import Conflict

NOW = 1000.0


def secret_of(made: Issued) -> str:
    parts = split_text(made.text)
    assert parts is not None
    assert parts[0] == made.key.id
    return parts[1]


def test_a_text_has_a_recognisable_beginning_the_id_and_256_bits() -> None:
    made = issued("n", "ann", OF_TENANTS, NOW)
    assert made.text.startswith("kr_")
    assert is_key_id(made.key.id)
    assert len(secret_of(made)) == 43
    assert len({issued("n", "ann", OF_TENANTS, NOW).text for _ in range(100)}) == 100
    assert secret_of(made) not in repr(made.key)


@pytest.mark.parametrize("text", ["", "kr_", "sk-1", "kr_short_x", "kr_0000000000000000_" + "0" * 42, "KR_" + "0" * 60])
def test_other_texts_are_none_of_ours(text: str) -> None:
    assert split_text(text) is None


def test_a_key_admits_its_secret_until_it_expires_or_is_revoked() -> None:
    made = issued("n", "ann", OF_TENANTS, NOW, NOW + 10)
    secret = secret_of(made)
    assert made.key.admits(secret, NOW + 9)
    assert not made.key.admits(secret[::-1], NOW)
    assert not made.key.admits(secret, NOW + 10)
    assert (made.key.status(NOW), made.key.status(NOW + 10)) == ("active", "expired")
    gone = revoked(made.key, NOW + 1)
    assert not gone.admits(secret, NOW + 2)
    assert (gone.status(NOW + 2), gone.secrets) == ("revoked", ())
    assert revoked(gone, NOW + 5) is gone


def test_two_secrets_are_good_while_a_rotation_overlaps_and_never_three() -> None:
    first = issued("n", "ann", OF_TENANTS, NOW)
    second = rotated(first.key, NOW + 1, 60)
    third = rotated(second.key, NOW + 2, 60)
    good = [third.key.admits(secret_of(each), NOW + 3) for each in (first, second, third)]
    late = [third.key.admits(secret_of(each), NOW + 62) for each in (first, second, third)]
    assert (good, late) == ([False, True, True], [False, False, True])
    alone = rotated(first.key, NOW, 0)
    assert not alone.key.admits(secret_of(first), NOW)


def test_a_second_rotation_does_not_lengthen_the_life_of_the_secret_before() -> None:
    first = issued("n", "ann", OF_TENANTS, NOW)
    second = rotated(first.key, NOW, 10)
    assert second.key.secrets[1].until == NOW + 10
    with pytest.raises(Conflict):
        rotated(revoked(second.key, NOW), NOW, 10)
