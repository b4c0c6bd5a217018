"""kinect-sim: real files, real quirks, bodies that obey anatomy, the same bytes every time.

Files are read here by a small reader of their own (read_skeleton), besides the project's parser and cleaning.
"""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hacm.cleaning import CleaningSettings, clean
from hacm.recordings import ntu
from hacm.skeletons.shipped import KINECT_V2
from pipeline.kinect_sim import ACTIONS, SimulatorSettings, clips, generate
from pipeline.kinect_sim import tracks as sim_tracks
from pipeline.kinect_sim.body import ELBOW_MOST, KNEE_MOST
from pipeline.kinect_sim.people import find_person
from pipeline.kinect_sim.performance import PROGRAMS, Performance, perform
from pipeline.kinect_sim.sensor import find_camera, hidden

Array = NDArray[np.float64]
PAIRS = {number for number, program in PROGRAMS.items() if program.together}
LIMBS = {"elbow": ((4, 5, 6), (8, 9, 10)), "knee": ((12, 13, 14), (16, 17, 18))}
SMALL = SimulatorSettings(performers=(1, 3), actions=tuple(ACTIONS), setups=(2, 5))
QUIRKY = SimulatorSettings(seed=3, performers=(2, 6, 7), actions=(1, 8, 24, 58), quirks=6.0)
CLEAN = SimulatorSettings(performers=(4,), actions=(7, 26, 55), quirks=0.0, noise=0.0)


@dataclass(frozen=True)
class BodyFrame:
    frame: int
    fields: list[str]
    joints_VK: Array


def read_skeleton(data: bytes) -> tuple[int, list[int], list[BodyFrame]]:
    """Frames, bodies in each, and every body of every frame; asserts the layout of data.md §1 line by line."""
    lines = iter(data.decode("ascii").split("\r\n"))
    frames = int(next(lines))
    counts, found = [], []
    for frame in range(frames):
        counts.append(int(next(lines)))
        for _ in range(counts[-1]):
            fields = next(lines).split(" ")
            assert len(fields) == 10
            assert next(lines) == "25"
            rows = [next(lines).split(" ") for _ in range(25)]
            assert all(len(row) == 12 for row in rows)
            found.append(BodyFrame(frame, fields, np.array(rows, dtype=np.float64)))
    assert list(lines) == [""]
    return frames, counts, found


def performances(
    performers: tuple[int, ...], actions: tuple[int, ...] = tuple(ACTIONS)
) -> list[tuple[int, Performance]]:
    return [(action, perform(0, 1, performer, 1, action)) for performer in performers for action in actions]


@pytest.fixture(scope="module")
def small() -> dict[str, bytes]:
    return dict(clips(SMALL))


@pytest.fixture(scope="module")
def moves() -> list[tuple[int, Performance]]:
    return performances((1, 2, 3, 5, 8, 11))


@pytest.fixture(scope="module")
def quirky() -> dict[str, tuple[int, list[int], list[BodyFrame]]]:
    return {name: read_skeleton(data) for name, data in clips(QUIRKY)}


def test_same_bytes_twice_and_every_clip_told(tmp_path: Path) -> None:
    settings = SimulatorSettings(performers=(1, 6), actions=(10, 50))
    told: list[tuple[int, int]] = []
    for name in ("a.zip", "b.zip"):
        generate(settings, tmp_path / name, lambda done, total: told.append((done, total)))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert told == [(done, 12) for done in range(1, 13)] * 2
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert len(archive.namelist()) == len(set(archive.namelist())) == 12
        assert all(entry.date_time == (1980, 1, 1, 0, 0, 0) for entry in archive.infolist())
        assert all(
            re.fullmatch(r"nturgb\+d_skeletons/S\d{3}C\d{3}P\d{3}R\d{3}A\d{3}\.skeleton", n) for n in archive.namelist()
        )


def test_a_subset_holds_the_same_files(small: dict[str, bytes]) -> None:
    subset = SimulatorSettings(performers=(3,), actions=(8, 55), setups=SMALL.setups, cameras=(2,))
    files = dict(clips(subset))
    assert len(files) == 2
    assert all(small[name] == data for name, data in files.items())


