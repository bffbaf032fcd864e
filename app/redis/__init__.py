"""The one way to Redis: connections, commands that raise our errors, its clock, what makes one safe to trust."""
