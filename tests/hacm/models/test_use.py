"""A model says of a recording what `evaluate` says of the same clip."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

import hacm
from hacm.cleaning import CleaningSettings
from hacm.errors import ImplausibleRecording, UserError
from hacm.evaluation.features import extract
from hacm.models import building, folder
from hacm.models.building import take_clips
from hacm.models.model import Model, UnusualRecording
from hacm.recordings.bodies import UPRIGHT
from tests.helpers.small_model import AS_THEY_ARE, CLASSES, ORIGIN, TOPOLOGY, build


@pytest.fixture(scope="module")
def built():
    return build()


@pytest.fixture(scope="module")
def model(built, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "small"
    folder.save(path, built.parts)
    return hacm.load(path)


@pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")
@pytest.mark.parametrize(("protocol", "stream"), [("linear", "joint"), ("linear", "bone"), ("finetune", "motion")])
def test_the_scores_are_those_of_evaluate(protocol, stream, tmp_path):
    made = build(protocol, stream=stream)
    folder.save(tmp_path / "small", made.parts)
    predictions = hacm.load(str(tmp_path / "small")).predict(made.test_clips())
    scores_NK = np.stack([one.score_K for one in predictions])
    np.testing.assert_allclose(scores_NK, made.result.scores_NK, atol=1e-5)
    expected = [CLASSES[number] for number in made.result.scores_NK.argmax(axis=1)]
    assert [one.label for one in predictions] == expected
    assert len(set(map(tuple, scores_NK.round(4)))) > 2  # they differ from clip to clip


@pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")
def test_features_are_those_of_the_encoder(built, model):
    task = built.task
    expected_ND = extract(
        built.encoder, task.clips, task.test_index, task.augment, training=False, absent_bodies="drop"
    )
    np.testing.assert_allclose(model.features(built.test_clips()), expected_ND.numpy(), atol=1e-5)


@pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")
def test_one_by_one_and_as_torch_is_the_same(built, model):
    clips = built.test_clips()
    together_ND = model.features(clips)
    alone_ND = np.concatenate([model.features(torch.from_numpy(clip).double()) for clip in clips])
    np.testing.assert_allclose(alone_ND, together_ND, atol=1e-5)
    one = next(clip for clip in clips if len(clip) == 1)
    np.testing.assert_allclose(model.features(one[0]), model.features(one), atol=1e-6)
    np.testing.assert_allclose(model.features(one[0].tolist()), model.features(one), atol=1e-5)


@pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")
def test_where_a_recording_is_in_the_room_does_not_matter_after_centring(built, tmp_path):
    moved = build(cleaning=CleaningSettings(strategy="none"))
    folder.save(tmp_path / "small", moved.parts)
    centred = hacm.load(tmp_path / "small")
    clip = built.test_clips()[0]
    elsewhere = clip + np.array([3.0, 0.5, 2.0])
    np.testing.assert_allclose(centred.features(elsewhere), centred.features(clip), atol=1e-4)
    uncentred = centred.features(elsewhere, centre=False)
    assert np.abs(uncentred - centred.features(clip)).max() > 0.01


@pytest.fixture(scope="module")
def flat(built):
    """The same model, of places in a picture."""
    return Model(replace(built.parts, description=replace(built.parts.description, dimensions=2)))


@pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")
def test_a_model_of_two_dimensions_takes_pictures_of_any_size(built, flat):
    clip = built.test_clips()[0][:1]
    pixels = clip[..., :2] * 300 * [1, -1] + 400
    (taken,) = flat.take(pixels, up="-y", doubt="warn")
    assert not taken.clip.bodies_MTVC[..., 2].any()
    expected = flat.features(pixels * 2.5, up="-y", doubt="warn")
    np.testing.assert_allclose(flat.features(pixels, up="-y", doubt="warn"), expected, atol=1e-4)
    assert np.ptp(taken.clip.bodies_MTVC[0], axis=1).max(axis=1).mean() == pytest.approx(1.7, rel=0.1)


def test_a_model_of_two_dimensions_says_what_it_does_not_take(built, flat, tmp_path):
    clip = built.test_clips()[0]
    with pytest.warns(UnusualRecording, match="z is left out"):
        (taken,) = flat.take(clip, people="together", doubt="warn")
    assert not taken.clip.bodies_MTVC[..., 2].any()
    with pytest.raises(ImplausibleRecording, match="no other side"):
        list(flat.take(clip[..., :2], turn=90))
    folder.save(tmp_path / "flat", flat.parts)
    assert hacm.load(tmp_path / "flat").flat


def test_a_model_of_the_room_says_nothing_of_dimensions(built):
    assert "dimensions" not in built.parts.description.as_json()


@pytest.mark.parametrize(("unit", "metres"), [("mm", 0.001), ("cm", 0.01), (0.5, 0.5)])
def test_units_are_converted_when_said_and_refused_when_not(built, model, unit, metres):
    clip = built.test_clips()[1]
    np.testing.assert_allclose(quietly(model, clip / metres, unit=unit), quietly(model, clip), atol=1e-4)
    if metres < 0.1:
        with pytest.raises(
            ImplausibleRecording, match=rf"a bone is .* so the coordinates are not metres: .*unit={unit}"
        ):
            model.features(clip / metres)


@pytest.mark.parametrize("up", ["-y", "z", "-z"])
def test_axes_are_turned_when_said_and_refused_when_not(built, model, up):
    clip = built.test_clips()[1]
    other = np.empty_like(clip)
    for axis, (source, sign) in enumerate(UPRIGHT[up]):
        other[..., source] = sign * clip[..., axis]
    np.testing.assert_allclose(quietly(model, other, up=up), quietly(model, clip), atol=1e-5)
    with pytest.raises(ImplausibleRecording, match=f"say up={up} "):
        model.features(other)


def test_what_is_mirrored_is_turned_about_when_said(built, model):
    clip = built.test_clips()[1]
    np.testing.assert_allclose(quietly(model, clip * [-1, 1, 1], mirrored=True), quietly(model, clip), atol=1e-5)


@pytest.mark.parametrize("degrees", [90, 180, -120])
def test_who_faces_another_way_is_turned_when_said(built, model, degrees):
    clip = built.test_clips()[1]
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    np.testing.assert_allclose(quietly(model, clip @ matrix, turn=degrees), quietly(model, clip), atol=1e-4)


def quietly(model, x, **said):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusualRecording)
        return model.features(x, **said)


@pytest.mark.parametrize(
    ("x", "said", "line"),
    [
        (np.zeros((5, 6, 3)), {}, "recording 0: nobody is seen in it"),
        (np.full((5, 6, 3), np.nan), {}, "recording 0: nobody is seen in it"),
        (np.ones((1, 6, 3)) + np.eye(6, 3), {}, "recording 0: 1 frame: a movement has at least 2"),
        (np.ones((5, 17, 3)), {}, r"recording 0: 17 joints, and six-joints has 6; if they are coco-17 or h36m-17, say so"),
        (np.ones((5, 16, 3)), {}, "recording 0: 16 joints, and six-joints has 6; the nearest known skeleton is kard-15 of 15"),
        (np.ones((5, 6, 2)), {}, "recording 0: has two dimensions; small needs three: x, y and z"),
        (np.ones((5, 6)), {}, r"recording 0: joints of shape \(5, 6\) instead of"),
        (np.full((5, 6, 3), "x"), {}, "recording 0: joints are <U1, not real numbers"),
        ([], {}, "an empty list"),
        (np.ones((5, 17, 3)), {"skeleton": "coco-17"}, "small needs the skeleton six-joints of 6 joints; how to read it from"),
        (np.ones((5, 6, 3)), {"unit": "mile"}, "unknown unit 'mile'; known: m, cm, mm"),
        (np.ones((5, 6, 3)), {"up": "w"}, "up 'w' is none of"),
        (np.ones((5, 6, 3)), {"fps": 0}, "fps 0 must be positive"),
        (np.ones((5, 6, 3)), {"skeleton": "spider"}, "unknown skeleton 'spider'; known: kinect-v2-25"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(model, x, said, line):
    with pytest.raises(ImplausibleRecording, match=line) as refused:
        model.predict(x, **said)
    assert len(str(refused.value).splitlines()) == 1
    assert isinstance(refused.value, UserError)
    assert isinstance(refused.value, ValueError)


def test_joints_that_are_not_looked_at_are_warned_of(built, model):
    clip = built.test_clips()[1].copy()
    clip[:, :, 3] = np.nan
    with pytest.warns(UnusualRecording, match="joint left hand not seen and left at zero in"):
        model.features(clip, doubt="warn")


def test_a_warning_points_at_who_asked(built, model):
    with pytest.warns(UnusualRecording) as warned:
        model.predict(built.test_clips()[1] * 1000, doubt="warn")
    assert {one.filename for one in warned} == {__file__}


def test_doubt_may_be_a_warning(built, model):
    with pytest.warns(UnusualRecording, match="so the coordinates are not metres"):
        (found,) = model.predict(built.test_clips()[1] * 1000, doubt="warn")
    assert "not metres" in " ".join(found.remarks)


def test_what_is_merely_unusual_is_warned_of(built, model):
    clip = built.test_clips()[1]
    with pytest.warns(UnusualRecording, match="long for one movement"):
        model.features(clip, fps=1)
    with pytest.warns(UnusualRecording, match="base never moves"):
        model.features(clip - clip[:, :, :1])


@pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")
def test_people_together_or_apart(built, model):
    clip = next(clip for clip in built.test_clips() if len(clip) == 2)
    (both,) = model.predict(clip)
    assert both.people == (1, 2)
    first, second = model.predict(clip, people="apart")
    assert (first.people, second.people) == ((1,), (2,))
    np.testing.assert_allclose(second.score_K, model.predict(clip[1:])[0].score_K, atol=1e-6)
    # A clip's features are the mean of its bodies'.
    np.testing.assert_allclose(
        model.features(clip)[0], model.features(clip, people="apart").mean(axis=0), atol=1e-5
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")
def test_probabilities_and_distances(built, model):
    predictions = model.predict(built.test_clips())
    temperature = built.parts.description.calibration.temperature
    for one in predictions:
        shares_K = np.exp(one.score_K.astype(float) / temperature)
        np.testing.assert_allclose(one.probability_K, shares_K / shares_K.sum(), rtol=1e-5)
        assert one.top(2)[0] == (one.label, one.probability)
        assert one.probability == one.probability_K.max()
        assert one.familiar == (one.distance <= built.parts.description.familiarity.threshold)
    trained = list(take_clips(built.task.clips, built.task.train_index[:2]))
    assert [one.distance for one in model.predict(trained)] == pytest.approx([0, 0], abs=1e-3)


def test_a_model_without_a_head_gives_features_only(built, tmp_path):
    described = building.describe("bare", ORIGIN, TOPOLOGY, built.task, 30.0, AS_THEY_ARE, built.encoder)
    folder.save(tmp_path / "bare", building.assemble(described, built.encoder, None))
    alone = hacm.load(tmp_path / "bare")
    with pytest.raises(UserError, match="bare: has no head"):
        alone.predict(built.test_clips()[1], doubt="warn")
    np.testing.assert_array_equal(quietly(alone, built.test_clips()), quietly(Model(built.parts), built.test_clips()))
    assert "It has no head" in (tmp_path / "bare/card.md").read_text()


def test_the_skeleton_of_a_model_is_its_own(model):
    assert model.topology == TOPOLOGY
    assert model.description.cleaning == AS_THEY_ARE
    assert "2 classes, skeleton six-joints" in repr(model)
