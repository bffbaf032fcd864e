"""The one way to Redis: connections, commands that turn its errors into ours, its clock, and what makes one safe to trust."""
