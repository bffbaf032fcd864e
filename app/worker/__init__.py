"""The replica's story without Ray: an attempt from lease to closed job, its checkpoints, its heartbeat, its finishing."""
