"""The job stores on Redis: every change is a script of Lua that checks its fence."""
