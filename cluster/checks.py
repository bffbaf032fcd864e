"""What is looked at before anything starts: each fault becomes one sentence."""

from __future__ import annotations


class StartFailed(Exception):
    """The service cannot start; the message says why and what to do."""
