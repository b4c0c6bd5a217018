"""A trained encoder as a scikit-learn transformer, for pipelines and cross-validation (needs the extra `sklearn`).

Shapes: N recordings, D width, M bodies, T frames, V joints.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

import hacm
from hacm.models.model import Doubt
from hacm.recordings.bodies import Up
from hacm.skeletons.topology import Topology


class SkeletonFeatures(TransformerMixin, BaseEstimator):
    """A transformer from recordings to the features of a trained encoder. `fit` only loads the model.

    model, device: as in `hacm.load`. The other arguments say what the arrays are, as in `hacm.models.model.Said`.
    Several bodies are always taken together, so that each recording gives one row.
    """

    def __init__(
        self,
        model: str = "utd-mhad",
        *,
        fps: float | None = None,
        skeleton: str | Topology | None = None,
        unit: str | float = "m",
        up: Up = "y",
        mirrored: bool = False,
        unseen: tuple[float, ...] = (),
        centre: bool | None = None,
        turn: float = 0.0,
        doubt: Doubt = "error",
        device: str = "cpu",
    ) -> None:
        # As scikit-learn has it: every argument is kept as it is, under its name, and looked at in `fit`.
        self.model = model
        self.fps = fps
        self.skeleton = skeleton
        self.unit = unit
        self.up = up
        self.mirrored = mirrored
        self.unseen = unseen
        self.centre = centre
        self.turn = turn
        self.doubt = doubt
        self.device = device

    def fit(self, X: Sequence[Any], y: Any = None) -> "SkeletonFeatures":
        """Load the model. X and y are not looked at. hacm.errors.UserError, one line, if there is no such model."""
        self.model_ = hacm.load(self.model, self.device)
        return self

    def transform(self, X: Sequence[Any]) -> NDArray[np.float32]:
        """The features, float32 (N, D), of N arrays, each (T, V, 3) or (M, T, V, 3).

        Errors and warnings are those of `hacm.models.model.Model.features`.
        """
        return self.model_.features(
            list(X),
            fps=self.fps,
            skeleton=self.skeleton,
            unit=self.unit,
            up=self.up,
            mirrored=self.mirrored,
            unseen=self.unseen,
            centre=self.centre,
            turn=self.turn,
            people="together",
            doubt=self.doubt,
        )

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """The names of the D columns: feature0, feature1 and so on."""
        width = self.model_.width
        return np.array([f"feature{number}" for number in range(width)], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")
