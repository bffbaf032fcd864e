"""Caches: what was made before is not made again."""
