"""Changes to `.mat` files below their packing: what is packed is unpacked, changed, and packed again."""

import random
import struct
import zlib

from fuzzing.words import cut, damage

HEADER_BYTES = 128
COMPRESSED, MATRIX = 15, 14
MOST_INFLATED = 1 << 16

# Types, classes, sizes and lengths that mean something, and those that are one off or far too large.
INTEGERS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 19, 20, 21, 25, 60, 64, 255, 0x106, 0x206, 0x806,
            0x10001, 0x20001, 0x40001, 0x50001, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)  # fmt: skip


def mutate_matlab(data: bytes, rng: random.Random) -> bytes:
    """Words of the variables' tags, flags, shapes and values are changed, under a header that mostly stays right."""
    if len(data) <= HEADER_BYTES + 8 or rng.random() < 0.1:
        return damage(data, rng)
    header, content = data[:HEADER_BYTES], _unpacked(data[HEADER_BYTES:])
    for _ in range(rng.choice((1, 1, 2, 4))):
        content = _change(content, rng)
    if rng.random() < 0.05:
        header = damage(header, rng)
    if rng.random() < 0.02:
        header = header[:124] + header[127:123:-1]  # the other order of bytes
    if rng.random() < 0.5:
        packed = zlib.compress(content, 1)
        packed = damage(packed, rng) if rng.random() < 0.1 else packed
        size = rng.choice(INTEGERS) if rng.random() < 0.05 else len(packed)
        content = struct.pack("<II", COMPRESSED, size) + packed
    return header + (cut(content, rng) if rng.random() < 0.05 else content)


def _unpacked(content: bytes) -> bytes:
    if content[:4] != struct.pack("<I", COMPRESSED):
        return content
    try:
        return zlib.decompressobj().decompress(content[8:], MOST_INFLATED)
    except zlib.error:
        return content


def _change(content: bytes, rng: random.Random) -> bytes:
    # Tags, flags, shape and name of the first variable stand in its first 80 bytes.
    reach = 80 if rng.random() < 0.7 else len(content)
    at = rng.randrange(0, max(min(reach, len(content)), 1), 4)
    action = rng.random()
    if action < 0.6:
        return content[:at] + struct.pack("<I", rng.choice(INTEGERS)) + content[at + 4 :]
    if action < 0.7:
        value = rng.choice((float("nan"), float("inf"), -1e300, 1e39, 0.0))
        return content[:at] + struct.pack("<d", value) + content[at + 8 :]
    if action < 0.8:
        size = rng.choice((4, 8, 16, 480))
        return content[:at] + content[at + size :] if rng.random() < 0.5 else content[:at] + bytes(size) + content[at:]
    if action < 0.85 and len(content) < 1 << 15:
        return content + content
    return damage(content, rng)
