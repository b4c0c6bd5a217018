"""UTD-MHAD's .mat files, written."""

import io
from typing import Any

import numpy as np
import scipy.io


def mat(compress: bool = True, **variables: Any) -> bytes:
    stream: Any = io.BytesIO()  # scipy's stubs know names of files only
    scipy.io.savemat(stream, variables, do_compression=compress)
    return bytes(stream.getvalue())


def numbers(frames: int = 4) -> Any:
    return np.arange(20 * 3 * frames, dtype=np.float64).reshape(20, 3, frames) / 7
