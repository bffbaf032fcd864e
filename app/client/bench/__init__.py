"""Measuring a service from outside: what runs, what it came to, how it compares."""
