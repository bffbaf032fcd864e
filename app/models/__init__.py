"""Entries of the settings come in; what is served, from which files, and whether it fits goes out."""
