"""Weights come in from folders, hub or single files, and a placed, adapted module goes out."""
