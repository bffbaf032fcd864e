"""Judges from pixels alone whether a video shows what its prompt asked for."""
