"""Changes to `.npz` files below their packing: headers and values of the arrays inside, and the zip around them."""

import io
import random
import re
import zipfile

from fuzzing.words import cut, damage

NAMES = ("joints.npy", "joints", "action.npy", "fps.npy", "subject.npy", "../joints.npy", "x.npy", "j" * 300 + ".npy")
WORDS = (
    b"True", b"False", b"'<f8'", b"'>f4'", b"'|i1'", b"'<u8'", b"'|O'", b"'<U9'", b"'<c16'", b"'<f2'", b"'<f3'", b"''",
    b"()", b"(1,)", b"(4, 3, 3)", b"(2, 3, 3)", b"(1, 4, 3, 3)", b"(0, 3, 3)", b"(999999999999, 3, 3)", b"(-4, 3, 3)",
    b"(4, 3, 3", b"(2147483648, 2147483648, 3, 3)", b"(" + b"1, " * 40 + b")", b"__import__('os')", b"\0", b"\xff",
)  # fmt: skip
FIELD = re.compile(rb"\(.*?\)|'[<>|=][^']*'|True|False")
METHODS = (*[zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED] * 9, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def mutate_npz(data: bytes, rng: random.Random) -> bytes:
    """Some array's header, values or name are changed and packed again; now and then the packed file instead."""
    members = _read(data)
    if not members or rng.random() < 0.15:
        return cut(data, rng) if rng.random() < 0.2 else damage(data, rng)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(members))
        name, content = members[at]
        free = [other for other in NAMES if other not in dict(members)]
        members[at] = (rng.choice(free), content) if free and rng.random() < 0.1 else (name, _change(content, rng))
    if rng.random() < 0.05:
        name, content = rng.choice(members)
        members = [one for one in members if one[0] != f"a/{name}"] + [(f"a/{name}", content)]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", rng.choice(METHODS)) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = archive.compression
            archive.writestr(info, content)
    return stream.getvalue()


def _read(data: bytes) -> list[tuple[str, bytes]]:
    """What can be made of the members of a zip, damaged or not."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [(name, archive.read(name)) for name in dict.fromkeys(archive.namelist()) if len(name) < 1000]
    except Exception:
        return []


def _change(content: bytes, rng: random.Random) -> bytes:
    fields = list(FIELD.finditer(content[:200]))
    if fields and rng.random() < 0.6:
        field = rng.choice(fields)
        return content[: field.start()] + rng.choice(WORDS) + content[field.end() :]
    if rng.random() < 0.3:
        at = rng.randrange(12)
        return content[:at] + rng.randbytes(1) + content[at + 1 :]
    if rng.random() < 0.2:
        return content + content[-8 * rng.choice((1, 9, 36)) :]
    return cut(content, rng) if rng.random() < 0.2 else damage(content, rng)
