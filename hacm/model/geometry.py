"""The Poincaré ball (hacm.md §2): exponential map at the origin, distance, and the flat space that ablation compares.

A point x is carried together with its *gap* 1 − c‖x‖². Real embeddings lie at geodesic radii of 6 to 13, where float32
cannot tell ‖x‖ from 1 well enough to take that difference (at radius 12 it is 2.5e-5, known to 0.5 %). The gap is
known exactly where the point is made, so it is computed there: from the tangent vector, or from a mean's parts.

All functions work in float32 (float64 in, float64 out), also inside an autocast region, and have finite values and
gradients everywhere, including zero vectors, duplicates and the boundary.

Suffixes: …D coordinates of a point; …L and …K points of a set.
"""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

TEXTBOOK_LIMIT = 1 - 1e-6  # geodesic radius 14.5: beyond real embeddings, and safely below 1 in float32
RELEASED_LIMIT = 1 - 1e-5  # geodesic radius 12.2
PAPER_RADIUS = math.atanh(TEXTBOOK_LIMIT)
TINY = 1e-15  # stands in for the norm of a zero vector; its square is far below float32's resolution of 1


class Points(NamedTuple):
    """Points of a space. point: (…, D). gap: (…), 1 − c‖x‖² in the ball, 1 in flat space."""

    point: Tensor
    gap: Tensor


class Space(Protocol):
    """What masking and the encoder ask of a geometry."""

    def expmap0(self, vector_D: Tensor) -> Points:
        """Tangent vectors at the origin to points."""

    def mean(self, points: Points) -> Points:
        """Mean over the next-to-last axis, in the space's coordinates: (…, L, D) to (…, D)."""

    def pairwise_distance(self, x: Points, y: Points) -> Tensor:
        """All distances between two sets: (…, L, D), (…, K, D) to (…, L, K)."""


@contextlib.contextmanager
def full_precision(x: Tensor) -> Iterator[None]:
    """Autocast off on x's device: half precision would move points near the boundary by whole units of distance.

    The meta device, on which tensors have sizes alone, knows no autocast.
    """
    with contextlib.nullcontext() if x.device.type == "meta" else torch.autocast(x.device.type, enabled=False):
        yield


def at_least_float32(x: Tensor) -> Tensor:
    """x in float32, or unchanged if it is float64."""
    return x if x.dtype == torch.float64 else x.float()


def euclidean_cdist(x_LD: Tensor, y_KD: Tensor) -> Tensor:
    """‖x − y‖ for all pairs, (…, L, K), without building (…, L, K, D).

    By differences, not by the Gram matrix ‖x‖² + ‖y‖² − 2⟨x, y⟩: that one cancels for near-duplicates, and the boundary
    magnifies the error (a self-distance comes out as 0.02 at radius 5). Here duplicates are exactly 0, with gradient 0.
    """
    return torch.cdist(x_LD, y_KD, compute_mode="donot_use_mm_for_euclid_dist")


