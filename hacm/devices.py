"""Which device to compute on."""

from hacm.errors import UserError


def choose_device(wanted: str) -> str:
    """The device to compute on; UserError if it is asked for and not there."""
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("--device cuda: PyTorch sees no CUDA device; use --device cpu or install a CUDA build of torch")
    return wanted
