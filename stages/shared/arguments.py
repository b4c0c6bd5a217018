"""The command line that all stages share."""

import argparse

from pipeline.datasets.registry import known_datasets
from stages.shared.places import Run


def parser(description: str | None, *names: str) -> argparse.ArgumentParser:
    """A parser with a required option for each of `names` (dataset, benchmark, protocol, source, target)."""
    first_line = (description or "").strip().splitlines()[0]
    result = argparse.ArgumentParser(description=first_line, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    helps = {
        "dataset": f"data set: {', '.join(known_datasets())}",
        "benchmark": "benchmark of params.yaml, such as kinect-sim-xsub",
        "source": "benchmark that the encoder was pretrained on",
        "target": "benchmark that it is fine-tuned and evaluated on",
        "protocol": "how to evaluate the encoder, such as linear or knn",
    }
    for name in names:
        result.add_argument(f"--{name}", required=True, help=helps[name])
    return result


def add_run(parser: argparse.ArgumentParser) -> None:
    """Give a stage the options --variant and --seed, beside --benchmark: which pretraining is meant (run_of)."""
    parser.add_argument("--variant", default="hacm", help="of the method: a key of `variants` in params.yaml")
    parser.add_argument("--seed", type=seed, default=0, help="of every draw")


def run_of(options: argparse.Namespace) -> Run:
    """The pretraining that the options name."""
    return Run(options.benchmark, options.variant, options.seed)


def seed(text: str) -> int:
    """What --seed means: a number that every source of randomness takes."""
    if not (text.isascii() and text.isdecimal()) or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 2**32 - 1, not {text!r}")
    return int(text)
