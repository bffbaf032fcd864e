"""`kinoray`, and `python -m kinoray`: one name for the command, however Kinoray was installed."""

from __future__ import annotations

from app.client.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
