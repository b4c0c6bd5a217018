"""Remembers finished work, so that a stage with the same fingerprint reuses it instead of computing it again.

DVC deletes a stage's outputs before it runs the stage, even for a changed comment. So .state/finished keeps what a
stage wrote: its fingerprint, the hash of every output, and hard links to the outputs. Outputs are looked for in their
place, there, and in DVC's cache.

fingerprints.json has the same for every stage's last run, without the outputs. Commit it with dvc.lock, so that a clone
recognises finished work after `dvc pull`.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from hacm.files import replace_directory, replace_file, write_json
from pipeline.graph.cache import find_cached, read_listing
from pipeline.graph.content import hash_path
from pipeline.graph.declared import Declared
from pipeline.graph.fingerprint import Fingerprint, hash_inputs

RECORDS_KEPT = 20
"""Per stage; only the latest one keeps its outputs here."""

LEDGER = Path("fingerprints.json")
FOLDER = Path(".state/finished")


@dataclass(frozen=True)
class Finished:
    """What a stage wrote. digest: of its fingerprint. outs: MD5 by path, as in dvc.lock."""

    digest: str
    outs: dict[str, str]


class Shelf:
    """The finished work of one stage, in `folder`."""

    def __init__(self, folder: Path, declared: Declared) -> None:
        self.declared = declared
        self.lock = folder / "lock"
        self.folder = folder / declared.name
        self.copies = self.folder / "outs"

    def put(self, fingerprint: Fingerprint) -> None:
        """Remember the outputs as they are now."""
        outs = hash_inputs(self.declared.outs)
        if outs is None:
            return  # a stage that says it is done without having written everything: DVC will refuse it
        movable = [path for path in self.declared.outs if path not in self.declared.kept]
        with replace_directory(self.copies) as copies:
            for path in movable:
                _link(Path(path), copies / path)
        hash_inputs(self.declared.outs)  # a further name changes a file's times, and so what is known of it
        write_json(self._record(fingerprint.digest), {"fingerprint": asdict(fingerprint), "outs": outs})
        self._enter(Finished(fingerprint.digest, outs))
        for old in sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)[:-RECORDS_KEPT]:
            old.unlink(missing_ok=True)

    def find(self, fingerprint: Fingerprint) -> Finished | None:
        """Finished work of that fingerprint, whose outputs can all be had."""
        outs = _read(self._record(fingerprint.digest)).get("outs")
        if outs is None:
            entry = _read(LEDGER).get(self.declared.name, {})
            outs = entry.get("outs") if entry.get("fingerprint") == fingerprint.digest else None
        if not isinstance(outs, dict) or outs.keys() != set(self.declared.outs):
            return None
        had = all(self._source(path, md5) is not None for path, md5 in outs.items())
        return Finished(fingerprint.digest, outs) if had else None

    def fingerprint_of(self, outs: Mapping[str, str]) -> Fingerprint | None:
        """The fingerprint under which just these outputs were written, MD5 by path; None where that is not known."""
        for path in sorted(self.folder.glob("*.json")):
            content = _read(path)
            if content.get("outs") == outs and isinstance(content.get("fingerprint"), dict):
                return Fingerprint(**content["fingerprint"])
        return None

    def restore(self, finished: Finished) -> None:
        """Put every output in its place."""
        for path, md5 in finished.outs.items():
            source = self._source(path, md5)
            assert source is not None, path
            source.bring(Path(path))
        self._enter(finished)

    def _enter(self, finished: Finished) -> None:
        """Put this stage's entry into the ledger; others may do the same with theirs at the same time."""
        self.lock.parent.mkdir(parents=True, exist_ok=True)
        with open(self.lock, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            entries = _read(LEDGER)
            entry = {"fingerprint": finished.digest, "outs": finished.outs}
            if entries.get(self.declared.name) != entry:
                write_json(LEDGER, dict(sorted((entries | {self.declared.name: entry}).items())))

    def _record(self, digest: str) -> Path:
        return self.folder / f"{digest}.json"

    def _source(self, path: str, md5: str) -> "_Source | None":
        found = hash_inputs([path])
        if found and found[path] == md5:
            return _InPlace()
        copy = self.copies / path
        if copy.exists() and hash_path(str(copy)) == md5:
            return _Copied(copy)
        return _Cached.find(md5)


class _Source(Protocol):
    """Where an output can be had."""

    def bring(self, target: Path) -> None: ...


class _InPlace:
    def bring(self, target: Path) -> None:
        pass


@dataclass(frozen=True)
class _Copied:
    path: Path

    def bring(self, target: Path) -> None:
        if self.path.is_file():
            with replace_file(target) as temporary:
                _link(self.path, temporary)
        else:
            with replace_directory(target) as folder:
                _link(self.path, folder)


@dataclass(frozen=True)
class _Cached:
    """In DVC's cache. files: by path relative to the output; the empty path is the output itself."""

    files: Mapping[str, Path]

    @classmethod
    def find(cls, md5: str) -> "_Cached | None":
        paths = {"": find_cached(md5)}
        if md5.endswith(".dir"):
            listed = read_listing(md5)
            if listed is None:
                return None
            paths = {name: find_cached(one) for name, one in listed.items()}
        return cls(paths) if all(path.is_file() for path in paths.values()) else None

    def bring(self, target: Path) -> None:
        _replace(target, self.files)


def _read(path: Path) -> dict[str, Any]:
    """A JSON mapping; an empty one where there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def _files(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _replace(target: Path, files: Mapping[str, Path]) -> None:
    if set(files) == {""}:
        with replace_file(target) as temporary:
            shutil.copyfile(files[""], temporary)
        return
    with replace_directory(target) as folder:
        for name, source in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)


def _link(source: Path, target: Path) -> None:
    """A further name for a file, or for each file of a folder; a copy where the disk has no such thing."""
    for name, path in ({"": source} if source.is_file() else _files(source)).items():
        place = target / name if name else target
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, place)
        except OSError:
            shutil.copyfile(path, place)
