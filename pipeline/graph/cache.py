"""Reads outputs of stages, as they were recorded, from DVC's cache."""

import json
from functools import cache
from pathlib import Path


def read_cached(md5: str, inner: str = "") -> bytes | None:
    """The bytes of a cached file, or of the file `inner` of a cached folder; None: the cache does not have it.

    md5: as in dvc.lock; a folder's ends in `.dir`.
    """
    if md5.endswith(".dir"):
        md5 = (read_listing(md5) or {}).get(inner, "")
    try:
        return find_cached(md5).read_bytes()
    except OSError:
        return None


def read_listing(md5: str) -> dict[str, str] | None:
    """The files of a cached folder, by path relative to it, with their MD5; None: the cache does not have it."""
    try:
        return {entry["relpath"]: entry["md5"] for entry in json.loads(find_cached(md5).read_bytes())}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find_cached(md5: str) -> Path:
    """Where the cache keeps the content with this hash, whether or not it does."""
    return _cache_of(Path.cwd()) / md5[:2] / md5[2:]


@cache
def _cache_of(project: Path) -> Path:
    # Imported here: DVC takes a second to start.
    from dvc.repo import Repo

    with Repo(str(project)) as repo:
        return Path(repo.cache.local.path)
