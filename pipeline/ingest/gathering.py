"""Gathers the raw recordings of a data set from its raw files: each main file with its companions.

Main files are read one at a time, because together they can be far larger than memory. Their companions are small, and
are read before: archives hold files in any order, and data sets come in several archives.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hacm.archives.folders import check_link
from hacm.archives.members import is_pack, member_names, members
from hacm.archives.rules import Refused
from hacm.cores import count_cores
from hacm.errors import UserError
from hacm.files import hash_file, read_json, write_json
from hacm.recordings import MAIN, Excluded, Part, RawFile, RawRecording
from pipeline.datasets.definition import DataSet
from pipeline.ingest.workers import map_ahead

RECEIPT = "receipt.json"
"""The file beside the raw files that says what was verified."""
RECEIPTS = Path(".state/receipts")
"""Where it is, in a folder of the data set's name, if the raw files are on a disk that cannot be written to."""

Companions = dict[str | None, dict[str, RawFile]]
"""By raw recording and role; None: those that belong to every recording."""


def find_receipt(folder: Path, dataset: str) -> Path:
    """The record of what was verified in a raw folder, be it there already or to be written."""
    beside = folder / RECEIPT
    elsewhere = RECEIPTS / dataset / RECEIPT
    return elsewhere if elsewhere.exists() and not beside.exists() else beside


def write_receipt(folder: Path, dataset: str, content: dict[str, Any]) -> None:
    """Write it beside the raw files; in RECEIPTS where those cannot be written beside."""
    elsewhere = RECEIPTS / dataset / RECEIPT
    receipt = find_receipt(folder, dataset)
    if receipt.exists() and read_json(receipt) == content:
        return
    try:
        write_json(folder / RECEIPT, content)
        elsewhere.unlink(missing_ok=True)
    except UserError as error:
        if not isinstance(error.__cause__, OSError) or error.__cause__.errno not in (errno.EROFS, errno.EACCES):
            raise
        write_json(elsewhere, content)


def locate(file: Path, name: str) -> str:
    """Path of a member as readers see it: from its archive's or folder's name on. Of no name: what comes before it."""
    return f"{file.name}/{name}" if is_pack(file) else name


def members_of(
    file: Path, dataset: DataSet, wanted: Callable[[str], bool] | None = None
) -> Iterator[RawFile | Refused]:
    """What is in a raw file of a data set (hacm.archives.members), whose reader may open files that hold many."""
    return members(file, wanted=wanted, opened=getattr(dataset.reader_object, "entries", None))


def member_names_of(file: Path, dataset: DataSet) -> list[str]:
    """The names of what `members_of` would read."""
    return member_names(file, opened=getattr(dataset.reader_object, "entries", None))


def content_line(member: RawFile, digest: str) -> bytes:
    """What a file adds to the hash of the folder that it is in. digest: SHA-256 of its content."""
    return f"{digest}  {member.path.rsplit('/', 1)[-1]}\n".encode()


def hash_content(file: RawFile) -> tuple[RawFile, str]:
    """A file with the SHA-256 of its content."""
    return file, hashlib.sha256(file.data).hexdigest()


def hash_raw(file: Path, dataset: DataSet) -> str:
    """SHA-256 of a raw file, or of the names and sums of what a folder holds of the data set, as in the receipt."""
    if not file.is_dir():
        return hash_file(file)
    found = members_of(file, dataset, lambda name: dataset.part_of(locate(file, name)) is not None)
    digest = hashlib.sha256()
    for member, content in map_ahead(hash_content, (one for one in found if isinstance(one, RawFile)), count_cores()):
        digest.update(content_line(member, content))
    return digest.hexdigest()


def find_changed(folder: Path, digests: Mapping[str, str], dataset: DataSet) -> Iterator[str]:
    """Of a data set's raw files those that are not what was verified. digests: of the receipt, by name; all are there.

    UserError naming one that cannot be read.
    """

    def hash_named(name: str) -> tuple[str, str]:
        try:
            return name, hash_raw(folder / name, dataset)
        except OSError as error:
            raise UserError(f"{folder / name}: cannot be read ({error.strerror}); check its permissions") from error

    for name, digest in map_ahead(hash_named, digests, count_cores()):
        if digest != digests[name]:
            yield name


def check_verified(folder: Path, digests: Mapping[str, str], dataset: DataSet) -> None:
    """UserError unless a data set's raw files are those that were verified. digests: of the receipt, by name."""
    for name in digests:
        if not (folder / name).exists():
            raise UserError(f"{folder / name}: is missing; run python -m stages.download --dataset {dataset.name}")
    for name in find_changed(folder, digests, dataset):
        raise UserError(
            f"{folder / name}: is not what was verified and recorded in {folder / RECEIPT}; put that one back, or "
            f"delete {folder / RECEIPT} and run python -m stages.download --dataset {dataset.name} to accept this"
        )


