"""HDF5, which DeepLabCut and SLEAP write: opened from a file's bytes, with the package h5py."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hacm.errors import BadRecording, UserError
from hacm.recordings.impostors import refuse_impostor
from hacm.recordings.poses.contents import MOST_NUMBERS
from hacm.recordings.poses.extras import import_extra

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def expect_hdf5(data: bytes) -> None:
    """BadRecording if a file does not begin as HDF5."""
    refuse_impostor(data)
    if not data.startswith(SIGNATURE):
        raise BadRecording("no HDF5, by its first bytes")


@contextmanager
def open_hdf5(data: bytes) -> Iterator[Any]:
    """The open h5py.File; whatever goes wrong in the block is BadRecording, for a damaged file fails anywhere."""
    h5py = import_extra("h5py", "HDF5 (.h5, .slp)")
    expect_hdf5(data)
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            yield file
    except (BadRecording, UserError):
        raise
    except Exception as error:
        raise BadRecording(f"damaged, cut, or not as its format has it ({type(error).__name__})") from error


def read_array(group: Any, name: str) -> Any:
    """A dataset's values; BadRecording if it is not there, or larger than a recording can be."""
    held = group.get(name)
    if held is None or not hasattr(held, "shape"):
        raise BadRecording(f"no data set {name}")
    if held.size > MOST_NUMBERS or held.size * held.dtype.itemsize > 8 * MOST_NUMBERS:
        raise BadRecording(f"{name} holds more than {MOST_NUMBERS} numbers")
    return held[()]