@dataclass(frozen=True)
class PoincareBall:
    """The Poincaré ball of curvature −c.

    arithmetic `textbook`: textbook distance; points are clamped to norm TEXTBOOK_LIMIT / √c, so that the map stays
    monotone and continuous. `released` repeats the authors' code: 4 in place of 2 in the distance, and a clamp to
    RELEASED_LIMIT only where the float norm has reached 1, so that the radius falls back from 17 to 12.
    """

    curvature: float = 1.0
    arithmetic: Literal["textbook", "released"] = "textbook"

    def expmap0(self, vector_D: Tensor) -> Points:
        """exp_0(v) = tanh(√c‖v‖)·v / (√c‖v‖), with 0 ↦ 0 (hacm.md §2); gap = 1 − tanh² = 1 / cosh²(√c‖v‖)."""
        with full_precision(vector_D):
            scaled_D = at_least_float32(vector_D) * self.curvature**0.5
            norm = torch.linalg.vector_norm(scaled_D, dim=-1).clamp_min(TINY)
            unit_point_D, gap = self._clamped(scaled_D, norm)
            return Points(unit_point_D / self.curvature**0.5, gap)

    def _clamped(self, vector_D: Tensor, norm: Tensor) -> tuple[Tensor, Tensor]:
        """exp_0 for c = 1, kept inside the ball as the arithmetic says, and its gap."""
        if self.arithmetic == "textbook":
            radius = norm.clamp_max(PAPER_RADIUS)
            return vector_D * (torch.tanh(radius) / norm)[..., None], torch.cosh(radius).pow(-2)
        point_D = vector_D * (torch.tanh(norm) / norm)[..., None]
        point_norm = torch.linalg.vector_norm(point_D, dim=-1)
        outside = point_norm >= 1
        shrink = torch.where(outside, RELEASED_LIMIT / point_norm.clamp_min(RELEASED_LIMIT), 1.0)
        gap = torch.cosh(norm.clamp_max(20.0)).pow(-2).clamp_min(torch.finfo(norm.dtype).eps)
        return point_D * shrink[..., None], torch.where(outside, 1 - RELEASED_LIMIT**2, gap)

    def at(self, point_D: Tensor) -> Points:
        """Given coordinates inside the ball as Points; the gap is taken in float64, but knows no more than they do."""
        with full_precision(point_D):
            gap = 1 - self.curvature * point_D.double().square().sum(-1)
            return Points(at_least_float32(point_D), gap.to(at_least_float32(point_D).dtype))

    def mean(self, points: Points) -> Points:
        """Mean of the coordinates over the next-to-last axis (the father of the hierarchy, hacm.md §2).

        1 − c‖f‖² = mean(1 − c‖x‖²) + c·mean‖x − f‖²: a sum of positive terms, so nothing cancels near the boundary.
        """
        with full_precision(points.point):
            mean_D = points.point.mean(-2)
            spread = (points.point - mean_D[..., None, :]).square().sum(-1).mean(-1)
            return Points(mean_D, points.gap.mean(-1) + self.curvature * spread)

    def distance(self, x: Points, y: Points) -> Tensor:
        """Distances between points of equal (or broadcastable) shape (…, D): (…)."""
        with full_precision(x.point):
            chord = torch.linalg.vector_norm(x.point - y.point, dim=-1)
            return self._geodesic(chord, x.gap, y.gap)

    def pairwise_distance(self, x: Points, y: Points) -> Tensor:
        """Distances between two sets (…, L, D) and (…, K, D): (…, L, K)."""
        with full_precision(x.point):
            chord_LK = euclidean_cdist(x.point, y.point)
            return self._geodesic(chord_LK, x.gap[..., :, None], y.gap[..., None, :])

    def _geodesic(self, chord: Tensor, gap_x: Tensor, gap_y: Tensor) -> Tensor:
        """d(x, y) = (1/√c)·arccosh(1 + 2c‖x − y‖² / ((1 − c‖x‖²)(1 − c‖y‖²))) (hacm.md §2), from the chord ‖x − y‖.

        arccosh(1 + 2s²) = 2·arcsinh(s), which keeps precision and a finite gradient at s = 0; and arcsinh(s) =
        log1p(s + s²/(1 + √(1 + s²))), which is many times faster than torch.asinh. Released code: 4 in place of 2.
        """
        factor = 2.0 if self.arithmetic == "textbook" else 4.0
        sinh_half = (factor / 2 * self.curvature) ** 0.5 * chord * (gap_x * gap_y).rsqrt()
        square = sinh_half.square()
        half = torch.log1p(sinh_half + square / (1 + torch.sqrt(1 + square)))
        return 2 / self.curvature**0.5 * half


@dataclass(frozen=True)
class FlatSpace:
    """Euclidean space behind the same interface: HA-CM without the hyperbolic mapping (hacm.md §8)."""

    def expmap0(self, vector_D: Tensor) -> Points:
        """The identity."""
        vector_D = at_least_float32(vector_D)
        return Points(vector_D, vector_D.new_ones(vector_D.shape[:-1]))

    def mean(self, points: Points) -> Points:
        """Mean over the next-to-last axis."""
        return Points(points.point.mean(-2), points.gap.mean(-1))

    def pairwise_distance(self, x: Points, y: Points) -> Tensor:
        """‖x − y‖ between two sets (…, L, D) and (…, K, D): (…, L, K)."""
        with full_precision(x.point):
            return euclidean_cdist(x.point, y.point)


def space_of(hyperbolic: bool, curvature: float, arithmetic: Literal["textbook", "released"]) -> Space:
    """The space that the model's settings ask for."""
    return PoincareBall(curvature, arithmetic) if hyperbolic else FlatSpace()
