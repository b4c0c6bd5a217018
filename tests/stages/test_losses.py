"""Nothing of a data set of one's own is lost without a word: each loss is one line, and stops a strict run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.audit import audit
from pipeline.datasets.registry import find_dataset
from pipeline.store.store import SkeletonStore
from stages import ingest
from tests.conftest import end_of
from tests.helpers.lab import STAGES, a_lab, run


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A project's folder to be in, with a data set `lab`: lab(strict, {path: arrays}, cleaning)."""
    with a_lab(tmp_path, monkeypatch) as make:
        yield make


def take(frames: int, subject: int | None, action: int = 1, **changes: Any) -> dict[str, Any]:
    generator = np.random.default_rng(frames + action + (subject or 0))
    joints = np.array([[0, 1, 0], [-0.5, 1.5, 0], [0.5, 1.5, 0]]) + generator.normal(0, 0.05, (frames, 3, 3))
    facts = {} if subject is None else {"subject": subject}
    return {"joints": joints, "action": action, **facts, **changes}


GOOD = {"a.npz": take(20, 1), "b.npz": take(20, 2)}
PARTLY = take(20, 1)
PARTLY["joints"] = PARTLY["joints"].copy()
PARTLY["joints"][3:5, 1] = np.nan
GONE = take(20, 2)
GONE["joints"] = np.full((20, 3, 3), np.nan)
THREE = take(20, 1)
THREE["joints"] = np.stack([THREE["joints"] + shift for shift in range(3)])

LOSSES = {
    "too long": ({"long.npz": take(301, 1)}, "1 of 3 recordings (33.3%): frames truncated: 301 to 300; long", "lost"),
    "no subject": ({"c.npz": take(20, None)}, "1 of 3 clips (33.3%) have no subject and are in neither part: c", "no-part"),
    "a missing joint": (
        {"c.npz": PARTLY},
        "1 of 3 recordings (33.3%): joint left hand filled where it was not seen, in 2 of 20 body-frames; c", "lost",
    ),
    "nobody": ({"c.npz": GONE}, "1 of 3 recordings (33.3%): left out, no body in any frame; c", "lost"),
    "three people": ({"c.npz": THREE}, "1 of 3 recordings (33.3%): track 2 dropped: a clip has two bodies; c", "lost"),
}  # fmt: skip


@pytest.mark.parametrize("loss", LOSSES)
def test_each_loss_is_a_line_a_finding_and_the_end_of_a_strict_run(lab, capsys, loss):
    files, line, kind = LOSSES[loss]
    lab(True, GOOD | files)
    message = run()
    assert line in message
    assert "datasets.lab.ingest.strict to false" in message
    lab(False, {})
    assert run() == ""
    assert line in capsys.readouterr().err
    found = audit(SkeletonStore.open(Path("data/lab/clips")), find_dataset("lab"))
    told = [one for one in found.findings if one.kind == kind]
    assert any(one.clips == (line.rsplit(maxsplit=1)[-1],) for one in told)
    assert line in [one.text.removeprefix("xsub: ") for one in told]


TWO = {"c.npz": take(301, 1), "d.npz": take(412, 2)}
FOUR = take(20, 1)
FOUR["joints"] = np.stack([FOUR["joints"] + shift for shift in range(4)])
WORSE = take(20, 2)
WORSE["joints"] = WORSE["joints"].copy()
WORSE["joints"][2:9, 0] = np.nan
SEVERAL = {
    "cut": (TWO, "2 of 4 recordings (50.0%): frames truncated: 301–412 to 300; c, d"),
    "cut alike": ({"c.npz": take(301, 1), "d.npz": take(301, 2)}, "2 of 4 recordings (50.0%): frames truncated: 301 to 300; c, d"),
    "joints": ({"c.npz": PARTLY, "d.npz": WORSE}, "2 of 4 recordings (50.0%): joint left hand / hip filled where it was not seen, in 2–7 of 20 body-frames; c, d"),
    "people": ({"c.npz": FOUR}, "1 of 3 recordings (33.3%): track 2–3 dropped: a clip has two bodies; c"),
    "reasons": (
        {f"{name}.npz": take(20, 1, fps=fps) for name, fps in (("c", 0), ("d", -1), ("e", -2), ("f", -2))},
        "4 of 6 recordings (66.7%): left out, fps is 0, not positive / fps is -1, not positive / …; c, d, e, f",
    ),
}  # fmt: skip


@pytest.mark.parametrize("loss", SEVERAL)
def test_a_line_about_several_has_their_numbers(lab, capsys, loss):
    files, line = SEVERAL[loss]
    lab(False, GOOD | files)
    assert run() == ""
    assert line in capsys.readouterr().err


def test_a_strict_run_may_cut_what_the_data_set_says(lab, capsys):
    lab(True, GOOD | {"long.npz": take(301, 1)}, "max_frames: 300")
    assert run() == ""
    assert "frames truncated" in capsys.readouterr().err


