"""Several ranks of one replica share each forward by context parallelism."""
