"""Fault search: a seed draws topology, load and faults; the real code runs through them; what must hold is watched."""
