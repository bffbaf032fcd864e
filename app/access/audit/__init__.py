"""What was done to the service by whom: written behind the answers, read by operators."""
