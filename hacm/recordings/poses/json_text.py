"""JSON of estimators: decoded, and its numbers checked."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings.impostors import refuse_impostor
from hacm.recordings.poses.contents import MOST_NUMBERS

LARGEST_WHOLE = 2**40


def decode_json(data: bytes) -> Any:
    """The content of a JSON text; BadRecording, naming line and column, for what is none."""
    refuse_impostor(data)
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadRecording("no UTF-8 text, so no JSON") from error
    except json.JSONDecodeError as error:
        raise BadRecording(
            f"line {error.lineno}, column {error.colno}: no JSON from here on; is the file cut?"
        ) from error
    except (RecursionError, ValueError) as error:
        raise BadRecording("JSON that is nested too deep, or has a number that is too long") from error


def as_numbers(values: Any, what: str) -> NDArray[np.float64]:
    """A nested list as an array, null as NaN; BadRecording, naming what it is, if it is no such list of numbers."""
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O" and not isinstance(values, dict):
            array = np.array([_number(one) for one in array.flat]).reshape(array.shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadRecording(f"{what} is no regular list of numbers") from error
    if array.dtype.kind not in "fiu":
        raise BadRecording(f"{what} is no regular list of numbers")
    if array.size > MOST_NUMBERS:
        raise BadRecording(f"{what} holds more than {MOST_NUMBERS} numbers")
    return array.astype(np.float64)


def _number(value: Any) -> float:
    if value is None:
        return np.nan
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(value)
    return float(value)


def as_whole(value: Any, what: str) -> int:
    """A whole number, also as text; BadRecording, naming what it is, for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_WHOLE:
        raise BadRecording(f"{what} is {str(value)[:40]!a}, not a whole number")
    return value
