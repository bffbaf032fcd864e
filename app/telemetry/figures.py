"""Figures as keys of one flat store: a metric and its labels come in, a key goes out, and the other way."""

from __future__ import annotations

from collections.abc import Mapping

BETWEEN = "|"  # two labels' values


def figure(name: str, *labels: str) -> str:
    """The key of a metric's series: `name`, or `name:<label>|<label>`, the values in the order of the table."""
    return f"{name}:{BETWEEN.join(map(_escaped, labels))}" if labels else name


def parsed(key: str) -> tuple[str, tuple[str, ...]]:
    """The name and the labels' values of a key."""
    name, colon, values = key.partition(":")
    return name, tuple(map(_plain, values.split(BETWEEN))) if colon else ()


def labelled(figures: Mapping[str, float], name: str) -> dict[str, float]:
    """The figures of one metric by the value of its only label."""
    return {key.partition(":")[2]: value for key, value in figures.items() if key.startswith(f"{name}:")}


def total(figures: Mapping[str, float], name: str) -> float:
    """One metric, summed over its labels; what was counted before it had any is in it."""
    return sum(value for key, value in figures.items() if key.partition(":")[0] == name)


def _escaped(value: str) -> str:
    return value.replace("%", "%25").replace(BETWEEN, "%7C")


def _plain(value: str) -> str:
    return value.replace("%7C", BETWEEN).replace("%25", "%")
