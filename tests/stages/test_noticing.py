"""Stages by hand notice damaged inputs: one line that names file and remedy, exit code 1, and nothing recorded."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import copy_project, run

DATASET, BENCHMARK = ("--dataset", "kinect-sim"), ("--benchmark", "kinect-sim-xsub")
BASELINE = Path("results/benchmarks/kinect-sim-xsub/baseline")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A project in which the data stages ran by hand."""
    folder = copy_project(tmp_path_factory.mktemp("noticing") / "project")
    for stage in ("download", "ingest", "normalize", "hierarchy"):
        run(folder, "python", "-m", f"stages.{stage}", *DATASET)
    run(folder, "python", "-m", "stages.split", *BENCHMARK)
    return folder


@pytest.fixture
def project(prepared, tmp_path) -> Path:
    return shutil.copytree(prepared, tmp_path / "project", symlinks=True)


def refused(project: Path, stage: str, *words: str) -> str:
    """The line with which a stage stops."""
    done = run(project, "python", "-m", f"stages.{stage}", *words, check=False)
    assert done.returncode == 1, done.stderr
    lines = done.stderr.splitlines()
    assert lines[-1].startswith("error: "), done.stderr
    assert "Traceback" not in done.stderr
    return lines[-1]


def flip_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_clips_whose_joints_are_gone_give_no_baseline(project):
    shutil.rmtree(project / "data/kinect-sim/clips/joints.zarr/c")
    assert refused(project, "baseline", *BENCHMARK) == (
        "error: data/kinect-sim/clips/joints.zarr/c/0/0/0: is missing; delete data/kinect-sim/clips and run dvc repro "
        "to bring it back"
    )
    assert not (project / BASELINE).exists()


@pytest.mark.parametrize(
    ("file", "stage", "words"),
    [
        ("data/kinect-sim/clips/joints.zarr/c/0/0/0", "baseline", BENCHMARK),
        ("data/kinect-sim/clips/manifest.parquet", "baseline", BENCHMARK),
        ("data/benchmarks/kinect-sim-xsub/split/split.parquet", "baseline", BENCHMARK),
        ("data/kinect-sim/recordings/joints.zarr/c/0/0/0", "normalize", DATASET),
        ("data/kinect-sim/recordings/excluded.parquet", "normalize", DATASET),
        ("data/kinect-sim/hierarchy/hierarchy.zarr/c/0/0", "prepare", BENCHMARK),
        ("data/kinect-sim/hierarchy/hierarchy.zarr/c/0/0", "pretrain", (*BENCHMARK, "--variant", "hacm", "--seed", "0")),
        ("data/kinect-sim/hierarchy/hierarchy.json", "prepare", BENCHMARK),
    ],
)  # fmt: skip
def test_a_flipped_bit_stops_the_stage_that_reads_it(project, file, stage, words):
    before = sorted(path for path in project.rglob("*") if "state" not in str(path) and "pycache" not in str(path))
    flip_middle(project / file)
    line = refused(project, stage, *words)
    assert line.startswith(f"error: {file}: ")
    assert "run dvc repro" in line
    after = sorted(path for path in project.rglob("*") if "state" not in str(path) and "pycache" not in str(path))
    assert after == before


def test_a_replaced_archive_is_not_parsed(project):
    archive = next(path for path in (project / "data/kinect-sim/raw").iterdir() if path.suffix != ".json")
    shown, recordings = archive.relative_to(project), project / "data/kinect-sim/recordings/files.json"
    before, kept = recordings.read_bytes(), archive.read_bytes()
    archive.write_bytes(kept + b"\0")
    line = refused(project, "ingest", *DATASET)
    assert line.startswith(f"error: {shown}: is not what was verified and recorded in {shown.parent}/receipt.json; ")
    assert recordings.read_bytes() == before
    archive.unlink()
    assert refused(project, "ingest", *DATASET) == (
        f"error: {shown}: is missing; run python -m stages.download --dataset kinect-sim"
    )
    archive.write_bytes(kept)
    run(project, "python", "-m", "stages.ingest", *DATASET)
    assert recordings.read_bytes() == before
