"""Stores of format 3 → the current format. They had notes as sentences, `variant` for what is `execution` now, and no
checksums of their rows.

Nothing else reads a note from its text. The sentences are still the same, so a template says how to read one.
"""

import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Formatter
from typing import Any

import polars as pl

from hacm.errors import UserError
from hacm.files import encode_json, hash_file, read_json, replace_in_directory
from hacm.recordings.notes import EXCLUDED, WORDS, Kind, Note
from pipeline.store.checksums import CHECKSUMS
from pipeline.store.manifest import EXCLUDED_SCHEMA, SCHEMA, exclusion, hash_row, version
from pipeline.store.rows import compute_checksums
from pipeline.store.seal import FILES, seal_changed, seal_files
from pipeline.store.store import FORMAT, expect_format, read_parquet

OLD_FORMAT = 3
JOINTS = "joints.zarr"


def convert_store(path: Path) -> bool:
    """Rewrite a store of format 3 in place; False if it is of the current format already.

    Its joints, their hashes and its data version stay; it is replaced whole or not at all. UserError if it is of
    another format, or damaged where it is rewritten.
    """
    path = Path(path).resolve()
    files = convert_files(path)
    if files:
        replace_in_directory(path, files)
    return bool(files)


def convert_files(path: Path, further: Mapping[str, Any] | None = None) -> dict[str, bytes]:
    """What differs in a store of format 3 once it is of the current one: content by name; nothing if it is already.

    further: facts for store.json in place of those that it has. UserError as of convert_store.
    """
    facts = read_json(path / "store.json")
    if facts.get("format") != OLD_FORMAT:
        expect_format(path, facts)
        return {}
    recorded = _read_sums(path)
    manifest = read_parquet(path / "manifest.parquet")
    _check_rows(path, manifest)
    manifest = update_manifest(manifest)
    excluded = update_excluded(read_parquet(path / "excluded.parquet"))
    if version(manifest) != facts["version"]:
        raise _damaged(path, f"its manifest makes version {version(manifest)}")
    files = {
        "manifest.parquet": _encode(manifest),
        "excluded.parquet": _encode(excluded),
        "store.json": encode_json(facts | {"format": FORMAT} | dict(further or {})),
        f"{JOINTS}/{CHECKSUMS}": compute_checksums(path / JOINTS).encode(),
    }
    return files | {FILES: seal_changed(recorded, files)}


def _encode(table: pl.DataFrame) -> bytes:
    stream = io.BytesIO()
    table.write_parquet(stream)
    return stream.getvalue()


def update_manifest(manifest: pl.DataFrame) -> pl.DataFrame:
    """A manifest of format 3 in the current columns, with the hashes of its rows; another one as it is."""
    if manifest.schema.get("notes") != pl.List(pl.String):
        return manifest
    rows = []
    for row in manifest.rename({"variant": "execution"}, strict=False).iter_rows(named=True):
        row["notes"] = [_read_note(text, _DONE).record for text in row["notes"]]
        row.pop("row_hash", None)
        rows.append(row | {"row_hash": hash_row(row)})
    return pl.DataFrame(rows, schema=SCHEMA)


def update_excluded(excluded: pl.DataFrame) -> pl.DataFrame:
    """A table of excluded recordings of format 3 in the current columns; another one as it is."""
    if "note" in excluded.columns:
        return excluded
    columns = excluded.select("name", "source", "reason")
    rows = [exclusion(name, source, _read_note(text, _LEFT_OUT)) for name, source, text in columns.iter_rows()]
    return pl.DataFrame(rows, schema=EXCLUDED_SCHEMA)


def _read_sums(path: Path) -> dict[str, str]:
    """The sums of files.json without its seal; UserError unless they are those of the files that are there.

    New sums would cover up what is wrong with one.
    """
    recorded: dict[str, str] = read_json(path / FILES)
    recorded.pop(FILES, None)
    if (path / FILES).read_text(encoding="utf-8") != seal_files(recorded):
        raise _damaged(path, f"the seal of {FILES} does not fit")
    for name, digest in recorded.items():
        if not (path / name).is_file() or hash_file(path / name) != digest:
            raise _damaged(path, f"{name} is not as it was written")
    return recorded


def _check_rows(path: Path, manifest: pl.DataFrame) -> None:
    """UserError unless every row is that of its hash: the new hashes would cover up what is wrong with it."""
    for row in manifest.iter_rows(named=True):
        if hash_row({name: value for name, value in row.items() if name != "row_hash"}) != row["row_hash"]:
            raise _damaged(path, f"the manifest's row of {row['name']} is not as it was written")


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"{path}: {what}, so it is not converted; run dvc pull or dvc repro to bring it back")


def _compile(kinds: Iterable[Kind]) -> list[tuple[Kind, re.Pattern[str]]]:
    """How the sentences of each kind read; those in a reader's own words, which any sentence fits, come last."""
    patterns = []
    for kind in sorted(kinds, key=lambda kind: kind.template == f"{{{WORDS}}}"):
        parts = (
            re.escape(text) + (f"(?P<{name}>{'.*' if name == WORDS else '0|[1-9][0-9]*'})" if name else "")
            for text, name, _, _ in Formatter().parse(kind.template)
        )
        patterns.append((kind, re.compile("".join(parts), re.DOTALL)))
    return patterns


_DONE = _compile(kind for kind in Kind if kind.action != EXCLUDED)
_LEFT_OUT = _compile(kind for kind in Kind if kind.action == EXCLUDED)


def _read_note(text: str, patterns: list[tuple[Kind, re.Pattern[str]]]) -> Note:
    for kind, pattern in patterns:
        match = pattern.fullmatch(text)
        if match is not None:
            found = match.groupdict()
            values: dict[str, Any] = {name: text if name == WORDS else int(text) for name, text in found.items()}
            return Note(kind, **values)
    raise AssertionError("any text is in some words")
