"""The archives of real recordings beside the repository, for tests that run where they are."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def read_texts(archive: str) -> Iterator[tuple[str, bytes]]:
    """Path and content of every text in an archive."""
    with tarfile.open(DATA / archive) as stream:
        for member in stream:
            content = stream.extractfile(member) if member.name.endswith(".txt") else None
            if content is not None:
                yield member.name, content.read()
