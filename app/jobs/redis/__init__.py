"""The real job stores, on Redis: what app/jobs names by protocol, written with Lua so that every change is checked against its fence."""
