"""Texts of capture systems: words line by line, and the numbers among them."""

import math

from hacm.errors import BadRecording
from hacm.recordings.impostors import refuse_impostor


def as_text(data: bytes) -> str:
    """A file's text; BadRecording if it is none."""
    refuse_impostor(data)
    if b"\0" in data:
        raise BadRecording("no text: it holds NUL bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")  # names of joints; numbers are the same in both


def as_lines(data: bytes) -> list[list[str]]:
    """A text's lines in words; BadRecording if it is no text."""
    return [line.split() for line in as_text(data).replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def as_number(word: str, where: str) -> float:
    """A finite number; BadRecording, saying where, for another word."""
    try:
        value = float(word) if word.isascii() and "_" not in word else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadRecording(f"{where}: {word[:40]!a} is not a number")
    return value
