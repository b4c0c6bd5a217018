"""Speed and memory, side by side in one run: `python -m benchmarks.NAME`. Nothing here is part of the pipeline."""

from hacm.cores import choose_threading

choose_threading()
