"""Made-up files in PKU-MMD's layout are segmented, and mAP is what follows from the spans that are found."""

import json
from dataclasses import replace

import pytest
import torch

from benchmarks import pku_mmd as program
from hacm.errors import BadRecording
from hacm.models import folder
from hacm.models.description import Seen, describe_skeleton
from hacm.recordings import pku_mmd
from hacm.segmentation.segmenting import Segmentation
from hacm.segmentation.spans import Span
from hacm.skeletons.shipped import KINECT_V2
from tests.helpers.pku_text import PKU_SPLITS, pku_texts
from tests.helpers.small_model import build

USABLE = [(6, 0, 90), (50, 100, 200), (2, 20, 350)]


@pytest.fixture
def place(tmp_path):
    """Four videos in the authors' folders, and a model of random weights that names 51 actions."""
    videos, labels = pku_texts()
    for name, texts in (("PKU_Skeleton_Renew", videos), ("Train_Label_PKU_final", labels)):
        (tmp_path / "pku" / name).mkdir(parents=True)
        for file, text in texts.items():
            kept = b"".join(text.splitlines(keepends=True)[:3]) if "Label" in name else text
            (tmp_path / "pku" / name / file).write_bytes(kept)
    (tmp_path / "cross-subject.txt").write_bytes(PKU_SPLITS["cross-subject.txt"])
    seen = Seen(30.0, (40, 90), 2, (0.1, 0.3), (0.0,) * 25, 0.5)
    small = build().parts.description
    description = replace(small, topology=describe_skeleton(KINECT_V2), seen=seen, familiarity=None,
                          classes=tuple(f"action {number}" for number in range(1, 52)))  # fmt: skip
    torch.manual_seed(0)
    folder.save(tmp_path / "model", folder.build(description, {}))
    return tmp_path


def run(place, monkeypatch, *words):
    json_path = place / "found.json"
    monkeypatch.setattr(
        "sys.argv", ["pku_mmd", *map(str, words), "--model", str(place / "model"), "--json", str(json_path)]
    )
    program.main()
    return json.loads(json_path.read_text())


def test_videos_are_segmented_and_measured(place, monkeypatch, capsys):
    found = run(place, monkeypatch, place / "pku")
    assert (found["videos"], found["actions"]) == (4, 12)
    for figure in ("mAP_a", "mAP_v"):
        assert list(found[figure]) == ["0.1", "0.3", "0.5", "0.7"]
        assert all(0 <= value <= 100 for value in found[figure].values())
    assert "mAP over actions" in capsys.readouterr().out


def test_what_finds_all_has_all_and_what_finds_some_has_its_share(place, monkeypatch):
    """Two of three actions, one of them over three fifths of its frames."""
    spans = (Span(0, 90, 6, 0.9), Span(100, 160, 50, 0.8), Span(160, 400, None, 1.0))
    said = Segmentation("", (1, 2), 30.0, (), spans)
    monkeypatch.setattr(program, "segment", lambda *_: iter([said]))
    found = run(place, monkeypatch, place / "pku", "--split", place / "cross-subject.txt")
    assert found["videos"] == 2  # of the training videos none
    assert found["mAP_a"] == pytest.approx({"0.1": 200 / 3, "0.3": 200 / 3, "0.5": 200 / 3, "0.7": 100 / 3})
    assert found["mAP_v"] == pytest.approx({"0.1": 200 / 3, "0.3": 200 / 3, "0.5": 200 / 3, "0.7": 100 / 3})
    everything = tuple(Span(start, stop, action, 0.5) for action, start, stop in USABLE)
    said = replace(said, spans=everything)
    assert set(run(place, monkeypatch, place / "pku")["mAP_a"].values()) == {100.0}


def test_a_video_is_whole_and_a_damaged_label_is_named(place):
    ((recording, labels), *_) = program.read(place / "pku", frozenset())
    assert recording.bodies_MTVC.shape == (2, 400, 25, 3)
    assert list(labels) == USABLE
    path = place / "pku/Train_Label_PKU_final/0002-L.txt"
    path.write_bytes(path.read_bytes() + b"60,1,2,1\n")
    with pytest.raises(BadRecording, match=r"0002-L\.txt: line 4: action 60"):
        list(program.read(place / "pku", frozenset()))
    assert pku_mmd.ACTIONS == 51
