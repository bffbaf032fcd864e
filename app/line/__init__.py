"""The line: who runs next, decided without clock, torch or I/O."""
