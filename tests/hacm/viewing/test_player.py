"""What the player packs: read back by another way, everything is where it was."""

import base64
import json
import math
import re

import numpy as np
import pytest

from hacm.skeletons.shipped import KINECT_V2, UI_PRMD
from hacm.viewing.player import (
    ABSENT,
    MASKED,
    NO_VALUE,
    SEEN,
    Colouring,
    Panel,
    Scene,
    Stretch,
    Timeline,
    assets_html,
    pack,
    player_html,
)

JOINTS = len(UI_PRMD.joints)


def scene_of(*panels, fps=30.0, title="a clip", **more):
    return Scene(title, UI_PRMD.joints, UI_PRMD.parents, fps, panels, **more)


def wander(bodies=1, frames=20):
    """People who walk about, at random."""
    return np.random.default_rng(5).normal(size=(bodies, frames, JOINTS, 3)).cumsum(axis=1) / 10


def points_of(facts, panel=0):
    one = facts["panels"][panel]
    raw = np.frombuffer(base64.b64decode(one["points"]), "<i2")
    return raw.reshape(one["bodies"], facts["frames"], len(facts["joints"]), 3)


def field_of(packed):
    return np.frombuffer(base64.b64decode(packed["bytes"]), np.uint8).reshape(packed["shape"])


def test_coordinates_come_back_to_within_half_a_step():
    bodies = wander(bodies=2)
    facts = pack(scene_of(Panel(bodies)))
    back = points_of(facts) * facts["step"]
    shift = back - bodies
    assert np.ptp(shift, axis=(0, 1, 2)).max() <= facts["step"] * 1.001
    assert facts["step"] < 1e-3
    low, high = np.percentile(bodies.reshape(-1, 3), (0.5, 99.5), axis=0)
    np.testing.assert_allclose(facts["half"], (high - low) / 2, atol=1e-4)


def test_what_is_not_there_is_marked():
    bodies = wander(bodies=2, frames=4)
    bodies[0, 1, 7] = np.nan
    bodies[1, 2] = 0  # as clips have it where a body is absent
    points = points_of(pack(scene_of(Panel(bodies))))
    absent = points[..., 0] == ABSENT
    assert {tuple(map(int, place)) for place in np.argwhere(absent)} == {
        (0, 1, 7),
        *((1, 2, joint) for joint in range(JOINTS)),
    }


def test_a_scene_of_nobody_is_a_scene():
    facts = pack(scene_of(Panel(np.full((1, 3, JOINTS, 3), np.nan))))
    assert (points_of(facts) == ABSENT).all()
    assert facts["half"] == [1, 1, 1]
    assert pack(scene_of(Panel(np.empty((0, 3, JOINTS, 3)))))["panels"][0]["bodies"] == 0


def test_frames_beyond_what_a_screen_shows_are_thinned_out():
    bodies = wander(frames=101)
    state = np.arange(101).reshape(1, 101, 1) % 2 + 1
    facts = pack(scene_of(Panel(bodies, state_MTV=state), fps=100.0))
    assert (facts["fps"], facts["frames"]) == (25.0, 26)
    kept = points_of(facts) * facts["step"]
    assert np.ptp(kept - bodies[:, ::4], axis=(0, 1, 2)).max() <= facts["step"] * 1.001
    assert field_of(facts["panels"][0]["states"]).tolist() == [[[1]] * 26]


@pytest.mark.parametrize("topology", [UI_PRMD, KINECT_V2])
@pytest.mark.parametrize("degrees", [0, 40, 90, 180, -120])
def test_people_are_seen_from_the_front(topology, degrees):
    """A person who faces z, left at +x, turned by so much from z to x: `front` is that angle."""
    pose = np.zeros((len(topology.joints), 3))
    pose[:, 1] = np.linspace(0.1, 1.7, len(pose))
    pose[:, 0] = [(name.startswith("left ") - name.startswith("right ")) / 5 for name in topology.joints]
    turn = math.radians(degrees)
    turned = pose @ np.array([[math.cos(turn), 0, -math.sin(turn)], [0, 1, 0], [math.sin(turn), 0, math.cos(turn)]])
    scene = Scene("", topology.joints, topology.parents, 30.0, (Panel(turned[None, None]),))
    assert math.degrees(math.remainder(pack(scene)["front"] - turn, 2 * math.pi)) == pytest.approx(0, abs=0.01)


def test_colours_are_on_one_scale_in_all_panels_and_short_axes_stay_short():
    one = Colouring("depth", np.arange(JOINTS, dtype=float).reshape(1, 1, JOINTS))
    other = Colouring("depth", np.full((1, 20, 1), np.nan))
    other.values_MTV[0, 3] = 2 * (JOINTS - 1)
    facts = pack(scene_of(Panel(wander(), colourings=(one,)), Panel(wander(), colourings=(other,))))
    assert facts["colourings"] == [{"name": "depth", "low": "0", "high": f"{2 * (JOINTS - 1)}"}]
    first, second = (field_of(panel["colourings"][0]) for panel in facts["panels"])
    assert first.shape == (1, 1, JOINTS)
    np.testing.assert_array_equal(first[0, 0], np.rint(np.arange(JOINTS) / (2 * (JOINTS - 1)) * 254))
    assert second[0, 3, 0] == 254
    assert (np.delete(second.ravel(), 3) == NO_VALUE).all()


def test_states_are_kept_and_chosen_first():
    state = np.where(np.arange(20 * JOINTS).reshape(1, 20, JOINTS) % 3, MASKED, SEEN)
    facts = pack(scene_of(Panel(wander(), state_MTV=state)))
    assert facts["mode"] == "states"
    np.testing.assert_array_equal(field_of(facts["panels"][0]["states"]), state)


def test_panels_must_be_of_equal_length():
    with pytest.raises(ValueError, match="beside 20 frames"):
        pack(scene_of(Panel(wander()), Panel(wander(frames=19))))


def test_no_text_ends_the_element_it_is_in():
    evil = '</script><img src=x onerror="alert(1)">'
    line = Timeline(evil, (Stretch(0, 0.5, evil),))
    html = player_html(scene_of(Panel(wander()), title=evil, timelines=(line,), people=(evil,)))
    assert "<img" not in html
    inside = re.search(r'<script type="application/json">(.*?)</script>', html)
    assert inside is not None
    facts = json.loads(inside[1])
    assert facts["title"] == facts["timelines"][0]["stretches"][0]["label"] == evil
    assert html.count("</script>") == 1


def test_a_clip_is_small():
    """Two seconds of 22 joints: 6 bytes a joint and frame, a third more as text, and what is said of the skeleton."""
    html = player_html(scene_of(Panel(wander(frames=60))))
    assert len(html) < 60 * JOINTS * 8 + 1500


def test_code_and_looks_name_no_address():
    assert not re.findall(r"https?:|url\(|@import|fetch\(|XMLHttp|src=", assets_html())
