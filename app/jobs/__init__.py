"""Jobs: their states, their durable records and their events."""
