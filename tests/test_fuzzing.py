"""The fuzzing of the readers, in short: without atheris, but with its inputs and its judge."""

import io
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fuzzing.elements import mutate_matlab
from fuzzing.formats import FORMATS, TAKEN
from fuzzing.frames import read_frames, write_frames
from fuzzing.npz import NAMES, mutate_npz
from fuzzing.seeds import matlab_files, skeletons
from hacm.errors import BadRecording
from hacm.recordings import Recording
from hacm.recordings.matlab import read_numbers
from tests.conftest import PROJECT, environment

INPUTS = 300


@pytest.mark.parametrize("name", FORMATS)
def test_some_hundred_inputs(name: str) -> None:
    target, rng = FORMATS[name], random.Random(7)
    seeds = target.seeds()
    outcomes = [target.check(target.mutate(rng.choice(seeds), rng)) for _ in range(INPUTS)]
    assert INPUTS * 0.05 < outcomes.count(TAKEN) < INPUTS * 0.95, "inputs must be neither all right nor all wrong"
    assert len(set(outcomes)) > 5


@pytest.mark.parametrize("name", FORMATS)
def test_seeds_are_taken(name: str) -> None:
    outcomes = [FORMATS[name].check(seed) for seed in FORMATS[name].seeds()]
    assert outcomes.count(TAKEN) >= 3 if name != "matlab" else outcomes.count(TAKEN) == 10


def spoiled(change: str) -> Iterator[Recording]:
    (recording,) = FORMATS["ntu"].read(skeletons()[0])
    bodies_MTVC = recording.bodies_MTVC.copy()
    if change == "one coordinate":
        bodies_MTVC[0, 0, 0, 0] = np.nan
    elif change == "infinite":
        bodies_MTVC[0, 0] = np.inf
    elif change == "double":
        bodies_MTVC = bodies_MTVC.astype(np.float64)  # type: ignore[assignment]
    elif change == "joints":
        bodies_MTVC = bodies_MTVC[:, :, :24]
    elif change == "large":
        bodies_MTVC = np.zeros((1, 10**6, 25, 3), dtype=np.float32)
    elif change == "reason":
        raise BadRecording("two\nlines")
    elif change == "crash":
        raise IndexError
    yield replace(recording, bodies_MTVC=bodies_MTVC)


@pytest.mark.parametrize("change", ["one coordinate", "infinite", "double", "joints", "large", "reason", "crash"])
def test_what_a_reader_must_not_do_is_found(change: str) -> None:
    target = replace(FORMATS["ntu"], read=lambda _: spoiled(change))
    with pytest.raises((AssertionError, IndexError)):
        target.check(skeletons()[0])


def test_frames_are_written_as_they_were_read() -> None:
    for text in skeletons():
        assert write_frames(read_frames(text)).split() == text.split()


def test_changes_of_matlab_files_get_below_the_packing() -> None:
    """Inputs made of a packed file reach what stands behind the unpacking: shapes, types and sizes."""
    rng, reasons, packed = random.Random(0), set(), matlab_files()[1]
    for _ in range(INPUTS):
        try:
            read_numbers(mutate_matlab(packed, rng), "d_skel")
        except BadRecording as reason:
            reasons.add(str(reason).split(":")[-1].split("(")[0][:20])
    assert {" an element is longe", " the shape of a vari", " numbers of unknown "} <= reasons


def test_the_commands_of_the_page(tmp_path: Path) -> None:
    """Those of docs/data.md, with fewer runs and without their slow half, where atheris is installed."""
    pytest.importorskip("atheris")
    page = (PROJECT / "docs" / "data.md").read_text(encoding="utf-8")
    commands = [line.split("#")[0].split() for line in page.splitlines() if line.startswith("python -m fuzzing")]
    assert [command[-1] for command in commands] == ["1000000", "--bounds-check"]
    command = [sys.executable, *(word.replace("1000000", "500") for word in commands[0][1:])]
    surroundings = environment() | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=surroundings, check=False)
    assert done.returncode == 0, done.stderr
    assert "ntu: 500 inputs" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_arrays_under_every_name_can_still_be_changed() -> None:
    rng, stream = random.Random(1), io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in NAMES:
            archive.writestr(name, bytes(200))
    changed = {mutate_npz(stream.getvalue(), rng) for _ in range(200)}
    assert len(changed) > 150
