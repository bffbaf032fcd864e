"""The replica's story without Ray: an attempt from lease to closed job, checkpoints, heartbeat, finishing."""
