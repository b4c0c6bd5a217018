"""Changes to texts of numbers: bytes, words and lines are replaced, removed, repeated and moved."""

import random
from collections.abc import Callable, Sequence

Lines = list[bytes]
Change = Callable[[Lines, random.Random, Sequence[bytes]], None]

WORDS = """
    0 1 2 3 12 24 25 26 49 255 1000 -1 -25 -0 +7 007 1000000000 2147483648 -9223372036854775809 18446744073709551615
    18446744073709551616 0.5 .5 3. -1e-3 2.5E2 1e39 -3.5e38 1e300 1e400 -1e400 1e-400 1e9999999999999999999 1e 1e+ e5
    . + - -- 1.2.3 1,5 0x10 1_0 1f nan NaN -nan nanny na inf -inf +Infinity infinit i n N I 1.#IND none ü ² ١ ½
"""
NUMBERS = (
    *(word.encode() for word in WORDS.split()),
    b"9" * 40, b"0." + b"0" * 400 + b"1", b"1" + b"0" * 400, b"\0", b"\x1a", b"\x7f", b"\x80", b"\xff", b"\x0b",
    b"\x0c", b"\x85", b"\r", b"\t", b"", b"\xef\xbb\xbf", b"\xe2\x80\xa8",
)  # fmt: skip

SEPARATORS = (b" ", b"  ", b"\t", b",", b", ", b";", b"\r", b"\0", b"\x0b", b"\xc2\xa0")


def mutate_text(data: bytes, rng: random.Random, words: Sequence[bytes] = NUMBERS) -> bytes:
    """The text with a few changes to its lines and words, and now and then to its bytes, line ends or encoding."""
    lines = data.split(b"\n")
    for _ in range(_few(rng)):
        rng.choice(CHANGES)(lines, rng, words)
    data = b"\n".join(lines)
    if rng.random() < 0.15:
        data = damage(data, rng)
    return rng.choice(ENCODINGS)(data, rng) if rng.random() < 0.05 else data


def damage(data: bytes, rng: random.Random) -> bytes:
    """A few stretches of bytes overwritten, inserted or cut out."""
    damaged = bytearray(data)
    for _ in range(_few(rng)):
        start = rng.randrange(len(damaged) + 1)
        damaged[start : start + rng.choice((0, 1, 1, 1, 4, 64))] = rng.randbytes(rng.choice((0, 1, 1, 1, 4)))
    return bytes(damaged)


def damage_beginning(data: bytes, rng: random.Random, size: int = 1536) -> bytes:
    """The same, mostly in the first bytes, which say what the others are; now and then the end is cut off."""
    if rng.random() < 0.1:
        return cut(data, rng)
    changed = bytearray(data)
    for _ in range(_few(rng)):
        at = rng.randrange(min(size, len(data)) if rng.random() < 0.9 else len(data)) if data else 0
        changed[at : at + 1] = bytes([rng.choice((0, 1, 2, 127, 128, 255, rng.randrange(256)))])
    return bytes(changed)


def cut(data: bytes, rng: random.Random) -> bytes:
    """A beginning of it."""
    return data[: rng.randrange(len(data) + 1)]


def _few(rng: random.Random) -> int:
    return 1 + min(int(rng.expovariate(0.8)), 12)


def _change_words(change: Callable[[Lines, int, random.Random, Sequence[bytes]], None]) -> Change:
    """A change to the words of one line, at one of them."""

    def change_line(lines: Lines, rng: random.Random, words: Sequence[bytes]) -> None:
        number = rng.randrange(len(lines))
        separator = b"," if b"," in lines[number] else b" "
        parts = lines[number].split(separator)
        change(parts, rng.randrange(len(parts)), rng, words)
        lines[number] = separator.join(parts)

    return change_line


def _replace(parts: Lines, at: int, rng: random.Random, words: Sequence[bytes]) -> None:
    parts[at] = rng.choice(words)


def _insert(parts: Lines, at: int, rng: random.Random, words: Sequence[bytes]) -> None:
    parts[at:at] = [rng.choice(words)] * rng.choice((1, 1, 1, 2, 200))


def _remove(parts: Lines, at: int, rng: random.Random, words: Sequence[bytes]) -> None:
    del parts[at : at + rng.choice((1, 1, 1, 2, 9))]


def _alter(parts: Lines, at: int, rng: random.Random, words: Sequence[bytes]) -> None:
    parts[at] = damage(parts[at], rng)


def _replace_line(lines: Lines, rng: random.Random, words: Sequence[bytes]) -> None:
    lines[rng.randrange(len(lines))] = rng.choice(words)


def _insert_line(lines: Lines, rng: random.Random, words: Sequence[bytes]) -> None:
    lines.insert(rng.randrange(len(lines) + 1), rng.choice(words))


def _remove_lines(lines: Lines, rng: random.Random, words: Sequence[bytes]) -> None:
    at = rng.randrange(len(lines))
    del lines[at : at + rng.choice((1, 1, 2, 26, 28))]
    lines.extend([] if lines else [b""])


def _repeat_lines(lines: Lines, rng: random.Random, words: Sequence[bytes]) -> None:
    at, to = rng.randrange(len(lines)), rng.randrange(len(lines) + 1)
    lines[to:to] = lines[at : at + rng.choice((1, 1, 2, 26, 28))] * rng.choice((1, 1, 3))


def _swap_lines(lines: Lines, rng: random.Random, words: Sequence[bytes]) -> None:
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _join_lines(lines: Lines, rng: random.Random, words: Sequence[bytes]) -> None:
    at = rng.randrange(len(lines))
    lines[at : at + 2] = [rng.choice(SEPARATORS).join(lines[at : at + 2])]


def _separate_otherwise(lines: Lines, rng: random.Random, words: Sequence[bytes]) -> None:
    at = rng.randrange(len(lines))
    lines[at] = rng.choice((b"", b"", *SEPARATORS)) + lines[at].replace(b" ", rng.choice(SEPARATORS))


CHANGES: tuple[Change, ...] = (
    *(_change_words(change) for change in (_replace, _replace, _replace, _insert, _remove, _alter)),
    _replace_line, _replace_line, _insert_line, _remove_lines, _repeat_lines, _swap_lines, _join_lines,
    _separate_otherwise,
)  # fmt: skip

CODES = ("utf-16", "utf-16-be", "utf-32", "utf-8-sig", "cp037")

ENCODINGS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    cut,
    cut,
    lambda data, rng: data.replace(b"\n", b"\r\n"),
    lambda data, rng: data.replace(b"\n", b"\r"),
    lambda data, rng: data.replace(b"\n", b"\r\n", rng.randrange(1, 9)),
    lambda data, rng: data.decode("latin-1").encode(rng.choice(CODES), "replace"),
    lambda data, rng: data + rng.choice((b"\n" * 999, b" " * 999, b"\0", b"\x1a", b"\r")),
)  # fmt: skip
