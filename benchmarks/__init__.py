"""Speed and memory, side by side in one run: `python -m benchmarks.NAME`. Nothing here is part of the pipeline."""
