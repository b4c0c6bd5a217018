"""The command line that all stages share."""

import argparse

from pipeline.datasets import known_datasets


def parser(description: str | None, *names: str) -> argparse.ArgumentParser:
    """A parser with a required option for each of `names` (dataset, benchmark, protocol)."""
    first_line = (description or "").strip().splitlines()[0]
    result = argparse.ArgumentParser(description=first_line, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    helps = {
        "dataset": f"data set: {', '.join(known_datasets())}",
        "benchmark": "benchmark of params.yaml, such as kinect-sim-xsub",
        "protocol": "how to judge the encoder, such as linear or knn",
    }
    for name in names:
        result.add_argument(f"--{name}", required=True, help=helps[name])
    return result
