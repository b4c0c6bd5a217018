"""Stages by hand notice damaged inputs: one line that names file and remedy, exit code 1, and nothing recorded."""

import shutil
from pathlib import Path

import pytest

from hacm.files import SEAL
from pipeline.store.split_files import read_split, write_split
from tests.conftest import copy_project, run

pytestmark = pytest.mark.slow  # runs a whole project of its own
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


SPLIT = Path("data/benchmarks/kinect-sim-xsub/split")
RESULT = Path("results/benchmarks/kinect-sim-xsub/hacm/seed-0/knn")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, path
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "stage", "words"),
    [
        (SPLIT / "split.json", '"rule": "xsub"', '"rule": "xveb"', "baseline", BENCHMARK),
        (SPLIT / "split.json", '"store_files": {', '"store_files": {"a": "b", ', "prepare", BENCHMARK),
        ("models/kinect-sim-xsub/hacm/seed-0/checkpoint.json", '"test_crop": 0.95', '"test_crop": 0.55', "evaluate",
         (*BENCHMARK, "--variant", "hacm", "--seed", "0", "--protocol", "knn")),
        (RESULT / "metrics.json", '"top1": ', '"top1": 1', "report", ()),
        (RESULT / "per_class.csv", ",", ",9", "report", ()),
        (RESULT / "details.json", '"seed": 0', '"seed": 5', "report", ()),
        (RESULT.parent / "pretrain/loss.csv", "1,", "1,9", "report", ()),
        (RESULT.parents[1] / "../baseline/metrics.json", '"top1": ', '"top1": 1', "report", ()),
    ],
)  # fmt: skip
def test_an_edited_file_stops_the_stage_that_reads_it(project_copy, file, old, new, stage, words):
    edit(project_copy / file, old, new)
    line = refused(project_copy, stage, *words)
    assert line.startswith(
        f"error: {(project_copy / file).resolve().relative_to(project_copy)}: is not as it was written"
    )
    assert "dvc repro" in line


def test_an_edited_figure_is_not_compared(project_copy):
    edit(project_copy / RESULT / "metrics.json", '"top1": ', '"top1": 1')
    done = run(
        project_copy, "hacm", "compare", "workspace:hacm/seed-0/knn", "workspace:hacm/seed-0/linear", check=False
    )
    assert done.returncode == 1
    assert f"{RESULT}/metrics.json: is not as it was written" in done.stderr


def test_the_split_of_another_benchmark_is_refused(project):
    split, facts = read_split(project / SPLIT)
    said = {key: value for key, value in facts.items() if key != SEAL}
    write_split(project / SPLIT, split, said | {"benchmark": "kinect-sim-xview", "rule": "xview"})
    for stage in ("prepare", "baseline"):
        assert f"error: {SPLIT}: is the split of kinect-sim-xview; delete it" in refused(project, stage, *BENCHMARK)


def test_hierarchies_that_lost_their_list_of_files_are_refused(project):
    (project / "data/kinect-sim/hierarchy/files.json").unlink()
    line = refused(project, "prepare", *BENCHMARK)
    assert line.startswith("error: data/kinect-sim/hierarchy/files.json: is missing; delete data/kinect-sim/hierarchy")