def test_seed_and_knobs_matter(small: dict[str, bytes]) -> None:
    for change in ({"seed": 1}, {"noise": 0.5}, {"variety": 0.5}):
        other = dict(clips(SimulatorSettings(performers=(3,), actions=(1,), setups=SMALL.setups, **change)))
        assert set(other) <= set(small)
        assert all(small[name] != data for name, data in other.items())


def test_default_is_balanced_over_the_protocols() -> None:
    settings = SimulatorSettings()
    train = {1, 2, 4, 5, 8, 9, *range(13, 20), 25, 27, 28, 31, 34, 35, 38}
    setup = {performer: settings.setups[performer % len(settings.setups)] for performer in settings.performers}
    for side in (True, False):
        performers = [performer for performer in settings.performers if (performer in train) is side]
        assert len(performers) == 8
        assert sum(setup[performer] % 2 for performer in performers) == 4
    assert len(settings.actions) == 16
    assert len(PAIRS & set(settings.actions)) == 3


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"performers": ()}, "performers"), ({"actions": (2,)}, "actions"), ({"cameras": (4,)}, "cameras"),
        ({"setups": (1, 1)}, "setups"), ({"noise": -1.0}, "noise"), ({"replications": 0}, "replications"),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(change: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        SimulatorSettings(**change)  # type: ignore[arg-type]


def test_actions_are_called_as_everywhere_in_the_project() -> None:
    names = (
        (Path(ntu.__file__).parents[2] / "pipeline" / "datasets" / "facts" / "ntu-actions.txt")
        .read_text(encoding="utf-8")
        .splitlines()
    )
    assert {number: names[number - 1] for number in ACTIONS} == ACTIONS
    assert {number for number in ACTIONS if 50 <= number <= 60} == PAIRS


def test_files_are_what_the_sensor_writes(small: dict[str, bytes]) -> None:
    assert len(small) == 2 * 20 * 3
    tracked = []
    for data in small.values():
        frames, counts, found = read_skeleton(data)
        assert data.count(b"\n") == data.count(b"\r\n")
        assert 50 <= frames <= 120
        assert len(counts) == frames
        numbers = np.stack([body.joints_VK for body in found])
        assert np.isfinite(numbers[..., [0, 1, 2, 3, 4, 7, 8, 9, 10]]).all()
        assert set(np.unique(numbers[..., 11])) <= {0.0, 1.0, 2.0}
        tracked.append(np.mean(numbers[..., 11] == 2))
        lengths = np.sqrt((numbers[..., 7:11] ** 2).sum(axis=-1))
        assert (np.isclose(lengths, 1.0, atol=1e-5) | (lengths == 0)).all()
        heads = np.array([body.fields for body in found], dtype=np.float64)
        assert ((heads >= [1e16, 0, 0, 0, 0, 0, 0, -1, -1, 2]) & (heads <= [1e17, 15, 1, 4, 1, 4, 0, 1, 1, 2])).all()
        # Pixels fit the coordinates: one pin-hole camera explains both.
        x, z, pixel = numbers[..., 0], numbers[..., 2], numbers[..., 3]
        slope = np.polyfit((x / z).ravel(), pixel.ravel(), 1)
        np.testing.assert_allclose(slope, (366.0, 256.5), atol=0.05)
    assert 0.6 < np.mean(tracked) < 0.98
    assert min(tracked) > 0.25


def test_performers_are_where_the_sensor_sees_them(small: dict[str, bytes]) -> None:
    for name, data in small.items():
        spine = np.stack([body.joints_VK[1, :3] for body in read_skeleton(data)[2]])
        middle = np.median(spine, axis=0)
        assert 1.6 < middle[2] < 5.0, name
        assert (np.abs(middle[:2]) < (1.8, 0.8)).all(), name


def test_the_projects_parser_and_cleaning_take_every_file(small: dict[str, bytes]) -> None:
    for name, data in small.items():
        identity = ntu.identify(f"{name}.skeleton")
        clip = clean(ntu.parse(data, f"{name}.skeleton"), CleaningSettings())
        assert clip.identity == identity
        assert identity.action + 1 in ACTIONS
        bodies, frames, joints, _ = clip.bodies_MTVC.shape
        assert bodies in (1, 2)
        assert joints == 25
        assert 20 <= frames <= 120
        assert np.isfinite(clip.bodies_MTVC).all()


def test_quirks_occur_in_the_files(quirky: dict[str, tuple[int, list[int], list[BodyFrame]]]) -> None:
    """Empty frames, ids lost, short ghosts, wide ghosts as the cleaning looks for them, colour nan."""
    seen = dict.fromkeys(("empty", "more ids", "short", "wide", "nan", "late"), 0)
    for name, (_, counts, found) in quirky.items():
        tracks: dict[str, list[BodyFrame]] = {}
        for body in found:
            tracks.setdefault(body.fields[0], []).append(body)
        people = 2 if int(name[-3:]) in PAIRS else 1
        seen["empty"] += 0 in counts
        seen["more ids"] += len(tracks) > people
        seen["short"] += any(len(track) <= 11 for track in tracks.values())
        for track in tracks.values():
            joints = np.stack([body.joints_VK for body in track])
            extent = joints[..., :3].max(axis=1) - joints[..., :3].min(axis=1)
            seen["wide"] += len(track) > 11 and (extent[:, 0] > 0.8 * extent[:, 1]).mean() >= 0.69754
            seen["nan"] += bool(np.isnan(joints[..., 5:7]).any())
            seen["late"] += people == 2 and track[0].frame >= 3
    assert all(count >= 3 for count in seen.values()), seen


def test_quirks_have_the_rates_they_state() -> None:
    rng, views = np.random.default_rng(0), 4000
    plans = [sim_tracks.draw_plan(rng, 80, 1, quirks=1.0) for _ in range(views)]
    for ghost, rate in (
        (sim_tracks.Ghost.SHORT, sim_tracks.SHORT_GHOST), (sim_tracks.Ghost.WIDE, sim_tracks.WIDE_GHOST),
        (sim_tracks.Ghost.BYSTANDER, sim_tracks.BYSTANDER),
    ):  # fmt: skip
        share = np.mean([any(kind is ghost for kind, _ in plan.ghosts) for plan in plans])
        assert abs(share - rate) < 4 * np.sqrt(rate / views)
    assert all(
        end - begin <= 11 for plan in plans for kind, (begin, end) in plan.ghosts if kind is sim_tracks.Ghost.SHORT
    )
    lost = np.mean([len(plan.spans[0]) == 2 for plan in plans])
    assert abs(lost - sim_tracks.LOST_ID) < 4 * np.sqrt(sim_tracks.LOST_ID / views)
    quiet = [sim_tracks.draw_plan(rng, 80, 2, quirks=0.0) for _ in range(50)]
    assert all(plan == sim_tracks.Plan((), (((0, 80),), ((0, 80),)), (), ()) for plan in quiet)


def test_without_noise_and_quirks_the_file_is_the_view() -> None:
    setup = CLEAN.setups[4 % len(CLEAN.setups)]
    for name, data in clips(CLEAN):
        frames, counts, found = read_skeleton(data)
        action, camera = int(name[-3:]), int(name[5:8])
        performance = perform(CLEAN.seed, setup, 4, 1, action)
        assert frames == performance.frames
        assert set(counts) == {len(performance.bodies)}
        for body, joints_TVC in enumerate(performance.bodies):
            view_TVC = find_camera(CLEAN.seed, setup, camera).view(joints_TVC)
            written_TVC = np.stack([b.joints_VK[:, :3] for b in found])[body :: len(performance.bodies)]
            np.testing.assert_allclose(written_TVC, view_TVC, rtol=1e-6, atol=1e-9)


def test_views_are_rigid_motions_of_one_another_and_show_both_sides() -> None:
    joints_TVC = perform(0, 3, 5, 1, 7).bodies[0]
    views = {number: find_camera(0, 3, number).view(joints_TVC).reshape(-1, 3) for number in (1, 2, 3)}
    angles = {}
    for number in (2, 3):
        a, b = views[1] - views[1].mean(axis=0), views[number] - views[number].mean(axis=0)
        left, _, right = np.linalg.svd(a.T @ b)
        assert np.linalg.det(left @ right) > 0  # a rotation, no mirror image
        np.testing.assert_allclose(a @ left @ right, b, atol=1e-9)
        angles[number] = np.rad2deg(np.arccos((np.trace(left @ right) - 1) / 2))
    assert all(38 < angle < 52 for angle in angles.values())
    # Facing camera 2: its mirrored image has the right hip at larger x; depth grows away from it.
    frame = find_camera(0, 3, 2).view(joints_TVC)[0]
    assert frame[16, 0] - frame[12, 0] > 0.1
    assert frame[3, 1] - frame[14, 1] > 1.2
    assert (frame[:, 2] > 1.5).all()


def test_bones_keep_their_lengths(moves: list[tuple[int, Performance]]) -> None:
    for action, performance in moves:
        for joints_TVC in performance.bodies:
            for joint, parent in KINECT_V2.bones:
                length_T = np.linalg.norm(joints_TVC[:, joint] - joints_TVC[:, parent], axis=-1)
                assert np.ptp(length_T) < 1e-9, (action, KINECT_V2.joints[joint])
                assert 0.02 < length_T[0] < 0.6


def flexion(joints_TVC: Array, limb: tuple[int, int, int]) -> Array:
    """Angle between the two bones of a limb, 0 when straight."""
    first = joints_TVC[:, limb[1]] - joints_TVC[:, limb[0]]
    second = joints_TVC[:, limb[2]] - joints_TVC[:, limb[1]]
    cosine = (first * second).sum(axis=1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)))


