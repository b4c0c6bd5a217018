"""Decimals in text, read by compiled code: the one number reader of all text formats.

Shape suffix: N bytes of a text whose last is a newline, so that every loop ends at one.
"""

from typing import Any

import numba  # type: ignore[import-untyped]
import numpy as np

NEWLINE, BLANK, PLUS, MINUS, POINT, ZERO, NINE = 10, 32, 43, 45, 46, 48, 57
TAB, RETURN = 9, 13
LOWER_CASE = 32  # the bit that sets small letters apart from capitals
INFINITY = np.frombuffer(b"infinity", dtype=np.uint8)

# Exponents are read up to here only: beyond it the outcome is 0 or infinity anyway.
LARGEST_EXPONENT = 10**15

# Powers of ten that are exact in double precision, and the largest whole number below which all are.
POWERS = np.array([float(10**power) for power in range(23)])
LARGEST_POWER = 22
MANTISSA_ROOM = np.uint64(10**18)

_compiled = numba.njit(cache=True, nogil=True)


@_compiled
def skip_blanks(text_N: Any, at: Any) -> Any:
    """The position of the first character from `at` on that is no blank."""
    while text_N[at] == BLANK or text_N[at] == TAB or text_N[at] == RETURN:
        at += 1
    return at


@_compiled
def read_decimal(text_N: Any, at: Any) -> Any:
    """(valid, position after it, value) of a decimal: sign, digits with a point, exponent; or nan, inf, infinity."""
    negative = text_N[at] == MINUS
    at += 1 if negative or text_N[at] == PLUS else 0
    if text_N[at] > NINE:
        valid, at, value = _read_word(text_N, at)
        return valid, at, -value if negative else value
    mantissa = np.uint64(0)
    digits = 0
    power = 0
    after_point = 0
    while True:
        symbol = text_N[at]
        if ZERO <= symbol <= NINE:
            digits += 1
            if mantissa < MANTISSA_ROOM:
                mantissa = mantissa * np.uint64(10) + np.uint64(symbol - ZERO)
                power -= after_point
            else:
                power += 1 - after_point
        elif symbol == POINT and after_point == 0:
            after_point = 1
        else:
            break
        at += 1
    valid = digits > 0
    if text_N[at] | LOWER_CASE == 101:  # e
        exponent_valid, at, exponent = _read_exponent(text_N, at + 1)
        valid = valid and exponent_valid
        power += exponent
    value = _scale(np.float64(mantissa), power)
    return valid and text_N[at] <= BLANK, at, -value if negative else value


@_compiled
def _read_exponent(text_N: Any, at: Any) -> Any:
    """(valid, position after it, exponent), large ones cut off where the outcome is 0 or infinity anyway."""
    negative = text_N[at] == MINUS
    at += 1 if negative or text_N[at] == PLUS else 0
    start = at
    exponent = 0
    while ZERO <= text_N[at] <= NINE:
        if exponent < LARGEST_EXPONENT:
            exponent = 10 * exponent + (text_N[at] - ZERO)
        at += 1
    return at > start, at, -exponent if negative else exponent


@_compiled
def _read_word(text_N: Any, at: Any) -> Any:
    """(valid, position after it, value) of nan, inf or infinity in any case."""
    if text_N[at] | LOWER_CASE == 110:  # n
        valid = text_N[at + 1] | LOWER_CASE == 97 and text_N[at + 2] | LOWER_CASE == 110
        at += 3 if valid else 0
        return valid and text_N[at] <= BLANK, at, np.nan
    letters = 0
    while letters < INFINITY.size and text_N[at] | LOWER_CASE == INFINITY[letters]:
        letters += 1
        at += 1
    return (letters == 3 or letters == INFINITY.size) and text_N[at] <= BLANK, at, np.inf


@_compiled
def _scale(value: Any, power: Any) -> Any:
    """value · 10^power in double precision; rounded once where |power| ≤ 22 and value is exact."""
    power = min(max(power, -400), 400)  # value < 10^19: beyond this it is 0 or infinity
    while power > LARGEST_POWER:
        value *= POWERS[LARGEST_POWER]
        power -= LARGEST_POWER
    while power < -LARGEST_POWER:
        value /= POWERS[LARGEST_POWER]
        power += LARGEST_POWER
    return value * POWERS[power] if power >= 0 else value / POWERS[-power]
