"""Machines, not logic: Redis and Ray for one machine, deploys and backups, and the files for many machines."""
