"""Telling others of a job's end: what is said, how it is signed, where it may be sent, and when to try again."""
