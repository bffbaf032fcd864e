"""Tracing: what a job goes through, as spans of one trace; without cost where it is off."""
