"""Capacity planning: a load and a fleet come in; waits, use, refusals and money go out, minutes for a day of it."""
