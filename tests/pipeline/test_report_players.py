"""Skeletons that move in the report, and the curve of a pretraining that was watched."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

from hacm.viewing.player import ABSENT, MASKED, NO_TOKEN, SEEN
from pipeline.report import build
from pipeline.report.audits import WorstMoment
from pipeline.report.players import moment_player
from tests.helpers.browser import chromium, opened
from tests.helpers.made_up_results import BOTH, write_results

PRETRAIN = "benchmarks/kinect-sim-xsub/hacm/seed-0/pretrain"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_results(tmp_path_factory.mktemp("made-up"), bodies=2)


@pytest.fixture(scope="module")
def report(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    build(results, BOTH, out)
    return out / "report.html"


def scenes_of(html: str) -> list[dict]:
    elements = re.findall(r'<figure class="hacm-player".*?<script type="application/json">(.*?)</script>', html)
    return [json.loads(text) for text in elements]


def field_of(packed: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["bytes"]), np.uint8).reshape(packed["shape"])


def test_the_example_moves_as_it_was_masked(report: Path, results: Path) -> None:
    (scene,) = scenes_of(report.read_text())
    example = json.loads((results / PRETRAIN / "example.json").read_text())
    left, right = scene["panels"]
    bodies, frames, joints = 2, len(example["bodies"][0]), len(example["joints"])
    expected = np.full((bodies, frames, joints), NO_TOKEN)
    for body in range(bodies):
        for frame in range(frames):
            for place, joint in enumerate(example["kept"]):
                hidden = example["masked"][body][frame // example["segment"]][place]
                expected[body, frame, joint] = MASKED if hidden else SEEN
    np.testing.assert_array_equal(field_of(left["states"]), expected)
    points = np.frombuffer(base64.b64decode(right["points"]), "<i2").reshape(bodies, frames, joints, 3)
    np.testing.assert_array_equal(points[..., 0] == ABSENT, expected == MASKED)
    assert [one["name"] for one in scene["colourings"]] == ["depth in the hierarchy"]


def test_a_worst_moment_tells_its_frames_and_marks_its_joints() -> None:
    poses = tuple(tuple((0.1 * joint, 1.0 * frame, 2.0) for joint in range(3)) for frame in range(4))
    moment = WorstMoment("teleport", "a clip", 0, 8, ("hand",), (2,), (6, 7, 8, 9), (-1, 0, 1), poses)
    (scene,) = scenes_of(str(moment_player(moment)))
    assert (scene["firstFrame"], scene["frames"], scene["parents"]) == (6, 4, [-1, 0, 1])
    assert field_of(scene["panels"][0]["colourings"][0]).tolist() == [[[0, 0, 254]]]


def test_looks_at_the_features_are_drawn_where_there_were_any(results: Path, report: Path, tmp_path: Path) -> None:
    assert "looks-kinect-sim-xsub" not in report.read_text()
    watched = write_results(tmp_path / "results")
    path = watched / PRETRAIN / "loss.csv"
    header, *rows = path.read_text().splitlines()
    looks = {4: 0.25, 9: 0.5, 39: 0.75}
    rows = [f"{row},{looks.get(number, '')}" for number, row in enumerate(rows)]
    path.write_text("\n".join([f"{header},knn_top1", *rows]) + "\n")
    build(watched, BOTH, tmp_path)
    html = (tmp_path / "report.html").read_text()
    figure = html.split('id="figure-looks-kinect-sim-xsub"')[1].split("</figure>")[0]
    values = json.loads(re.findall(r'class="values">(.*?)</script>', figure)[0])
    assert values["rows"] == [[4, 25.0], [9, 50.0], [39, 75.0]]


@pytest.mark.browser
def test_the_example_plays_in_a_browser(report: Path) -> None:
    player = "document.querySelector('.hacm-player').player"
    with chromium() as browser, opened(browser, report, reduced_motion="reduce") as page:
        assert not page.evaluate(f"{player}.ready")  # nothing is drawn before it is to be seen
        page.locator(".hacm-player").scroll_into_view_if_needed()
        page.locator(".hacm-player").get_by_role("button", name="Play").click()
        for _ in range(200):  # the page's policy lets nothing wait inside it
            if page.evaluate(f"{player}.at") > 5:
                break
            page.wait_for_timeout(50)
        page.locator(".hacm-player").get_by_role("button", name="Pause").click()
        assert page.evaluate(f"{player}.at") > 5
