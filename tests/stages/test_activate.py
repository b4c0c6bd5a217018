"""Choosing what is covered changes lines of `active` in params.yaml and nothing else."""

import pytest

from pipeline.yaml_tree import read_yaml
from tests.conftest import PROJECT, run, shipped_params


def activate(folder, *benchmarks):
    return run(folder, "hacm", "activate", *benchmarks, check=False)


@pytest.fixture
def place(tmp_path):
    """A folder with the code and the shipped params.yaml."""
    for name in ("hacm", "pipeline", "stages"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / "params.yaml").write_text(shipped_params())
    return tmp_path


def changed(before, folder):
    """The lines that are not what they were."""
    lines = (folder / "params.yaml").read_text().splitlines()
    return [new for old, new in zip(before.splitlines(), lines, strict=True) if old != new]


def test_there_and_back_again(place):
    before = shipped_params()
    assert activate(place, "utd-mhad-xsub").returncode == 0
    assert changed(before, place) == ["  datasets: [utd-mhad]", "  benchmarks: {utd-mhad-xsub: utd-mhad}"]
    assert activate(place, "kinect-sim-xsub").returncode == 0
    assert (place / "params.yaml").read_text() == before


def test_variants_seeds_protocols_and_transfer(place):
    before = shipped_params()
    options = "utd-mhad-xsub --variants hacm random --seeds 0 1 --protocols knn --transfer-from utd-mhad-xsub --transfer-to ui-prmd-xsub"
    done = activate(place, *options.split())
    assert done.returncode == 0, done.stderr
    assert "pretrainings: 8" in done.stderr
    assert changed(before, place) == [
        "  datasets: [utd-mhad, ui-prmd]",
        "  benchmarks: {utd-mhad-xsub: utd-mhad, ui-prmd-xsub: ui-prmd}",
        "  variants: [hacm, random]",
        "  seeds: [0, 1]",
        "  protocols: [knn]",
        "  transfer: {sources: [utd-mhad-xsub], targets: [ui-prmd-xsub]} # benchmarks",
    ]
    assert activate(place, "kinect-sim-xsub", "--variants", "all").returncode == 0
    active = read_yaml(place / "params.yaml")["active"]
    assert active["variants"] == list(read_yaml(PROJECT / "params.yaml")["variants"])
    assert (active["seeds"], active["protocols"]) == ([0, 1], ["knn"])
    assert active["transfer"] == {"sources": [], "targets": []}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("utd-mhad-xview", "unknown benchmark 'utd-mhad-xview'"),
        ("utd-mhad-xsub kinect-sim-xview", "no recipe for kinect-sim-xview"),
        ("utd-mhad-xsub --variants hcam", "'hcam' is unknown; known: hacm, pomo, "),
        ("utd-mhad-xsub --seeds -1", "--seeds"),
        ("utd-mhad-xsub --seeds one", "must be a whole number from 0"),
        ("utd-mhad-xsub --transfer-from utd-mhad-xsub", "give both, or neither"),
        ("utd-mhad-xsub --transfer-from ntu60-xsub --transfer-to ntu60-xsub", "both a source and a target"),
    ],
)
def test_a_mistake_changes_nothing(place, options, words):
    done = activate(place, *options.split())
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert ".incomplete" not in done.stderr
    assert (place / "params.yaml").read_text() == shipped_params()
    assert not list(place.glob(".*.incomplete"))


def test_it_says_what_comes_next(place):
    said = activate(place, "ntu60-xsub").stderr
    assert "request the data of NTU RGB+D at https://rose1.ntu.edu.sg/" in said
    assert "into data/ntu60/raw" in said
    assert "next: make repro" in said
    assert "ask for" not in activate(place, "kinect-sim-xsub").stderr