def test_a_strict_run_stops_at_missing_joints_until_the_data_set_says_what_becomes_of_them(lab, capsys):
    lab(True, GOOD | {"c.npz": PARTLY})
    assert "set datasets.lab.cleaning.missing, or mend them, or set datasets.lab.ingest.strict to false" in run()
    lab(True, {}, "missing: leave")
    assert run() == ""
    assert "joint left hand not seen and left at zero in 2 of 20 body-frames; c" in capsys.readouterr().err
    clips = SkeletonStore.open(Path("data/lab/clips"))
    assert np.flatnonzero(~clips["c"][0, :, 1].any(axis=1)).tolist() == [3, 4]
    assert np.count_nonzero(~clips["c"][0].any(axis=2)) == 3  # and the origin


def test_a_joint_that_is_never_seen_leaves_a_body_of_its_size(lab):
    lab(
        False,
        {name: file | {"joints": np.where([[[0], [0], [1]]], np.nan, file["joints"])} for name, file in GOOD.items()},
    )
    assert run() == ""
    assert not SkeletonStore.open(Path("data/lab/clips"))["a"][0, :, 2].any()


def test_what_is_not_read_is_a_line_and_a_finding_and_stops_nothing(lab, capsys):
    lab(True, GOOD | {"c.npz": take(20, 1, speed=np.arange(20), confidence=np.ones(20))})
    assert run() == ""
    line = "1 of 3 recordings (33.3%): not read: 'speed', 'confidence'; c"
    assert capsys.readouterr().err.count(line) == 1
    found = audit(SkeletonStore.open(Path("data/lab/clips")), find_dataset("lab"))
    assert [(one.severity, one.clips, one.text) for one in found.findings if one.kind == "not-read"] == [
        ("warning", ("c",), line)
    ]


def test_lists_of_what_is_not_read_that_differ(lab, capsys):
    lab(True, {f"{name}.npz": take(20, 1, **{name: np.arange(20)}) for name in "abcd"})
    assert end_of(*STAGES[0]) == end_of(*STAGES[1]) == ""
    assert "4 of 4 recordings (100.0%): not read: 'a' / 'b' / …; a, b, c, d" in capsys.readouterr().err


def test_equal_names_in_other_folders(lab, capsys):
    files = {f"session{one}/kick.npz": take(20, one) for one in (1, 2, 3)}
    lab(True, files)
    message = run()
    assert "session1/kick.npz" in message
    assert "session2/kick.npz" in message
    lab(False, {})
    end_of(ingest.main, "--dataset", "lab")
    assert "2 of 3 recordings (66.7%): left out, duplicate name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("unit", "line"), [(1000.0, "a body spans 9"), (100.0, "a body spans"), (0.001, "a body spans 0.0")]
)
def test_another_unit_is_told_when_the_files_are_read(lab, unit, line):
    lab(False, {name: file | {"joints": file["joints"] * unit} for name, file in GOOD.items()})
    message = run()
    assert line in message
    assert "so its coordinates are not metres; set metres" in message
    assert not Path("data/lab/recordings").exists()


MANY = {f"{name}.npz": take(20 + number, 1 + number % 2) for number, name in enumerate("abcde")}


def scaled(name: str, unit: float) -> dict[str, dict[str, Any]]:
    return {f"{name}.npz": MANY[f"{name}.npz"] | {"joints": MANY[f"{name}.npz"]["joints"] * unit}}


@pytest.mark.parametrize(
    ("units", "share", "named"),
    [
        ({"b": 1000.0}, "1 of 5 recordings (20.0%): a body spans 9", "; b; convert"),
        ({"c": 100.0}, "1 of 5 recordings (20.0%): a body spans 9", "; c; convert"),
        ({"e": 0.001}, "1 of 5 recordings (20.0%): a body spans 0.00", "; e; convert"),
        ({"a": 1000.0, "d": 0.001}, "2 of 5 recordings (40.0%): a body spans 0.00", "; a, d; convert"),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_single_recordings_in_another_unit_are_told_when_the_files_are_read(lab, strict, units, share, named):
    lab(strict, MANY | {file: of for name, unit in units.items() for file, of in scaled(name, unit).items()})
    message = run()
    assert share in message
    assert named in message
    assert "metres=" in message
    assert not Path("data/lab/recordings").exists()


def test_a_recordings_size_is_not_that_of_a_frame_gone_wrong(lab):
    joints = MANY["a.npz"]["joints"].copy()
    joints[0] *= 1000
    joints[1:3] = joints[1, 0]  # all joints in one place
    lab(True, MANY | {"a.npz": MANY["a.npz"] | {"joints": joints}})
    assert end_of(*STAGES[0]) == end_of(*STAGES[1]) == ""
