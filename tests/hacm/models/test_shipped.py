"""The models in the box: they are whole, small, stand in dvc.yaml, and give their published figures."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import hacm
from hacm.commands import inputs, predict
from hacm.errors import UserError
from hacm.models import folder
from hacm.models.building import in_batches
from hacm.models.card import write_card
from hacm.models.finding import SHIPPED, list_shipped
from hacm.models.model import Model
from hacm.recordings import Recording
from hacm.recordings.anywhere import Finder
from hacm.recordings.arrays import ArrayReader
from tests.conftest import PROJECT

NAMES = ("ui-prmd", "utd-mhad")
MOVEMENTS = {
    "m01_s02_e01": "deep squat",
    "m03_s02_e01": "inline lunge",
    "m05_s02_e01": "sit to stand",
    "m07_s02_e01": "standing shoulder abduction",
    "m09_s02_e01": "standing shoulder internal-external rotation",
}
"""What examples/README.md says of each recording in examples/."""
DATA = PROJECT.parent / "shared" / "data"
ARCHIVES = {"utd-mhad": DATA / "utd-mhad-skeleton.tar.xz", "ui-prmd": DATA / "ui-prmd-kinect.tar.bz2"}
NAMED = {"utd-mhad": r"a(?P<action>\d+)_s(?P<subject>\d+)_t\d+", "ui-prmd": r"m(?P<action>\d+)_s(?P<subject>\d+)_e\d+"}
"""How the authors' files say action and subject, both from 1."""


def test_which_there_are():
    assert tuple(list_shipped()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_is_whole_and_small(name):
    description = folder.load(SHIPPED / name).description
    assert (SHIPPED / name / folder.CARD).read_text(encoding="utf-8") == write_card(description)
    assert {path.name for path in (SHIPPED / name).iterdir()} == {folder.DESCRIPTION, folder.WEIGHTS, folder.CARD}
    assert (SHIPPED / name / folder.WEIGHTS).stat().st_size < 6_000_000
    assert description.name == name
    assert not description.origin.synthetic
    assert description.licence
    assert description.origin.data_licence
    assert description.calibration
    measured = description.familiarity.measured
    assert measured.keys() == {f"{name}, test subjects", *({*NAMES, "msr-action3d", "kard"} - {name})}


@pytest.mark.parametrize("name", NAMES)
def test_a_table_that_names_its_joints_needs_no_model(name, tmp_path, monkeypatch):
    """One of bare numbers does: of how many joints it is may be chance."""
    joints = folder.read_description(SHIPPED / name).skeleton.joints
    numbers = ",".join(["0.5"] * 3 * len(joints))
    names = ",".join(f"{joint}_{axis}" for joint in joints for axis in "xyz")
    (tmp_path / "named.csv").write_text(f"{names}\n{numbers}\n{numbers}\n")
    (tmp_path / "timed.csv").write_text(f"timestamp_ms,{names}\n0,{numbers}\n40,{numbers}\n80,{numbers}\n")
    (tmp_path / "bare.csv").write_text(f"{numbers}\n{numbers}\n")

    def choose(file):
        monkeypatch.setattr(sys, "argv", ["hacm predict", str(tmp_path / file)])
        options = predict.command_line().parse_args()
        return inputs.choose_shipped(options.paths, options)

    assert choose("named.csv") == choose("timed.csv") == name
    with pytest.raises(UserError, match=f"say which model .*; of as many joints as the recordings: {name}. If files"):
        choose("bare.csv")


def test_dvc_lists_each():
    artifacts = yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["artifacts"]
    assert {name: one["path"] for name, one in artifacts.items()} == {
        name: f"hacm/models/shipped/{name}" for name in NAMES
    }
    for name, one in artifacts.items():
        about = folder.read_description(SHIPPED / name)
        assert one["type"] == "model"
        assert f"{len(about.classes)} " in one["desc"]
        assert about.skeleton.name in one["labels"]


def show_examples(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["hacm predict", "examples/", *words])
    monkeypatch.chdir(PROJECT)
    monkeypatch.setenv("COLUMNS", "110")
    assert predict.main() == 0
    return capsys.readouterr().out


def test_the_examples_are_named_right_after_the_set_up(monkeypatch, capsys):
    """By the model of their skeleton, which nobody has to name; nobody in them was in its training."""
    lines = show_examples(monkeypatch, capsys, "--csv").splitlines()[1:]
    named = {line.split(",")[0]: line.split(",")[2] for line in lines}
    assert named.keys() == MOVEMENTS.keys()
    assert sum(named[name] == MOVEMENTS[name] for name in named) >= 4
    notice = (PROJECT / "examples/README.md").read_text(encoding="utf-8")
    assert all(f"| `{name}_*.txt` | {movement} |" in notice for name, movement in MOVEMENTS.items())


def test_readme_shows_what_the_examples_give(monkeypatch, capsys):
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^\$ hacm predict examples/ --top 2\n(.*?)```$", readme, re.MULTILINE | re.DOTALL)
    assert shown.split() == show_examples(monkeypatch, capsys, "--top", "2").split()


@pytest.mark.real
@pytest.mark.parametrize("name", NAMES)
def test_published_figures(name):
    """From the authors' files, through nothing but `Finder` and the model: subjects of even number are test subjects."""
    if not ARCHIVES[name].exists():
        pytest.skip("the real recordings are not here")
    model = hacm.load(name)
    named = re.compile(NAMED[name])
    hits, unfamiliar = [], []
    for part in in_batches(of_test_subjects(model, ARCHIVES[name], named), 256):
        taken = [model.take_people(one, (0,), doubt="warn") for one in part]
        for one in model.describe(taken):
            hits.append(one.label == model.classes[int(named.search(one.recording)["action"]) - 1])
            unfamiliar.append(not one.familiar)
    figures, measured = model.description.figures, model.description.familiarity.measured
    assert len(hits) == figures["n"]
    assert 100 * np.mean(hits) == pytest.approx(figures["top1"], abs=1e-3)
    assert np.mean(unfamiliar) == pytest.approx(measured[f"{name}, test subjects"], abs=2 / len(hits))


def of_test_subjects(model: Model, archive: Path, named: re.Pattern[str]):
    """The recordings of these."""
    for one in Finder(ArrayReader(model.topology, fps=30.0, nameless=True)).find(archive):
        assert isinstance(one, Recording)
        if int(named.search(one.identity.name)["subject"]) % 2 == 0:
            yield one
