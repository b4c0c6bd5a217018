"""The encoder in scikit-learn's pipelines and cross-validation."""

import numpy as np
import pytest

import hacm
from hacm.errors import UserError
from hacm.models import folder
from hacm.models.building import take_clips
from tests.helpers.small_model import build

pytest.importorskip("sklearn", reason="scikit-learn is in the extra `sklearn`")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from hacm.models.scikit import SkeletonFeatures

pytestmark = pytest.mark.filterwarnings("ignore::hacm.models.model.UnusualRecording")


@pytest.fixture(scope="module")
def built():
    return build()


@pytest.fixture(scope="module")
def place(built, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "small"
    folder.save(path, built.parts)
    return str(path)


@pytest.fixture
def recordings(built):
    """All clips, of one or two bodies and of unequal lengths, each label and each person."""
    task = built.task
    every_N = np.arange(len(task.clips))
    return list(take_clips(task.clips, task.clips.label_N.new_tensor(every_N))), task.clips.label_N.numpy(), every_N % 4


def test_features_are_the_models(place, recordings):
    clips, *_ = recordings
    found = SkeletonFeatures(place).fit(clips).transform(clips)
    np.testing.assert_array_equal(found, hacm.load(place).features(clips, people="together"))
    assert len(found) == len(clips)


def test_in_a_pipeline_under_cross_validation(place, recordings):
    """The same as by hand, fold by fold, people left out together."""
    clips, label_N, person_N = recordings
    pipeline = make_pipeline(SkeletonFeatures(place), StandardScaler(), LogisticRegression(max_iter=500))
    found = cross_val_score(pipeline, clips, label_N, groups=person_N, cv=GroupKFold(4), error_score="raise")
    features_ND = hacm.load(place).features(clips, people="together")
    by_hand = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    expected = cross_val_score(by_hand, features_ND, label_N, groups=person_N, cv=GroupKFold(4))
    np.testing.assert_allclose(found, expected)


def test_what_is_said_reaches_the_model(place, recordings):
    clips, *_ = recordings
    metres = SkeletonFeatures(place).fit(clips).transform(clips)
    said = SkeletonFeatures(place, unit="mm").fit(clips).transform([1000 * clip for clip in clips])
    np.testing.assert_allclose(said, metres, atol=1e-4)
    with pytest.raises(ValueError, match="say unit=mm"):
        SkeletonFeatures(place).fit(clips).transform([1000 * clips[0]])


def test_as_scikit_learn_has_it(place, recordings):
    clips, *_ = recordings
    features = SkeletonFeatures(place, turn=90, unit=0.01)
    copy = clone(features)
    assert copy.get_params() == features.get_params()
    with pytest.raises(NotFittedError):
        check_is_fitted(copy)
    fitted = SkeletonFeatures(place).fit(clips)
    assert len(fitted.get_feature_names_out()) == fitted.transform(clips[:1]).shape[1]
    with pytest.raises(UserError, match="nowhere: no such model"):
        SkeletonFeatures("nowhere").fit(clips)
