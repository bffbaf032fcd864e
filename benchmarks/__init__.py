"""What is measured against what; `python -m benchmarks` runs all of it and writes `benchmarks/results/*.json`."""
