"""What became of one job, and why it took as long: the entries of its account come in, a report goes out."""
