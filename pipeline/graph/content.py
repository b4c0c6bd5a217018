"""Hashes of files and folders, equal to those in dvc.lock, computed once for what did not change.

A file's hash is the MD5 of its bytes; a folder's is that of the JSON list of its files' hashes, with `.dir` behind it.
The *signature* of a path is made of names, sizes and times alone: what has the signature it had when it was hashed is
not read again.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hacm.errors import UserError
from hacm.files import hash_file

IGNORE_FILE = Path(".dvcignore")
ALWAYS_IGNORED = frozenset({".git", ".hg", ".dvc", ".dvcignore"})


@dataclass(frozen=True)
class Content:
    """What lies at a path. md5: as in dvc.lock. signature: BLAKE2b-128 of names, sizes and times."""

    md5: str
    signature: str


def hash_path(path: str) -> str:
    """The hash of a file or folder as DVC records it."""
    if not os.path.isdir(path):
        return hash_file(Path(path), "md5")
    return hash_listing({name: hash_file(Path(path, name), "md5") for name, _ in walk(path)})


def hash_listing(files: Mapping[str, str]) -> str:
    """The hash of a folder that holds these files: MD5 by path relative to it."""
    entries = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def sign(path: str) -> str | None:
    """The signature of a file or folder; None if there is nothing."""
    try:
        facts = [("", os.stat(path))] if not os.path.isdir(path) else sorted(walk(path), key=lambda item: item[0])
    except FileNotFoundError:
        return None
    digest = hashlib.blake2b(digest_size=16)
    for name, stat in facts:
        digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ctime_ns}\0".encode())
    return digest.hexdigest()


def walk(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """The files below a folder, but for those that DVC ignores: path relative to the folder, and its stat."""
    ignored = ignored_names()
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in ignored]
        for name in files:
            if name not in ignored:
                path = os.path.join(place, name)
                yield os.path.relpath(path, folder).replace(os.sep, "/"), os.stat(path)


@cache
def ignored_names() -> frozenset[str]:
    """Names of files and folders that are no part of any artefact: DVC's own, and those in .dvcignore."""
    lines = IGNORE_FILE.read_text(encoding="utf-8").splitlines() if IGNORE_FILE.exists() else []
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    for name in names:
        if set(name) & set("*?[!/\\"):
            raise UserError(f"{IGNORE_FILE}: {name}: Snakemake's side knows plain names only; write the name itself")
    return ALWAYS_IGNORED | set(names)
