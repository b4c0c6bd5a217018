"""files.json: the SHA-256 of every other file in a folder, and a seal over its own content."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from hacm.files import damaged, hash_file, hash_tree, read_json

FILES = "files.json"
SHARDS = "/c/"
"""In the path of every file that holds an array's rows: these are checked as they are read (pipeline.store.rows)."""


def seal_files(digests: dict[str, str]) -> str:
    """The text of files.json: SHA-256 by file and, under its own name, that of the others as JSON, its seal."""
    seal = hashlib.sha256(json.dumps(digests).encode()).hexdigest()
    return json.dumps(digests | {FILES: seal}, indent=2) + "\n"


def seal_folder(folder: Path) -> None:
    """Write files.json for what a folder holds."""
    (folder / FILES).write_text(seal_files(hash_tree(folder)), encoding="utf-8")


def seal_changed(digests: Mapping[str, str], files: Mapping[str, bytes]) -> bytes:
    """The content of files.json once `files`, content by path, are put into a folder with these SHA-256 sums."""
    new = dict(digests) | {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return seal_files({name: new[name] for name in sorted(new, key=Path) if name != FILES}).encode()


def check_folder(folder: Path, *, whole: bool = False) -> None:
    """UserError unless every file that files.json lists is there with the bytes that it had; of shards, that it is.

    whole: the bytes of shards, too.
    """
    recorded = read_json(folder / FILES)
    if not isinstance(recorded, dict) or not all(isinstance(digest, str) for digest in recorded.values()):
        raise damaged(folder / FILES, "is no table of checksums", folder)
    recorded.pop(FILES, None)
    if (folder / FILES).read_text(encoding="utf-8") != seal_files(recorded):
        raise damaged(folder / FILES, "its seal does not fit what it says", folder)
    for name, digest in recorded.items():
        if not (folder / name).is_file():
            raise damaged(folder / name, "is missing", folder)
        if (whole or SHARDS not in name) and hash_file(folder / name) != digest:
            raise damaged(folder / name, f"its bytes are not those recorded in {FILES}", folder)
