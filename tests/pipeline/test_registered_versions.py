"""The registry of data versions: what an audit says of one, by hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from hacm.errors import UserError
from hacm.recordings import Clip
from hacm.skeletons.shipped import KINECT_V1
from pipeline.audit import audit, registered_versions
from pipeline.audit.registered_versions import compare_with_registered, read_registry, register
from pipeline.datasets.registry import find_shipped
from pipeline.store.store import SkeletonStore, StoreWriter
from stages.tools import audit as audit_command
from tests.conftest import end_of
from tests.helpers.made_up_clips import DATASET, make_clips, write_store

MEASURED = "the version that the results in README.md and docs/results.md were measured on"


@pytest.fixture
def clips() -> dict[str, Clip]:
    return {clip.identity.name: clip for clip in make_clips()}


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of its own, in place of the project's."""
    path = tmp_path / "versions.txt"
    path.write_text("other 0123 7\n")
    monkeypatch.setattr(registered_versions, "REGISTRY", path)
    return path


def add(registry: Path, lines: list[str]) -> None:
    registry.write_text(registry.read_text() + "\n".join(lines) + "\n")


def test_the_registered_version_is_said_to_be_it(tmp_path: Path, clips: dict[str, Clip], registry: Path) -> None:
    store = write_store(tmp_path / "clips", list(clips.values()))
    lines = list(register(store, DATASET.name, clips=False))
    assert lines == [f"made-up {store.version} {len(clips)}"]
    add(registry, lines)
    found = compare_with_registered(store, DATASET.name)
    assert found == {"version": store.version, "changed": [], "absent": [], "added": [], "text": f"this is {MEASURED}"}
    assert audit(store, DATASET).facts["registered"] == found


def test_clips_that_differ_are_named(tmp_path: Path, clips: dict[str, Clip], registry: Path) -> None:
    """One with a joint moved by a micrometre, one relabelled, one gone, one more."""
    store = write_store(tmp_path / "clips", list(clips.values()))
    add(registry, list(register(store, DATASET.name, clips=True)))
    moved, relabelled, gone, kept, *_ = sorted(clips)
    values = clips[moved].bodies_MTVC.copy()
    values[0, 0, 0, 0] += 1e-6
    clips[moved] = replace(clips[moved], bodies_MTVC=values)
    clips[relabelled] = replace(clips[relabelled], identity=replace(clips[relabelled].identity, action=1))
    more = replace(clips[kept], identity=replace(clips[kept].identity, name="z"))
    other = write_store(tmp_path / "other", [*(clip for name, clip in clips.items() if name != gone), more])
    found = compare_with_registered(other, DATASET.name)
    assert (found["changed"], found["absent"], found["added"]) == ([moved, relabelled], [gone], ["z"])
    assert found["text"] == (
        f"not {MEASURED} ({store.version[:12]}…, {len(clips)} clips); 2 changed: {moved}, {relabelled}; "
        f"1 absent: {gone}; 1 added: z"
    )


def test_where_only_the_version_is_known_clips_are_not_compared(
    tmp_path: Path, clips: dict[str, Clip], registry: Path
) -> None:
    store = write_store(tmp_path / "clips", list(clips.values()))
    add(registry, [f"{DATASET.name} {'0' * 32} 3"])
    assert compare_with_registered(store, DATASET.name)["text"].endswith("3 clips); its clips are not registered")


def test_without_one_the_command_that_prints_the_line_is_named(
    tmp_path: Path, clips: dict[str, Clip], registry: Path
) -> None:
    found = compare_with_registered(write_store(tmp_path / "clips", list(clips.values())), "ntu60")
    assert found["version"] is None
    assert found["text"] == (
        "no version of ntu60 is registered; hacm audit --dataset ntu60 --register prints the line to add to "
        "pipeline/datasets/facts/versions.txt"
    )


def test_the_command_prints_what_is_to_be_added(
    tmp_path: Path, clips: dict[str, Clip], capsys: pytest.CaptureFixture[str], registry: Path
) -> None:
    with StoreWriter(tmp_path / "clips", "utd-mhad", KINECT_V1, {"kind": "clips"}) as writer:
        for clip in clips.values():
            writer.add(clip, "Skeleton.zip/x.mat", "0" * 64)
    store = SkeletonStore.open(tmp_path / "clips")
    for what in ([], ["clips"]):
        assert end_of(audit_command.main, "--store", tmp_path / "clips", "--register", *what) == ""
        add(registry, capsys.readouterr().out.splitlines())
        found = read_registry(registry)["utd-mhad"]
        assert (found.version, found.clips) == (store.version, len(clips))
        assert found.digests.keys() == (clips.keys() if what else set())
    assert "holds utd-mhad, not kard" in end_of(
        audit_command.main, "--dataset", "kard", "--store", tmp_path / "clips", "--register"
    )


@pytest.mark.parametrize("line", ["  a 1234", "x y", "a b c", "a b 1 2"])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "versions.txt"
    path.write_text(f"\n{line}\n")
    with pytest.raises(UserError, match=r"versions.txt:2: .* is neither a version nor a clip; correct it"):
        read_registry(path)


def test_the_open_data_sets_are_registered_with_all_their_clips() -> None:
    found = read_registry(registered_versions.REGISTRY)
    assert {name: one.version for name, one in found.items()} == {
        "kinect-sim": "a5d34bfd4769f99f357555e30a0ea308",
        "utd-mhad": "0e0d2e063365090a4d98d09a9d6fd81f",
        "ui-prmd": "3d4ba3752b163c8413d5941e466a9450",
        "msr-action3d": "4ebca7214cdb6ff93b2ade4ede217dfc",
        "kard": "5ba8deeb18324253a497b5224858e6c2",
    }
    assert all(len(one.digests) == one.clips for one in found.values())
    for name in ("utd-mhad", "ui-prmd", "msr-action3d", "kard"):
        dataset = find_shipped()[name]
        assert dataset.layout is not None
        assert found[name].digests.keys() == dataset.layout.members("data set") - dataset.missing_names()
