"""The engine: many jobs stepped together on one device, each with its own state."""
