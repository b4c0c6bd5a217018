"""A store of format 3, written by the code of commit aaa4aa5, becomes one of the current format.

The store beside this file has one clip or exclusion for every sentence that that code could note, two sentences of a
reader's own, and a clip of `variant` incorrect.
"""

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hacm.errors import UserError
from hacm.files import hash_tree
from hacm.recordings.notes import EXCLUDED, Kind, Note
from pipeline.audit.alterations import count_notes, list_alterations
from pipeline.audit.integrity import verify
from pipeline.store.format_3 import convert_store, update_excluded, update_manifest
from pipeline.store.manifest import notes_of
from pipeline.store.rows import RowReader
from pipeline.store.seal import FILES, seal_files
from pipeline.store.store import SkeletonStore

SOURCE = Path(__file__).parent / "format_3_store"
LATER = {Kind.SUM_ZERO, Kind.GAP, Kind.JOINT_FILLED, Kind.JOINT_LEFT, Kind.CENTRE_STAND_IN, Kind.INFINITE}
"""Kinds that there was no sentence for yet."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return shutil.copytree(SOURCE, tmp_path / "store")


def read_old(table: str) -> pl.DataFrame:
    return pl.read_parquet(SOURCE / f"{table}.parquet")


def test_until_it_is_converted_one_line_says_how(path: Path) -> None:
    for look in (SkeletonStore.open, verify):
        with pytest.raises(UserError, match="a store of format 3, not 4; run hacm migrate to convert it"):
            look(path)


def test_clips_version_and_joints_are_the_same(path: Path) -> None:
    facts, sums = (json.loads((SOURCE / name).read_text()) for name in ("store.json", "files.json"))
    assert convert_store(path)
    store = SkeletonStore.open(path)
    assert store.facts == facts | {"format": 4}
    assert np.array_equal(store.read_rows(), RowReader(SOURCE / "joints.zarr").read(0, facts["rows"]))
    same = [column for column in store.manifest.columns if column not in ("notes", "row_hash", "execution")]
    assert store.manifest.select(same).equals(read_old("manifest").select(same))
    assert store.manifest["execution"].to_list() == read_old("manifest")["variant"].to_list()
    assert "incorrect" in store.manifest["execution"].to_list()
    joints = [name for name in sums if name.startswith("joints.zarr")]
    assert {name: hash_tree(path)[name] for name in joints} == {name: sums[name] for name in joints}
    assert verify(path).faults == []


def test_every_sentence_is_the_note_that_says_it(path: Path) -> None:
    convert_store(path)
    store = SkeletonStore.open(path)
    notes = [notes_of(records) for records in store.manifest["notes"]]
    assert [[note.text for note in of] for of in notes] == read_old("manifest")["notes"].to_list()
    reasons = notes_of(store.table("excluded")["note"])
    texts = [reason.text for reason in reasons]
    assert texts == store.table("excluded")["reason"].to_list() == read_old("excluded")["reason"].to_list()
    found = Counter(note.kind for note in (*(note for of in notes for note in of), *reasons))
    assert set(found) == set(Kind) - LATER
    assert {kind for kind, count in found.items() if count > 1} == {Kind.REMARK, Kind.UNREADABLE}
    assert all(reason.kind.action == EXCLUDED for reason in reasons)
    assert Note(Kind.TRACK_NOISY, track=3, frames=14, of=20) in notes[1]


def test_the_audit_counts_what_it_counted(path: Path) -> None:
    """Notes whose numbers alone differ are of one kind; so it was when numbers were taken out of the text."""
    convert_store(path)
    store = SkeletonStore.open(path)
    old = [text for texts in read_old("manifest")["notes"] for text in texts]
    counted = Counter(re.sub(r"\d+(\.\d+)?", "…", text) for text in old if "arm_2" not in text and "an id" not in text)
    own = {"not read: 'time', 'arm_2'": 1, "an id twice in frame 9: the first is kept": 1}
    assert {row["note"]: row["clips"] for row in count_notes(store.manifest)} == counted | own
    altered = list_alterations(store.manifest, store.table("excluded"))
    assert Counter(altered["reason"]) == Counter([*old, *read_old("excluded")["reason"]])


def test_a_converted_store_is_left_alone(path: Path) -> None:
    convert_store(path)
    before = hash_tree(path)
    assert not convert_store(path)
    assert hash_tree(path) == before
    store = SkeletonStore.open(path)
    assert update_manifest(store.manifest) is store.manifest
    assert update_excluded(store.table("excluded")).equals(store.table("excluded"))


def spoil_row(path: Path) -> None:
    """A row that is not the one of its hash, under sums that fit."""
    read_old("manifest").with_columns(subject=pl.lit(7, pl.Int32)).write_parquet(path / "manifest.parquet")
    sums = hash_tree(path)
    sums.pop(FILES)
    (path / FILES).write_text(seal_files(sums))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: (path / "excluded.parquet").write_bytes(b"PAR1"), r"excluded\.parquet is not as it was written"),
        (lambda path: (path / "files.json").write_text('{"files.json": "0"}'), r"the seal of files\.json does not fit"),
        (spoil_row, "the manifest's row of clip0 is not as it was written"),
        (lambda path: (path / "store.json").write_text('{"format": 2}'), "a store of format 2, not 4; run dvc repro"),
    ],
)
def test_what_is_damaged_or_older_is_refused_and_stays(path: Path, spoil, reason: str) -> None:
    spoil(path)
    before = hash_tree(path)
    with pytest.raises(UserError, match=reason):
        convert_store(path)
    assert hash_tree(path) == before
    assert [one.name for one in path.parent.iterdir()] == ["store"]


def test_a_conversion_that_is_cut_short_leaves_the_old_store(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = hash_tree(path)
    monkeypatch.setattr("hacm.files.link_or_copy", stop)  # the new folder is there by then
    with pytest.raises(KeyboardInterrupt):
        convert_store(path)
    assert hash_tree(path) == before
    assert [one.name for one in path.parent.iterdir()] == ["store"]
