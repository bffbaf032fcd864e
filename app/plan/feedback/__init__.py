"""Ratings come in, and what they teach the planner goes out."""
