"""What stands before Serve's own HTTP server, in its process: connections that are slow, fat or too many end there."""
