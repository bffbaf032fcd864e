"""How receivers of notifications want them: their addresses and a setting come in, the format goes out."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

Format = Literal["auto", "slack", "event"]

_SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")


def is_slack(url: str, wanted: Format) -> bool:
    """Whether a receiver takes a line of text, in JSON as Slack has it; Discord does at addresses ending in /slack."""
    if wanted != "auto":
        return wanted == "slack"
    parts = urlsplit(url)
    return parts.hostname in _SLACK_HOSTS or parts.path.rstrip("/").endswith("/slack")
