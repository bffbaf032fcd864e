"""One file for each resource under /v1 and /api."""
