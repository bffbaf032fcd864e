"""What a notification says: an event of the log comes in, a line for a chat or a signed event goes out; pure."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from app.health.recoveries import KINDS, Cause, Recovery

_WORDS: Mapping[str, str] = {"happened": "Mended", "began": "Under way", "ended": "Over"}


def slack_body(event: Recovery) -> bytes:
    """One line; what stands in it cannot make links or mentions."""
    often = f" ({event.times} times since it was told before)" if event.times > 1 else ""
    means, done = _told(event)
    said = means if event.change == "ended" else f"{means} {done}"
    head = f"*Kinoray: {_WORDS.get(event.change, event.change)}: {_plain(event.cause)} ({_plain(event.subject)})*"
    return orjson.dumps({"text": f"{head}\n{_plain(said)} {_plain(event.detail)}{often}".rstrip()})


def event_body(event: Recovery) -> bytes:
    """The event in the shape of those of jobs."""
    means, done = _told(event)
    data = {
        "cause": event.cause,
        "subject": event.subject,
        "change": event.change,
        "means": means,
        "done": done,
        "detail": event.detail,
        "times": event.times,
    }
    return orjson.dumps(
        {
            "id": notice_id(event),
            "object": "event",
            "type": f"service.recovery.{event.change}",
            "created_at": int(event.at),
            "data": data,
        }
    )


def notice_id(event: Recovery) -> str:
    """The event's id, the same for every attempt and receiver."""
    return f"evt_{event.id}"


def _told(event: Recovery) -> tuple[str, str]:
    try:
        kind = KINDS[Cause(event.cause)]
    except ValueError:  # of another version
        return "", ""
    return kind.means, kind.done


def _plain(text: str) -> str:
    """As Slack wants text that is not markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
