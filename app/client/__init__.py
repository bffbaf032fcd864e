"""The Python client and the `kinoray` command."""
