"""Data sets dropped into pipeline/own: what is found, and how each mistake in one is told."""

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pipeline.datasets.registry
import pipeline.own
from hacm.errors import BadRecording, UserError
from hacm.recordings import Excluded, Identity, RawFile, RawRecording, Recording
from hacm.skeletons.shipped import KINECT_V2
from pipeline.datasets.registry import (
    find_benchmark,
    find_dataset,
    find_own,
    find_shipped,
    find_topology,
    known_datasets,
)
from pipeline.ingest.parsing import read_recordings
from pipeline.store.store import SkeletonStore, StoreWriter

LAB = """
from hacm.recordings import Identity, Part, Recording
from hacm.recordings.arrays import ArrayReader
from hacm.skeletons import Topology
from pipeline.datasets import DataSet, SplitRule
import numpy as np

BODY = Topology("stick-3", ("hip", "left hand", "right hand"), (-1, 0, 0), (0,), 0)
COMPANIONS = ()

def part_of(path):
    return Part(path[: path.index(".")])

def read(raw):
    joints = np.array(eval(raw.main.data), dtype=np.float32)
    yield Recording(Identity(raw.name, 1, 0), 25.0, BODY, joints)

DATASET = DataSet(
    name="lab", title="Lab", topology=BODY, reader=ArrayReader(BODY, fps=25),
    splits={"xsub": SplitRule("subject", frozenset({1}))}, actions=("wave", "sit"), contents="one .npz a recording",
)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Puts files into a pipeline/own of the test's own: own(lab=text)."""
    monkeypatch.setattr(pipeline.own, "__path__", [str(tmp_path)])
    monkeypatch.setattr(pipeline.datasets.registry, "OWN", tmp_path)
    monkeypatch.setattr(pipeline.datasets.definition, "OWN", tmp_path)
    stems: list[str] = []

    def forget() -> None:
        find_own.cache_clear()
        for stem in stems:
            sys.modules.pop(f"pipeline.own.{stem}", None)
            vars(pipeline.own).pop(stem, None)

    def put(**texts: str) -> None:
        forget()
        for stem, text in texts.items():
            stems.append(stem)
            (tmp_path / f"{stem}.py").write_text(text)
        importlib.invalidate_caches()

    yield put
    forget()


def test_one_file_is_a_data_set_everywhere(own: Callable[..., None]) -> None:
    own(lab=LAB, other_lab=LAB.replace('name="lab"', 'name="other-lab"'))
    assert list(known_datasets()) == [*find_shipped(), "lab", "other-lab"]
    assert find_benchmark("lab-xsub") == (find_dataset("lab"), "xsub")
    assert find_topology("stick-3").joints == ("hip", "left hand", "right hand")
    assert [find_dataset("lab").class_name(label) for label in range(3)] == ["wave", "sit", "action 3"]
    for find, name in ((find_dataset, "lob"), (find_benchmark, "lab-xset"), (find_topology, "stick-4")):
        with pytest.raises(UserError, match=r"known: .*(lab|stick-3)"):
            find(name)


def test_nothing_is_there_by_default(own: Callable[..., None]) -> None:
    own()
    assert known_datasets() == find_shipped()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("import numpy", "import numpie", "pipeline/own/lab.py:6: ModuleNotFoundError: No module named 'numpie'; mend it"),
        ("COMPANIONS = ()", "COMPANIONS = (", "pipeline/own/lab.py:9: SyntaxError: '(' was never closed; mend it"),
        ("DATASET =", "DATA =", "must define DATASET"),
        ("DATASET = DataSet", "DATASET = dict", "must define DATASET"),
        ('title="Lab", ', "", "pipeline/own/lab.py:18: TypeError: "),
        ('name="lab"', 'name="lib"', "DATASET.name is 'lib'; name it after the file, 'lab'"),
        ('name="lab"', 'name="ntu60"', "DATASET.name is 'ntu60', which the project already has"),
        ('name="lab"', 'name="Lab 1"', "data set 'Lab 1': the name must be of small letters"),
        ('name="lab"', 'name="benchmarks"', "not benchmarks"),
        ("(-1, 0, 0)", "(-1, 0, 3)", "topology stick-3: a parent lies outside 0..2"),
        ('"stick-3"', '"kinect-v2-25"', "topology kinect-v2-25 is already the name of another skeleton"),
        ('{"xsub": SplitRule("subject", frozenset({1}))}', "{}", "splits must hold at least one rule"),
        ('"xsub":', '"x sub":', "split rule 'x sub': a name of letters"),
        ('SplitRule("subject"', 'SplitRule("person"', "split rule xsub: unknown column 'person'; known: subject"),
        ("frozenset({1})", 'frozenset({"1"})', "split rule xsub: subject is compared with int values only"),
        (', contents="one .npz a recording"', "", "contents must say in words what is put into data/lab/raw"),
        ("reader=ArrayReader(BODY, fps=25)", 'reader="pipeline.lob"', "reader 'pipeline.lob': No module named 'pipeline.lob'"),
        ("reader=ArrayReader(BODY, fps=25)", 'reader="pipeline.datasets.splits"', "its reader defines no COMPANIONS, part_of, read"),
        ("ArrayReader(BODY, fps=25)", "ArrayReader(BODY, fps=0)", "ArrayReader: fps 0 must be positive"),
    ],
)  # fmt: skip
def test_each_mistake_names_its_file(own: Callable[..., None], old: str, new: str, reason: str) -> None:
    assert old in LAB
    own(lab=LAB.replace(old, new))
    with pytest.raises(UserError) as caught:
        known_datasets()
    message = str(caught.value)
    assert message.startswith("pipeline/own/lab.py:")
    assert message.count("pipeline/own") == 1
    assert reason in message
    assert "\n" not in message


