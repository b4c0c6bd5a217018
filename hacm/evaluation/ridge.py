"""The baseline beside every result (data.md §3, last paragraph): a linear ridge classifier on raw joints.

No encoder, no augmentation: joints in metres, each frame centred on one joint, resampled to 24 frames, flattened, one
ridge regression with intercept on one-hot targets. Its strength is chosen on training subjects only.
Shapes: N clips, V joints, C = 3 coordinates, F features, K classes, L strengths. numpy, float64.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hacm.clips.ragged import MAX_BODIES, Clips
from hacm.errors import SettingsError
from hacm.evaluation.result import Result

FRAMES = 24
STRENGTHS = tuple(10.0 ** (half / 2) for half in range(-6, 7))  # 1e-3 … 1e3, two a decade
DEFAULT_STRENGTH = 1.0
CLIPS_AT_A_TIME = 1024

Floats = NDArray[np.float64]


def run(
    clips: Clips,
    train_index: Tensor,
    test_index: Tensor,
    classes: int,
    subject_N: NDArray[np.integer],
    centre: int,
    strength: float | None = None,
) -> Result:
    """Fit on the training clips, score the test clips.

    subject_N: who performs, of all clips. centre: the joint each frame is centred on. strength: None chooses it by
    leaving one training subject out. extra: `strength`, and `left_out_subject_top1` where it was chosen.
    """
    bodies = int(clips.bodies_N[torch.cat([train_index, test_index])].max())
    train_NF = baseline_features(clips, train_index, centre, bodies)
    label_N = clips.label_N[train_index].numpy()
    extra: dict[str, float] = {}
    if strength is None:
        strength, extra = choose_strength(train_NF, label_N, classes, subject_N[train_index.numpy()])
    model = Ridge(train_NF, np.eye(classes)[label_N])
    scores_NK = model.predict(baseline_features(clips, test_index, centre, bodies), strength)
    return Result(
        scores_NK=scores_NK.astype(np.float32),
        target_N=clips.label_N[test_index].numpy(),
        extra={"strength": strength, **extra},
    )


def baseline_features(clips: Clips, index_N: Tensor, centre: int, bodies: int) -> Floats:
    """Features (N, bodies · 24 · V · 3): body after body, frame after frame.

    Every frame of *every* body is centred on the first body's joint `centre`, so that where the second stands is kept;
    frames in which a body is missing (all zero) and bodies that a clip lacks are zeros. The 24 positions run evenly
    from the first frame to the last, both included.
    """
    blocks = [clip_block(clips, block_N, centre, bodies) for block_N in index_N.split(CLIPS_AT_A_TIME)]
    return np.concatenate(blocks) if blocks else np.zeros((0, bodies * FRAMES * clips.joints_RVC[0].numel()))


def clip_block(clips: Clips, index_N: Tensor, centre: int, bodies: int) -> Floats:
    """baseline_features of a few clips: centred at the two frames around each position, then mixed."""
    offset_N, frames_N, bodies_N = clips.offset_N[index_N], clips.frames_N[index_N], clips.bodies_N[index_N]
    source_NT = (frames_N[:, None] - 1).double() * torch.linspace(0, 1, FRAMES, dtype=torch.float64)
    lower_NT = source_NT.long()
    upper_NT = (lower_NT + 1).minimum(frames_N[:, None] - 1)
    weight_NT = (source_NT - lower_NT).numpy()[:, :, None, None]

    def centred(frame_NT: Tensor, body: int) -> Floats:
        first_NTVC = read(clips, offset_N[:, None] + frame_NT)
        own_N = bodies_N > body
        row_NT = offset_N[:, None] + frame_NT + body * (frames_N * own_N)[:, None]
        joints_NTVC = read(clips, row_NT)
        seen_NT11 = joints_NTVC.any(axis=(2, 3), keepdims=True) & own_N.numpy()[:, None, None, None]
        return np.where(seen_NT11, joints_NTVC - first_NTVC[:, :, centre : centre + 1], 0.0)

    assert 1 <= bodies <= MAX_BODIES
    parts = [centred(lower_NT, body) * (1 - weight_NT) + centred(upper_NT, body) * weight_NT for body in range(bodies)]
    return np.stack(parts, axis=1).reshape(len(index_N), -1)


def read(clips: Clips, row_NT: Tensor) -> Floats:
    """Joints (N, T, V, 3) at those rows."""
    return clips.joints_RVC[row_NT.to(clips.device)].double().cpu().numpy()


def choose_strength(
    x_NF: Floats,
    label_N: NDArray[np.int64],
    classes: int,
    subject_N: NDArray[np.integer],
    strengths: Sequence[float] = STRENGTHS,
) -> tuple[float, dict[str, float]]:
    """The strength with the most hits over all left-out training subjects, and the share of hits of each strength.

    On a tie, the larger. With a single subject nobody can be left out: it is 1, and there are no shares.
    """
    subjects = np.unique(subject_N)
    if len(subjects) < 2:
        return DEFAULT_STRENGTH, {}
    target_NK = np.eye(classes)[label_N]
    hits_L = np.zeros(len(strengths), dtype=np.int64)
    for subject in subjects:
        out_N = subject_N == subject
        model = Ridge(x_NF[~out_N], target_NK[~out_N])
        for place, strength in enumerate(strengths):
            prediction_N = model.predict(x_NF[out_N], strength).argmax(axis=1)
            hits_L[place] += np.count_nonzero(prediction_N == label_N[out_N])
    best = max(range(len(strengths)), key=lambda place: (hits_L[place], strengths[place]))
    return strengths[best], {"left_out_subject_top1": float(hits_L[best] / len(label_N))}


class Ridge:
    """min_W,b ‖Y − XW − b‖² + strength·‖W‖² for any number of strengths from one eigendecomposition.

    With X and Y centred, W = (XᵀX + λI)⁻¹XᵀY = Xᵀ(XXᵀ + λI)⁻¹Y: whichever matrix is smaller is decomposed, and
    W = basis · (spectrum + λ)⁻¹ · coordinates for both forms.
    """

    def __init__(self, x_NF: Floats, y_NK: Floats) -> None:
        if len(x_NF) == 0:
            raise SettingsError("ridge needs at least one training clip")
        self.x_mean_F = x_NF.mean(axis=0)
        self.y_mean_K = y_NK.mean(axis=0)
        x_NF = x_NF - self.x_mean_F
        y_NK = y_NK - self.y_mean_K
        clips, features = x_NF.shape
        if clips < features:
            spectrum_E, vectors_NE = np.linalg.eigh(x_NF @ x_NF.T)
            self.basis_FE = x_NF.T @ vectors_NE
            self.coordinates_EK = vectors_NE.T @ y_NK
        else:
            spectrum_E, self.basis_FE = np.linalg.eigh(x_NF.T @ x_NF)
            self.coordinates_EK = self.basis_FE.T @ (x_NF.T @ y_NK)
        self.spectrum_E = spectrum_E.clip(min=0)  # rounding gives tiny negative eigenvalues

    def predict(self, x_NF: Floats, strength: float) -> Floats:
        """Scores (N, K); strength > 0."""
        weights_FK = self.basis_FE @ (self.coordinates_EK / (self.spectrum_E + strength)[:, None])
        return (x_NF - self.x_mean_F) @ weights_FK + self.y_mean_K
