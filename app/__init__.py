"""Kinoray: self-hosted text-to-video, everything below the deployments and free of Ray."""