def test_elbows_and_knees_stay_within_anatomy(moves: list[tuple[int, Performance]]) -> None:
    for action, performance in moves:
        for joints_TVC in performance.bodies:
            for kind, most in (("elbow", ELBOW_MOST), ("knee", KNEE_MOST)):
                for limb in LIMBS[kind]:
                    angle_T = flexion(joints_TVC, limb)
                    assert angle_T.min() > 0.02, (action, kind)
                    assert angle_T.max() < most + 1e-6, (action, kind)
            # Knees bend ahead: the knee lies before the line from hip to ankle, seen from the line through the hips.
            across_TC = joints_TVC[:, 12] - joints_TVC[:, 16]
            for hip, knee, ankle in LIMBS["knee"]:
                ahead_TC = np.cross(joints_TVC[:, ankle] - joints_TVC[:, hip], across_TC)
                assert ((joints_TVC[:, knee] - joints_TVC[:, hip]) * ahead_TC).sum(axis=1).min() > 0, action


def test_floor_reach_and_speed_are_human(moves: list[tuple[int, Performance]]) -> None:
    for action, performance in moves:
        for joints_TVC in performance.bodies:
            assert joints_TVC[..., 1].min() > -0.005, action
            assert joints_TVC[..., 1].max() < 2.6, action
            speed_TV = np.linalg.norm(np.diff(joints_TVC, axis=0), axis=-1) * 30.0
            assert speed_TV[:, [6, 10, 14, 18]].max() < 14.0, action
            assert speed_TV[:, [0, 1, 20]].max() < 4.0, action
            if action not in (26, 27):  # everything but hopping and jumping keeps a foot on the floor
                lowest_T = joints_TVC[:, [14, 18], 1].min(axis=1)
                assert np.ptp(lowest_T) < 0.01, action


