"""Reads what an artefact states about itself, as recorded: from the workspace if still there, else DVC's cache."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hacm.errors import UserError
from pipeline.graph.cache import read_cached
from pipeline.graph.former_names import rename_checkpoint, rename_details
from pipeline.graph.run_records import Contents


@dataclass(frozen=True)
class Artefact:
    """An output of a stage. md5: as recorded. kind: of KINDS, or None. facts: what its own description says.

    here: whether that is what lies in the workspace.
    """

    path: str
    md5: str
    stage: str
    kind: str | None
    facts: dict[str, Any]
    here: bool


KINDS = {
    "raw": "receipt.json",
    "store": "store.json",
    "split": "split.json",
    "hierarchy": "hierarchy.json",
    "checkpoint": "checkpoint.json",
}
"""The file by which a folder of each kind is known."""

UPDATES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "checkpoint": rename_checkpoint,
    "details": rename_details,
}
"""Descriptions of earlier revisions under present names."""


class ArtefactReader:
    """Reads what was recorded, by path and hash."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents

    def is_here(self, path: str, md5: str) -> bool:
        """Whether the workspace has it."""
        content = self.contents.of(path)
        return content is not None and content.md5 == md5

    def read(self, path: str, md5: str, inner: str = "") -> bytes | None:
        """The bytes of an output that is a file, or of the file `inner` of a folder; None: not to be had."""
        if not self.is_here(path, md5):
            return read_cached(md5, inner)
        try:
            return Path(path, inner).read_bytes()
        except OSError:
            return None

    def describe_artefact(self, path: str, md5: str, stage: str) -> Artefact:
        """What the artefact says of itself."""
        here = self.is_here(path, md5)
        markers = KINDS if md5.endswith(".dir") else {"details": ""} if Path(path).name == "details.json" else {}
        for kind, marker in markers.items():
            content = self.read(path, md5, marker)
            if content is not None:
                facts = UPDATES.get(kind, dict)(_parse(content, path, marker))
                return Artefact(path, md5, stage, kind, facts, here)
        return Artefact(path, md5, stage, None, {}, here)

    def table(self, artefact: Artefact, inner: str = "") -> pl.DataFrame | None:
        """A Parquet table of an artefact; None: not to be had."""
        content = self.read(artefact.path, artefact.md5, inner)
        try:
            return None if content is None else pl.read_parquet(io.BytesIO(content))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise UserError(f"{Path(artefact.path, inner)}: not readable as Parquet; run dvc repro") from error


def _parse(content: bytes, path: str, marker: str) -> dict[str, Any]:
    try:
        return dict(json.loads(content))
    except ValueError as error:
        raise UserError(f"{Path(path, marker)}: not readable as JSON ({error}); delete it and run dvc repro") from error