def raw(content: bytes, path: str = "a.json") -> RawRecording:
    return RawRecording("a", RawFile(path, content))


def test_what_goes_wrong_in_a_reader_is_told_with_its_line(own: Callable[..., None]) -> None:
    own(lab=LAB.replace("reader=ArrayReader(BODY, fps=25)", "reader=__name__"))
    dataset = find_dataset("lab")
    (fine,) = dataset.parse(raw(b"[[[[1, 2, 3]] * 3]]"))
    assert isinstance(fine, Recording)
    for content, reason in (
        (b"1 / 0", "pipeline/own/lab.py:15: ZeroDivisionError: division by zero"),
        (b"{}['mm']", "pipeline/own/lab.py:15: KeyError: 'mm'"),
        (b"[[[[1, 2, 3]] * 4]]", "bodies are float32 of shape (1, 1, 4, 3), not float32 (M, T, 3, 3)"),
        (b"7", "bodies are float32 of shape (), not float32 (M, T, 3, 3)"),
    ):
        (reading,) = read_recordings([raw(content)], dataset)
        (left_out,) = reading.found
        assert isinstance(left_out, Excluded)
        assert (left_out.name, left_out.source, str(left_out.reason)) == ("a", "a.json", reason)
    with pytest.raises(UserError, match=r"pipeline/own/lab.py:12: ValueError: substring not found, in part_of\('x'\)"):
        dataset.part_of("x")


class Broken:
    """A reader of the project's own with a fault."""

    COMPANIONS = ()

    def part_of(self, path: str) -> None:
        raise KeyError(path)

    def read(self, raw: RawRecording) -> Iterator[Recording]:
        raise KeyError(raw.name)


def test_a_fault_of_the_projects_own_readers_is_not_hidden() -> None:
    dataset = replace(find_shipped()["ntu60"], reader=Broken())
    with pytest.raises(KeyError):
        dataset.part_of("a")
    with pytest.raises(KeyError):
        list(dataset.parse(raw(b"")))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"topology": KINECT_V2}, "has topology kinect-v2-25, not stick-3"),
        ({"topology": "stick-3"}, "topology 'stick-3' is a name; its reader must give the Topology itself"),
        ({"bodies_MTVC": np.zeros((1, 1, 3, 3))}, "bodies are float64"),
        ({"identity": Identity("a", 1, -1)}, "action -1: actions count from 0"),
        ({"notes": ("cut by hand",)}, "note 'cut by hand' is not a Note"),
    ],
)
def test_recordings_are_checked_against_the_skeleton(own: Callable[..., None], change: dict, reason: str) -> None:
    own(lab=LAB)
    good = Recording(Identity("a", 1, 0), 25.0, find_dataset("lab").topology, np.zeros((1, 1, 3, 3), np.float32))

    class One(Broken):
        def read(self, raw: RawRecording) -> Iterator[Recording]:
            yield replace(good, **change)

    dataset = replace(find_dataset("lab"), reader=One())
    with pytest.raises(BadRecording, match=reason):
        list(dataset.parse(raw(b"")))


def test_a_store_says_what_skeleton_it_holds(own: Callable[..., None], tmp_path: Path) -> None:
    own(lab=LAB)
    dataset = find_dataset("lab")
    with StoreWriter(tmp_path / "store", "lab", dataset.topology, {}) as store:
        store.add(Recording(Identity("a", 1, 0), 25.0, dataset.topology, np.ones((1, 1, 3, 3), np.float32)), "a", "0")
    skeleton = SkeletonStore.open(tmp_path / "store").facts["skeleton"]
    assert skeleton == {"joints": ["hip", "left hand", "right hand"], "parents": [-1, 0, 0], "roots": [0], "centre": 0}
