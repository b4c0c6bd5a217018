"""What each artefact of commit aaa4aa5 becomes: stores, what repeats their hashes, models, results, sweeps."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hacm.errors import UserError
from hacm.files import (
    SEAL,
    encode_json,
    hash_file,
    hash_tree,
    read_json,
    replace_file,
    replace_in_directory,
    seal,
)
from pipeline.datasets.registry import find_dataset
from pipeline.graph.content import hash_listing, hash_path, walk
from pipeline.graph.fingerprint import hash_reader
from pipeline.graph.former_names import (
    is_former_folder,
    rename_checkpoint,
    rename_details,
    rename_key,
    rename_path,
    rename_row,
)
from pipeline.migration import former_project
from pipeline.results.writing import RECORDED as RESULT_FILES
from pipeline.store.checksums import CHECKSUMS
from pipeline.store.format_3 import OLD_FORMAT, convert_files
from pipeline.store.rows import compute_checksums
from pipeline.store.seal import FILES, SHARDS, seal_changed
from pipeline.store.split_files import RECORDED, read_split

STORE, CHECKPOINT, DETAILS = "store.json", "checkpoint.json", "details.json"
HIERARCHY = "hierarchy.zarr"
OLD_CHECKPOINT, NEW_CHECKPOINT = 1, 2
ITSELF = ""
"""The path, relative to itself, of an artefact that is a single file."""


@dataclass(frozen=True)
class Output:
    """A path as DVC knows it. before, after: MD5 of what it was converted from and to, as in dvc.lock."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class Conversion:
    """What one artefact becomes. place, target: where it lies and where it shall. files: new content, by path in it."""

    place: Path
    target: Path
    files: dict[str, bytes]
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"

    def outputs(self) -> list[Output]:
        """What DVC knows of it: the folder or file itself; of a folder that moves, each file in it."""
        new = {name: hashlib.md5(content, usedforsecurity=False).hexdigest() for name, content in self.files.items()}
        if self.place.is_file():
            return [Output(str(self.target), hash_file(self.place, "md5"), new[ITSELF])]
        before = {name: hash_file(self.place / name, "md5") for name, _ in walk(str(self.place))}
        after = before | new
        if self.place != self.target:
            return [Output(f"{self.target}/{name}", before[name], after[name]) for name in before]
        return [Output(str(self.target), hash_listing(before), hash_listing(after))]

    def apply(self) -> None:
        """Put it in place, whole or not at all. What moves is converted first, which may be done twice."""
        if self.place.is_file():
            with replace_file(self.place) as temporary:
                temporary.write_bytes(self.files[ITSELF])
        else:
            # Never a single file in it: what a kill leaves beside that would be part of the folder.
            replace_in_directory(self.place.resolve(), self.files)
            if self.place != self.target:
                self.place.rename(self.target)


