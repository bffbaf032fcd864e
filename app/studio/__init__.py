"""The page people see: static files that talk to the public API and nothing else."""
