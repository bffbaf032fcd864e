"""What is measured against what; `python -m benchmarks` runs all of it and writes `benchmarks/results/*.json`."""

import os

# Read when torch is first imported: as long as the Diffuser's threads spin (serve_config.yaml), in this process and in
# every one that it starts, so that no side of a comparison waits otherwise than the other.
os.environ.setdefault("GOMP_SPINCOUNT", "3000")
