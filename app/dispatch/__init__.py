"""The Dispatcher's story without Ray: one pass over line, leases and replicas."""