class Converter:
    """Finds what is to be converted, and says what it becomes.

    recorded: MD5 of the outputs in dvc.lock. trusting: stores of recordings are taken to be of today's
    reader also where other code than the commit's read them.
    """

    def __init__(self, recorded: Mapping[str, str | None], *, trusting: bool = False) -> None:
        self.trusting, self._recorded = trusting, recorded
        self._files: dict[Path, Any] = {}
        """SHA-256 of the files of each folder that was converted, by its place."""

    def find(self, top: Path) -> Iterator[Callable[[], Conversion | None]]:
        """One function per artefact at or below `top`: what it becomes, None if nothing is to be done.

        Stores come first, then what repeats their hashes. UserError, when called, for what is damaged.
        """
        for kind, names in self._kinds().items():
            for path in _paths(top, names):
                yield lambda kind=kind, path=path: kind(path)  # type: ignore[misc]

    def _kinds(self) -> dict[Callable[[Path], Conversion | None], tuple[str, ...]]:
        return {
            self.store: (STORE,),
            self.hierarchy: ("hierarchy.json",),
            self.split: ("split.json",),
            self.inputs: ("inputs.json",),
            self.checkpoint: (CHECKPOINT,),
            self.details: (DETAILS,),
            self.sweep: ("points.json", "table.json"),
        }

    def store(self, path: Path) -> Conversion | None:
        """A store, by its store.json."""
        place = path.parent
        facts = read_json(path)
        if facts.get("format") != OLD_FORMAT:
            return None
        files = convert_files(place, self._reader(facts))
        self._files[place] = json.loads(files[FILES])
        return Conversion(place, place, files, f"store of format {OLD_FORMAT} → 4")

    def _reader(self, facts: dict[str, Any]) -> dict[str, str]:
        """What a store of recordings says of its reader, so that what is unchanged is not parsed again."""
        known = facts.get("reader") == former_project.reader_hash() or (self.trusting and "reader" in facts)
        return {"reader": hash_reader(find_dataset(facts["dataset"]))} if known else {}

    def hierarchy(self, path: Path) -> Conversion | None:
        """Joint hierarchies, by their hierarchy.json: they get checksums, if they are what dvc.lock says."""
        place = path.parent
        array = place / HIERARCHY
        if (place / FILES).exists() or not array.exists() or hash_path(str(place)) != self._recorded.get(str(place)):
            return None
        files = {f"{HIERARCHY}/{CHECKSUMS}": compute_checksums(array).encode()}
        files[FILES] = seal_changed(hash_tree(place), files)
        self._files[place] = json.loads(files[FILES]) | {FILES: hashlib.sha256(files[FILES]).hexdigest()}
        return Conversion(place, place, files, "with checksums")

    def split(self, path: Path) -> Conversion | None:
        """A benchmark's split, by its split.json: it repeats the hashes of a store's files, and gets a checksum."""
        _, facts = read_split(path.parent)
        if "data_version" not in facts or "dataset" not in facts:
            raise UserError(f"{path}: damaged, key data_version or dataset is missing; run dvc pull, or restore it")
        new = seal(facts | self._store_files(path, facts) | {RECORDED: hash_file(path.parent / "split.parquet")})
        if new == facts:
            return None
        return Conversion(path.parent, path.parent, {path.name: encode_json(new)}, "the hashes of the converted store")

    def inputs(self, path: Path) -> Conversion | None:
        """What pretraining reads, by hash."""
        facts = read_json(path)
        if not isinstance(facts, dict) or "store_files" not in facts:
            return None
        new = facts | self._store_files(path, facts) | self._hierarchy_files(path, facts)
        return (
            None if new == facts else Conversion(path, path, {ITSELF: encode_json(new)}, "the hashes of what it names")
        )

    def _store_files(self, path: Path, facts: dict[str, Any]) -> dict[str, Any]:
        """What `store_files` shall say in that file."""
        store = Path("data", facts["dataset"], "clips")
        if not (store / FILES).exists():
            return {}
        now = self._files.get(store) or read_json(store / FILES)
        _expect_same_rows(path, facts["store_files"], now, store)
        return {"store_files": now}

    def _hierarchy_files(self, path: Path, facts: dict[str, Any]) -> dict[str, Any]:
        """What `hierarchy_files` shall say in that file."""
        folder = Path("data", facts["dataset"], "hierarchy")
        if not folder.exists():
            return {}
        now = self._files.get(folder) or hash_tree(folder)
        _expect_same_rows(path, facts["hierarchy_files"], now, folder)
        return {"hierarchy_files": {name: now[name] for name in sorted(now, key=Path)}}

    def checkpoint(self, path: Path) -> Conversion | None:
        """A model, by its checkpoint.json; its weights stay as they are."""
        description = read_json(path)
        if not isinstance(description, dict) or description.get("format") != OLD_CHECKPOINT:
            return None
        if "model" not in description or "facts" not in description:
            raise UserError(f"{path}: damaged, key model or facts is missing; run dvc pull, or restore it")
        content = seal(rename_checkpoint(description | {"format": NEW_CHECKPOINT}))
        text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
        files = {CHECKPOINT: text.encode()}
        return Conversion(path.parent, path.parent, files, f"checkpoint of format {OLD_CHECKPOINT} → {NEW_CHECKPOINT}")

    def details(self, path: Path) -> Conversion | None:
        """Where a result comes from; of a folder with an old name, the folder."""
        facts, folder = read_json(path), path.parent
        renamed = rename_details(facts)
        if SEAL not in facts:
            renamed = seal(renamed | {RESULT_FILES: self._result_files(folder)})
        if is_former_folder(folder.as_posix()):
            target = Path(rename_path(folder.as_posix()))
            if target.exists():
                raise UserError(f"{folder}: left, for {target} is there too; delete the one that you do not need")
            return Conversion(folder, target, {DETAILS: encode_json(renamed)}, f"→ {target.name}")
        if renamed == facts and list(renamed) == list(facts):
            return None
        return Conversion(path, path, {ITSELF: encode_json(renamed)}, "what it says under present names")

    def _result_files(self, folder: Path) -> dict[str, str]:
        """The checksums of the files beside a details.json, of those that are what dvc.lock says."""
        files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name != DETAILS]
        return {
            path.name: hash_file(path)
            for path in files
            if hash_file(path, "md5") == self._recorded.get(rename_path(path.as_posix()))
        }

    def sweep(self, path: Path) -> Conversion | None:
        """What a sweep consists of, or its table."""
        if path.parts[:1] != ("sweeps",):
            return None
        facts = read_json(path)
        renamed = _rename_settings(facts)
        if renamed == facts:
            return None
        return Conversion(path, path, {ITSELF: encode_json(renamed)}, "settings under their present names")


FOLDERS = ("data", "models", "results", "sweeps", ".state/ingest")
"""Where a project keeps what is converted."""


def _paths(top: Path, names: tuple[str, ...]) -> list[Path]:
    """Files of these names, in order; hidden folders, which nobody has finished, are passed over."""
    places = [Path(folder) for folder in FOLDERS] if top == Path() else [top]
    found = [path for place in places if place.exists() for name in names for path in place.rglob(name)]
    tops = {path: next(place for place in places if path.is_relative_to(place)) for path in found}
    return sorted(
        path for path in found if not any(part.startswith(".") for part in path.relative_to(tops[path]).parts)
    )


def _expect_same_rows(path: Path, before: dict[str, str], now: dict[str, str], folder: Path) -> None:
    """UserError unless the hashes that a file repeats are those of the folder's arrays as they are now."""
    arrays = ({name: digest for name, digest in one.items() if SHARDS in name} for one in (before, now))
    if next(arrays) != next(arrays):
        raise UserError(f"{path}: of another {folder} than is there; not converted, dvc repro writes it again")


def _rename_settings(content: Any) -> Any:
    """Dotted keys of params.yaml, and names of results, anywhere in a sweep's files."""
    if isinstance(content, list):
        return [_rename_settings(one) for one in content]
    if isinstance(content, dict):
        renamed = dict(rename_key(key, _rename_settings(value)) for key, value in content.items())
        return rename_row(renamed) if "protocol" in renamed else renamed
    return content


def mend(top: Path = Path()) -> list[Path]:
    """Put back folders that a kill left set aside before what replaces them was in place, and delete the others."""
    mended = []
    for folder in FOLDERS:
        for aside in sorted(Path(top, folder).rglob(".*.replaced")):
            place = aside.with_name(aside.name.removeprefix(".").removesuffix(".replaced"))
            if place.exists():
                shutil.rmtree(aside)
            else:
                aside.rename(place)
                mended.append(place)
    return mended