def test_planted_feet_do_not_slide(moves: list[tuple[int, Performance]]) -> None:
    for action, performance in moves:
        for joints_TVC in performance.bodies:
            for ankle in (14, 18):
                down_T = joints_TVC[:, ankle, 1] < joints_TVC[:, [14, 18], 1].min() + 1e-6
                still_T = down_T[:-1] & down_T[1:]
                step_T = np.linalg.norm(np.diff(joints_TVC[:, ankle], axis=0), axis=1)
                assert step_T[still_T].max(initial=0.0) < 2e-3, action


def test_actions_do_what_they_are_called() -> None:
    """One plain fact each, that anyone would check by eye."""
    for performer in (1, 4, 9):
        by_action = {action: performance.bodies for action, performance in performances((performer,))}
        height = {action: bodies[0][..., 1] for action, bodies in by_action.items()}
        for action in (1, 3, 28, 37, 38):  # a hand comes to the head
            joints_TVC = by_action[action][0]
            to_head = np.linalg.norm(joints_TVC[:, [7, 11]] - joints_TVC[:, 3:4], axis=-1)
            assert to_head.min() < 0.26 < 0.5 < to_head[0].min(), action
        assert height[6][:, [21, 23]].min() < 0.2  # fingers near the floor
        assert height[8][0, 0] - height[8][-1, 0] > 0.25
        assert height[9][-1, 0] - height[9][0, 0] > 0.25
        for action in (10, 34):  # hands meet
            assert np.linalg.norm(by_action[action][0][:, 7] - by_action[action][0][:, 11], axis=1).min() < 0.2
        assert height[22][:, [7, 11]].max() > height[22][0, 20]
        assert height[27][:, [14, 18]].min(axis=1).max() > 0.1
        first, second = by_action[58]
        assert np.linalg.norm(first[:, 11] - second[:, 11], axis=1).min() < 0.12  # right hands meet
        first, second = by_action[55]
        apart_T = np.linalg.norm(first[:, 1] - second[:, 1], axis=1)
        assert apart_T.min() < 0.45 < 0.8 < apart_T[0]
        first, second = by_action[59]
        assert np.linalg.norm(first[0, 1] - second[0, 1]) - np.linalg.norm(first[-1, 1] - second[-1, 1]) > 0.8


