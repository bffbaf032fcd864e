"""Machines, not logic: Redis and Ray for one machine."""
