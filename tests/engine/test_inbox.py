from __future__ import annotations

import threading
import time

from app.engine.inbox import Inbox
from app.engine.ticket import Ticket
from app.line.batcher import Urgency
from tests.engine.plans import Listener, make_plan

LONG_S = 20.0


def ticket(name: str) -> Ticket:
    return Ticket(name, name, make_plan(), Listener(), None, 0.0, Urgency(arrived=0.0), 0, None, None, {})


def test_an_idle_engine_lets_the_first_job_wait_for_others_to_step_with() -> None:
    inbox = Inbox()
    inbox.hand_in(ticket("a"))
    second = threading.Timer(0.1, inbox.hand_in, [ticket("b")])
    second.start()
    arrived = inbox.take(idle=True, linger_s=LONG_S, most=2)
    assert [each.name for each in arrived or []] == ["a", "b"]


def test_it_waits_no_longer_than_it_is_told_and_never_when_others_are_under_way() -> None:
    inbox = Inbox()
    inbox.hand_in(ticket("a"))
    began = time.monotonic()
    assert len(inbox.take(idle=True, linger_s=0.05, most=2) or []) == 1
    assert 0.05 <= time.monotonic() - began < LONG_S / 2
    inbox.hand_in(ticket("b"))
    began = time.monotonic()
    assert len(inbox.take(idle=False, linger_s=LONG_S, most=2) or []) == 1
    assert time.monotonic() - began < LONG_S / 2


def test_a_call_or_the_end_cuts_the_waiting_short() -> None:
    inbox = Inbox()
    inbox.hand_in(ticket("a"))
    answer = inbox.call(lambda: "here")
    assert len(inbox.take(idle=True, linger_s=LONG_S, most=2) or []) == 1
    assert answer.result(0) == "here"
    inbox.hand_in(ticket("b"))
    threading.Timer(0.1, inbox.close).start()
    assert inbox.take(idle=True, linger_s=LONG_S, most=2) is None