def test_people_differ_within_reason() -> None:
    people = [find_person(0, performer, 1.0) for performer in range(1, 107)]
    heights = np.array([person.body.height for person in people])
    assert 1.5 <= heights.min() < heights.max() <= 1.95
    assert heights.std() > 0.06
    left = np.mean([person.style.hand == 0 for person in people])
    assert 0.05 < left < 0.3
    same = [find_person(0, performer, 0.0) for performer in (1, 2)]
    assert same[0].body == same[1].body


def test_far_side_is_hidden() -> None:
    """A body seen from its left hides its right arm and leg, not the left ones; another body in front hides all."""
    joints_TVC = perform(0, 1, 1, 1, 28).bodies[0][:1]
    profile_TVC = (joints_TVC - joints_TVC[:, 1:2]) * (1.0, 1.0, 1.0)
    across = profile_TVC[0, 12] - profile_TVC[0, 16]
    ahead = np.array([-across[2], 0.0, across[0]]) / np.linalg.norm(across)
    depth = -across / np.linalg.norm(across)  # the left side is nearer
    view_TVC = np.stack([profile_TVC @ ahead, profile_TVC[..., 1], profile_TVC @ depth + 3.0], axis=-1)
    covered_V = hidden(view_TVC, view_TVC, same=True)[0]
    assert covered_V[[16, 8]].max() > 0.9
    assert covered_V[[4, 12, 13]].max() < 0.5
    in_front_TVC = view_TVC - (0.0, 0.0, 0.8)
    assert hidden(view_TVC, in_front_TVC, same=False)[0, [0, 1, 20]].min() > 0.9


def test_sensor_noise_is_that_of_a_depth_sensor() -> None:
    """Millimetres to centimetres, worse at the finger tips than in the trunk."""
    settings = SimulatorSettings(performers=(5,), actions=(1, 10), quirks=0.0)
    setup = settings.setups[5 % len(settings.setups)]
    errors = []
    for name, data in clips(settings):
        view_TVC = find_camera(0, setup, int(name[5:8])).view(perform(0, setup, 5, 1, int(name[-3:])).bodies[0])
        errors.append(np.stack([body.joints_VK[:, :3] for body in read_skeleton(data)[2]]) - view_TVC)
    spread_V = np.median(np.linalg.norm(np.concatenate(errors), axis=-1), axis=0)
    assert 0.001 < spread_V[1] < 0.02
    assert 2 * spread_V[1] < spread_V[[21, 23]].mean() < 0.08
