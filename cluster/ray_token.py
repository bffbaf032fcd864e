"""The token that Ray's own ports want: made before Ray starts, in the state folder where no home can be written."""

from __future__ import annotations

import os
import secrets
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path

from cluster.checks import SAID_OF, STATE_DIR, StartFailed

MODE, TOKEN, PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
NAME = "ray_auth_token"


def provide_token(folder: Path, environment: MutableMapping[str, str]) -> None:
    """Make a token unless there is one, readable by its owner alone; Ray makes it for everybody, and in a home only.

    Raises:
        StartFailed: there is no place for it.
    """
    if environment.get(MODE) != "token" or environment.get(TOKEN) or environment.get(PATH):
        return
    with suppress(OSError, RuntimeError):  # a read-only root, or a user without a home
        _made(Path("~/.ray/auth_token").expanduser())
        return
    own = folder / NAME
    try:
        _made(own)
    except OSError as error:
        why = SAID_OF.get(error.errno or 0, error.strerror or str(error))
        raise StartFailed(f"{STATE_DIR}={folder} cannot be used for Ray's token: {why}; or set {TOKEN}.") from error
    environment[PATH] = str(own)


def _made(path: Path) -> None:
    """See that there is a token. Raises OSError, RuntimeError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or not path.read_text().strip():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
