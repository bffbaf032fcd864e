"""Logs: what each line says beside itself, how it is written, what it never says, and how lines are read again."""
