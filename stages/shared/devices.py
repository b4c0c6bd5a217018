"""Which device to compute on."""

import argparse

import torch

from hacm.errors import UserError


def add_option(parser: argparse.ArgumentParser) -> None:
    """Give a stage the option --device."""
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto: cuda where there is one")


def choose(wanted: str) -> str:
    """The device to compute on; UserError if it is asked for and not there."""
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("--device cuda: PyTorch sees no CUDA device; use --device cpu or install a CUDA build of torch")
    return wanted