def find_files(folder: Path, dataset: DataSet) -> list[Path]:
    """The archives and folders in a folder and, among its other files, those of the data set; by name.

    UserError for a link that leads nowhere: whether it led to any of these cannot be known.
    """

    def belongs(path: Path) -> bool:
        return is_pack(path) or (path.name != RECEIPT and dataset.part_of(path.name) is not None)

    check_link(folder)
    if not folder.is_dir():
        return []
    shown = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for path in shown:
        check_link(path)
    return [path for path in shown if belongs(path)]


def find_unread(folder: Path, files: Sequence[Path], dataset: DataSet) -> tuple[list[Path], int]:
    """The files in a raw folder that are none of the data set's, and how many files there are in all.

    files: the archives, folders and files in it that are read. What is in an archive is not looked at; hidden files and
    the receipt do not count.
    """

    def is_read(path: Path) -> bool:
        top = folder / path.relative_to(folder).parts[0]
        inside = path.relative_to(top).as_posix()
        return top in files and (top == path or dataset.part_of(locate(top, inside)) is not None)

    there = [path for path in _files_below(folder) if path != folder / RECEIPT]
    return [path for path in there if not is_read(path)], len(there)


def _files_below(folder: Path) -> Iterator[Path]:
    """Every file in a folder and in the folders there, those that are links included; hidden ones are passed over."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            yield path
            continue
        for directory, subdirectories, names in os.walk(path):
            subdirectories[:] = sorted(name for name in subdirectories if not name.startswith("."))
            yield from (Path(directory, name) for name in sorted(names) if not name.startswith("."))


def read_raw(
    files: Sequence[Path], dataset: DataSet, limit: int | None, shard: tuple[int, int] | None = None
) -> Iterator[RawRecording | Excluded]:
    """The raw recordings in the archives' order; `limit` of them, where it is given; shard (i, n): the i-th of n parts.

    What an archive holds of the data set but cannot be read safely is Excluded. Companions without a main file are
    passed over.
    """
    chosen = _choose(files, dataset, limit, shard)
    companions = _read_companions(files, dataset, chosen)
    shared = companions.get(None, {})
    for file in files:
        for found in _read(file, dataset, chosen, (MAIN,)):
            name = _name(dataset.part_of(found.path), found.path)
            if isinstance(found, RawFile):
                yield RawRecording(name, found, shared | companions.get(name, {}))
            elif chosen is None or name in chosen:
                yield Excluded(name, found.path, found.reason)


def _name(part: Part | None, path: str) -> str:
    return part.recording if part and part.recording else path.rsplit("/", 1)[-1]


def _choose(
    files: Sequence[Path], dataset: DataSet, limit: int | None, shard: tuple[int, int] | None
) -> frozenset[str] | None:
    """`limit` recordings spread over the data set without regard to their order: those whose hashes come first.

    Of these a shard's: those whose hash, as a number, leaves its number when divided by their count.
    """
    if limit is None and shard is None:
        return None
    index, count = shard or (0, 1)
    hashes = {}
    for file in files:
        for path in (locate(file, name) for name in member_names_of(file, dataset)):
            part = dataset.part_of(path)
            if part is not None and part.role == MAIN:
                hashes[_name(part, path)] = hashlib.blake2b(path.rsplit("/", 1)[-1].encode()).digest()
    first = sorted(hashes, key=lambda name: hashes[name])[:limit]
    return frozenset(name for name in first if int.from_bytes(hashes[name]) % count == index)


def _read_companions(files: Sequence[Path], dataset: DataSet, chosen: frozenset[str] | None) -> Companions:
    """UserError if there are two of the same role that differ."""
    found: Companions = {}
    if not dataset.companions:
        return found
    for file in files:
        for companion in _read(file, dataset, chosen, dataset.companions):
            part = dataset.part_of(companion.path)
            if part is None or isinstance(companion, Refused):
                continue
            roles = found.setdefault(part.recording, {})
            first = roles.setdefault(part.role, companion)
            if first.data != companion.data:
                raise UserError(
                    f"{file.parent}: {first.path} and {companion.path} are both {part.role} and differ; keep one"
                )
    return found


def _read(
    file: Path, dataset: DataSet, chosen: frozenset[str] | None, roles: tuple[str, ...]
) -> Iterator[RawFile | Refused]:
    """The data set's files in those roles, with those of them that are refused."""
    folder = locate(file, "")  # asked once: it looks at the disk

    def wanted(name: str) -> bool:
        part = dataset.part_of(folder + name)
        return (
            part is not None
            and part.role in roles
            and (chosen is None or part.recording is None or part.recording in chosen)
        )

    for member in members_of(file, dataset, wanted):
        path = folder + member.path
        if isinstance(member, RawFile) or member.last or dataset.part_of(path) is not None:
            yield replace(member, path=path)
