"""Which connections have to go, and which may come."""

from __future__ import annotations

from app.ingress.connections import GRACE_S, Connections, Rules

RULES = Rules(header_s=15, most=100, most_of_address=60, stalled_s=60)


def held(count: int, address: str = "10.0.0.1") -> Connections[int]:
    """Connections 0, 1, 2 … that came a second apart and are in the middle of their headers."""
    connections: Connections[int] = Connections(RULES)
    for number in range(count):
        connections.opened(number, address)
        connections.owes(number, float(number), RULES.header_s)
    return connections


def test_who_does_not_finish_in_time_goes() -> None:
    connections = held(3)
    connections.finished(1)
    assert connections.too_slow(14.9) == []
    assert connections.too_slow(17.0) == [0, 2]


def test_where_no_more_may_come_the_oldest_unfinished_ones_of_that_address_make_room() -> None:
    connections = held(6)
    connections.finished(0)
    connections.opened(99, "10.0.0.2")
    connections.owes(99, 0.0, RULES.header_s)
    assert connections.crowding("address", "10.0.0.1", 2, 10.0) == [1, 2]
    assert connections.crowding("address", "10.0.0.3", 2, 10.0) == []
    assert connections.crowding("all", "10.0.0.1", 10, 10.0) == [1, 2, 3, 4, 5, 99]


def test_a_burst_that_is_read_a_moment_later_loses_nobody() -> None:
    connections: Connections[int] = Connections(RULES)
    for number in range(50):
        connections.opened(number, "10.0.0.1")
        connections.owes(number, 0.0, RULES.header_s)
    assert connections.crowding("all", "10.0.0.1", 10, GRACE_S - 0.1) == []
    assert connections.crowding("address", "10.0.0.1", 2, GRACE_S) == [0, 1]


def test_an_address_and_all_together_have_their_most() -> None:
    connections = held(60)
    assert connections.refused("10.0.0.1", counted=True) == "address"
    assert connections.refused("10.0.0.1", counted=False) is None
    assert connections.refused("10.0.0.2", counted=True) is None
    for number in range(60, 100):
        connections.opened(number, f"10.1.0.{number}")
    assert connections.refused("10.0.0.2", counted=True) == "all"
    connections.closed(0)
    assert connections.refused("10.0.0.1", counted=True) is None


def test_addresses_of_one_ipv6_network_are_one_client() -> None:
    connections: Connections[int] = Connections(RULES)
    for number in range(60):
        connections.opened(number, f"2001:db8::{number:x}")
    assert connections.refused("2001:db8::ffff", counted=True) == "address"
    assert connections.refused("2001:db8:0:1::1", counted=True) is None


def test_what_has_closed_leaves_nothing_behind() -> None:
    connections = held(50)
    for number in range(50):
        connections.reads_nothing(number, 0.0)
        connections.closed(number)
    assert len(connections) == 0
    assert connections.too_slow(1e9) == [] == connections.deaf(1e9)


def test_who_reads_nothing_for_long_goes_and_who_reads_a_little_stays() -> None:
    connections = held(2)
    connections.reads_nothing(0, 0.0)
    connections.reads_nothing(0, 50.0)  # still
    connections.reads_nothing(1, 0.0)
    connections.reads(1)
    assert connections.deaf(60.0) == [0]
