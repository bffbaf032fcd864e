"""Ray's token: made once, for its owner alone, where it can be."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cluster.checks import StartFailed
from cluster.ray_token import MODE, NAME, PATH, TOKEN, provide_token


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_token_is_made_once_where_ray_looks_for_it(home: Path, tmp_path: Path) -> None:
    environment = {MODE: "token"}
    provide_token(tmp_path, environment)
    token = home / ".ray" / "auth_token"
    made = token.read_text()
    assert len(made) == 64
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    provide_token(tmp_path, environment)
    assert token.read_text() == made
    assert environment == {MODE: "token"}


def test_without_a_home_that_can_be_written_it_is_in_the_state_folder(home: Path, tmp_path: Path) -> None:
    home.write_text("a file")  # as root writes everywhere else
    environment = {MODE: "token"}
    provide_token(tmp_path, environment)
    assert environment[PATH] == str(tmp_path / NAME)
    assert len((tmp_path / NAME).read_text()) == 64
    with pytest.raises(StartFailed, match="KINORAY_STATE_DIR=.*/home cannot be used for Ray's token"):
        provide_token(home, {MODE: "token"})


@pytest.mark.parametrize("given", [{}, {MODE: "disabled"}, {MODE: "token", TOKEN: "x"}, {MODE: "token", PATH: "/x"}])
def test_what_is_set_by_hand_is_left_alone(home: Path, tmp_path: Path, given: dict[str, str]) -> None:
    environment = dict(given)
    provide_token(tmp_path, environment)
    assert environment == given
    assert not home.exists()
