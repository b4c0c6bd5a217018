"""The ball against hand-computed values, float64 references, geoopt, and the released exponential map."""

import math
from typing import Any

import geoopt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from hacm.model.geometry import TEXTBOOK_LIMIT, FlatSpace, PoincareBall, Points
from tests.helpers.golden import arrays, compare, needs_golden

BALL = PoincareBall()
RELEASED = PoincareBall(arithmetic="released")


def vectors_of_radius(radius_L: Tensor, dim: int, seed: int = 0) -> Tensor:
    """float32 tangent vectors whose points lie at these geodesic radii, in random directions."""
    direction_LD = torch.randn(len(radius_L), dim, generator=torch.Generator().manual_seed(seed))
    return direction_LD / direction_LD.norm(dim=-1, keepdim=True) * radius_L[:, None] / 2


def exact_distance(x_LD: Tensor, y_KD: Tensor) -> Tensor:
    """Distances between exp_0(x) and exp_0(y) by the hyperbolic law of cosines, in float64, from tangent vectors."""
    x_LD, y_KD = x_LD.double(), y_KD.double()
    radius_L, radius_K = 2 * x_LD.norm(dim=-1), 2 * y_KD.norm(dim=-1)
    unit_x, unit_y = (v / v.norm(dim=-1, keepdim=True).clamp_min(1e-300) for v in (x_LD, y_KD))
    chord_LK = (unit_x[:, None] - unit_y[None]).square().sum(-1)
    sinh_half_squared = torch.sinh((radius_L[:, None] - radius_K) / 2).square()
    sinh_half_squared += torch.sinh(radius_L)[:, None] * torch.sinh(radius_K) * chord_LK / 4
    return 2 * torch.asinh(sinh_half_squared.sqrt())


def test_hand_computed_values() -> None:
    vector_D = torch.tensor([[math.atanh(0.5), 0.0], [0.0, 0.0], [-math.atanh(0.5), 0.0]])
    points = BALL.expmap0(vector_D)
    assert torch.allclose(points.point, torch.tensor([[0.5, 0.0], [0.0, 0.0], [-0.5, 0.0]]), atol=1e-7)
    assert torch.allclose(points.gap, torch.tensor([0.75, 1.0, 0.75]), atol=1e-7)
    log3 = math.log(3)  # d(0, 1/2) = 2 artanh(1/2) = ln 3, and the three points lie on one geodesic
    expected = torch.tensor([[0, log3, 2 * log3], [log3, 0, log3], [2 * log3, log3, 0]])
    assert torch.allclose(BALL.pairwise_distance(points, points), expected, atol=1e-6)


def test_textbook_formula_and_curvature() -> None:
    x, y, c = torch.tensor([0.1, -0.3, 0.2]), torch.tensor([0.25, 0.05, -0.1]), 2.5
    ball = PoincareBall(curvature=c)
    argument = 1 + 2 * c * (x - y).square().sum() / ((1 - c * x.square().sum()) * (1 - c * y.square().sum()))
    assert ball.distance(ball.at(x), ball.at(y)).item() == pytest.approx(math.acosh(argument) / c**0.5, rel=1e-5)
    oracle = geoopt.PoincareBall(c=c)
    assert torch.allclose(ball.expmap0(x).point, oracle.expmap0(x.double()).float(), atol=1e-6)


def test_released_distance_has_4_in_place_of_2() -> None:
    x, y = torch.tensor([0.1, -0.3, 0.2]), torch.tensor([0.25, 0.05, -0.1])
    argument = 1 + 4 * (x - y).square().sum() / ((1 - x.square().sum()) * (1 - y.square().sum()))
    assert RELEASED.distance(RELEASED.at(x), RELEASED.at(y)).item() == pytest.approx(math.acosh(argument), rel=1e-5)


@pytest.mark.parametrize("dim", [2, 3, 64, 256])
def test_agrees_with_geoopt_up_to_radius_5(dim: int) -> None:
    vectors_LD = vectors_of_radius(torch.linspace(0, 5, 40), dim)
    near_LD = vectors_LD * (1 + 1e-4) + 1e-5 * vectors_of_radius(torch.ones(40), dim, seed=1)
    both_LD = torch.cat([vectors_LD, near_LD])
    oracle = geoopt.PoincareBall(c=1.0)
    truth_LD = oracle.expmap0(both_LD.double())
    expected_LL = oracle.dist(truth_LD[:, None], truth_LD[None])
    points = BALL.expmap0(both_LD)
    error_LL = (BALL.pairwise_distance(points, points).double() - expected_LL).abs()
    assert error_LL.max() < 1e-4


@pytest.mark.parametrize(("radius", "tolerance"), [(5.0, 1e-5), (9.0, 1e-5), (13.0, 1e-5)])
def test_float32_is_exact_where_real_embeddings_lie(radius: float, tolerance: float) -> None:
    vectors_LD = vectors_of_radius(torch.linspace(radius - 1, radius, 50), 256)
    points = BALL.expmap0(vectors_LD)
    expected_LL = exact_distance(vectors_LD, vectors_LD)
    error_LL = (BALL.pairwise_distance(points, points) - expected_LL).abs() / expected_LL.clamp_min(1.0)
    assert error_LL.max() < tolerance


def test_near_duplicates_keep_their_small_distance() -> None:
    vectors_LD = vectors_of_radius(torch.linspace(0.5, 5, 30), 64)
    for step in (1e-2, 1e-3, 1e-4):
        near_LD = vectors_LD + step * vectors_of_radius(torch.full((30,), 2.0), 64, seed=2)
        found = BALL.distance(BALL.expmap0(vectors_LD), BALL.expmap0(near_LD))
        assert (found - exact_distance(vectors_LD, near_LD).diagonal()).abs().max() < 1e-4


def test_diagonal_is_exactly_zero_and_matrix_symmetric() -> None:
    points = BALL.expmap0(vectors_of_radius(torch.linspace(0, 14, 60), 256).view(3, 20, 256))
    distance_BLL = BALL.pairwise_distance(points, points)
    assert (distance_BLL.diagonal(dim1=1, dim2=2) == 0).all()
    assert torch.equal(distance_BLL, distance_BLL.mT)
    twice = Points(points.point[:, :1].expand(-1, 4, -1), points.gap[:, :1].expand(-1, 4))
    assert (BALL.pairwise_distance(twice, twice) == 0).all()


def test_pairwise_matches_single_distances() -> None:
    x, y = (BALL.expmap0(vectors_of_radius(torch.linspace(0, 9, 12), 8, seed=seed)) for seed in (0, 1))
    single_LK = BALL.distance(Points(x.point[:, None], x.gap[:, None]), Points(y.point[None], y.gap[None]))
    assert torch.allclose(BALL.pairwise_distance(x, y), single_LK, rtol=1e-5)


class LargestTensor(TorchDispatchMode):
    """Remembers the number of elements of the largest tensor that any operation returns."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.largest = max(self.largest, result.numel())
        return result


def test_pairwise_never_builds_the_four_axis_tensor() -> None:
    vectors_BLD = torch.randn(5, 18, 256, requires_grad=True)
    with LargestTensor() as watch:
        points = BALL.expmap0(vectors_BLD)
        BALL.pairwise_distance(points, points).sum().backward()
    assert watch.largest == 5 * 18 * 256


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 8))
def test_metric_properties(seed: int, radius: float) -> None:
    vectors_LD = vectors_of_radius(torch.linspace(0, radius, 6), 3, seed)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(seed))).Q
    points, rotated = BALL.expmap0(vectors_LD), BALL.expmap0(vectors_LD @ rotation)
    d = BALL.pairwise_distance(points, points)
    assert (d[:, :, None] <= d[:, None, :] + d.mT[None] + 1e-3).all()
    assert torch.allclose(d, BALL.pairwise_distance(rotated, rotated), atol=2e-3)
    assert torch.allclose(d[0], torch.linspace(0, radius, 6), atol=1e-4)


MAGNITUDES = (1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 0.1, 1.0)  # lengths of tangent vectors
DTYPES = {torch.float32: 1e-6, torch.float64: 1e-14}  # with the relative error that identities may have
CURVATURES = (0.5, 1.0, 2.5)


def set_of_points(magnitude: float, dtype: torch.dtype) -> tuple[Tensor, float]:
    """Zero, seven tangent vectors of about this length and a near-duplicate: (9, 5); and the error allowed at it."""
    vectors_LD = torch.randn(9, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    vectors_LD *= magnitude / vectors_LD.norm(dim=-1, keepdim=True)
    vectors_LD[0] = 0
    vectors_LD[8] = vectors_LD[7] * (1 + 1e-3)
    return vectors_LD.to(dtype), DTYPES[dtype] * magnitude


@pytest.mark.parametrize("curvature", CURVATURES)
@pytest.mark.parametrize("magnitude", MAGNITUDES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_identities_of_a_metric(dtype: torch.dtype, magnitude: float, curvature: float) -> None:
    """Zero to itself, positive to others, symmetry, the triangle inequality, isometry under rotation."""
    ball = PoincareBall(curvature)
    vectors_LD, error = set_of_points(magnitude, dtype)
    points = ball.expmap0(vectors_LD)
    distance_LL = ball.pairwise_distance(points, points)
    assert distance_LL.dtype == dtype
    assert (distance_LL.diagonal() == 0).all()
    assert (distance_LL + torch.eye(9, dtype=dtype) > 0).all()
    assert torch.equal(distance_LL, distance_LL.T)
    around_LLL = distance_LL[:, None, :] + distance_LL.T[None]  # from l to m by way of n, last axis
    assert (distance_LL[:, :, None] <= around_LLL + error).all()
    rotation = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))).Q
    rotated = ball.expmap0((vectors_LD.double() @ rotation).to(dtype))
    assert (ball.pairwise_distance(rotated, rotated) - distance_LL).abs().max() < 4 * error


@pytest.mark.parametrize("curvature", CURVATURES)
@pytest.mark.parametrize("magnitude", MAGNITUDES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_logarithm_takes_the_exponential_map_back(dtype: torch.dtype, magnitude: float, curvature: float) -> None:
    """log_0(x) = artanh(√c‖x‖)·x/(√c‖x‖), here and in geoopt; and d(0, exp_0(v)) = 2‖v‖."""
    ball = PoincareBall(curvature)
    vectors_LD, error = set_of_points(magnitude, dtype)
    points = ball.expmap0(vectors_LD)
    norm_L1 = points.point.double().norm(dim=-1, keepdim=True).clamp_min(1e-300) * curvature**0.5
    by_hand = torch.atanh(norm_L1) / norm_L1 * points.point.double()
    by_geoopt = geoopt.PoincareBall(c=torch.tensor(curvature, dtype=torch.float64)).logmap0(points.point.double())
    room = 4 if magnitude == 1 else 1  # 1 / (1 − ‖x‖²) magnifies the rounding of x
    assert (by_hand - vectors_LD).abs().max() < 3 * room * error
    assert (by_geoopt - vectors_LD).abs().max() < 3 * room * error + 2e-15  # geoopt's own rounding near zero
    from_origin = ball.pairwise_distance(Points(points.point[:1], points.gap[:1]), points)[0]
    assert (from_origin - 2 * vectors_LD.norm(dim=-1)).abs().max() < 4 * error


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_taken_at_its_word(dtype: torch.dtype) -> None:
    """Rounded tangent vectors give the very points of the same numbers in float32."""
    vectors_LD = vectors_of_radius(torch.linspace(0, 12, 20), 64).to(dtype)
    half, single = BALL.expmap0(vectors_LD), BALL.expmap0(vectors_LD.float())
    assert half.point.dtype == half.gap.dtype == torch.float32
    assert torch.equal(half.point, single.point)
    assert torch.equal(half.gap, single.gap)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("ball", [BALL, RELEASED, PoincareBall(curvature=0.5)])
def test_values_and_gradients_are_finite_everywhere(ball: PoincareBall, dtype: torch.dtype) -> None:
    scales = [0.0, 1e-30, 1e-20, 1e-10, 1e-6, 1e-3, 1.0, 6.0, 8.5, 8.7, 9.0, 10.0, 50.0, 200.0, 1e6]
    direction_D = torch.nn.functional.normalize(torch.randn(16, generator=torch.Generator().manual_seed(0)), dim=0)
    base_LD = torch.tensor(scales)[:, None] * direction_D
    near_LD = base_LD * (1 + 1e-6)
    vectors_LD = torch.cat([base_LD, base_LD, -base_LD, near_LD]).to(dtype).requires_grad_()
    points = ball.expmap0(vectors_LD)
    distance_LL = ball.pairwise_distance(points, points)
    father = ball.mean(points)
    total = distance_LL.sum() + ball.distance(points, points).sum() + ball.distance(points, father).sum()
    total.backward()
    assert distance_LL.isfinite().all()
    assert vectors_LD.grad is not None
    assert vectors_LD.grad.isfinite().all()
    norm = points.point.norm(dim=-1) * ball.curvature**0.5
    assert (norm < 1).all()
    assert (points.gap > 0).all()


def test_gradients_match_finite_differences() -> None:
    x = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    y = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)

    def distances(x: Tensor, y: Tensor) -> Tensor:
        return BALL.pairwise_distance(BALL.expmap0(x), BALL.expmap0(y))

    assert torch.autograd.gradcheck(distances, (x, y))
    assert torch.autograd.gradcheck(lambda x: tuple(BALL.mean(BALL.expmap0(x))), (x,))


def test_paper_clamp_is_monotone_and_released_clamp_falls_back() -> None:
    vectors_LD = torch.linspace(5, 12, 500)[:, None] * torch.tensor([[1.0, 0.0]])
    paper, released = BALL.expmap0(vectors_LD), RELEASED.expmap0(vectors_LD)
    assert (paper.gap.diff() <= 0).all()
    assert (paper.point[:, 0] <= TEXTBOOK_LIMIT + 1e-7).all()
    assert paper.gap.min().item() == pytest.approx(1 - TEXTBOOK_LIMIT**2, rel=1e-3)
    assert (released.gap.diff() > 0).any()
    assert released.gap[-1].item() == pytest.approx(2e-5, rel=1e-3)


def test_mean_knows_its_gap_near_the_boundary() -> None:
    centre_D = vectors_of_radius(torch.tensor([12.0]), 256)
    vectors_LD = centre_D + 1e-3 * torch.randn(7, 256, generator=torch.Generator().manual_seed(3))
    father, truth = BALL.mean(BALL.expmap0(vectors_LD)), BALL.expmap0(vectors_LD.double()).point.mean(0)
    assert torch.allclose(father.point, truth.float(), atol=1e-6)
    assert father.gap.item() == pytest.approx(1 - truth.square().sum().item(), rel=1e-4)
    assert torch.equal(BALL.mean(BALL.expmap0(torch.zeros(3, 2))).gap, torch.tensor(1.0))


def test_autocast_changes_nothing() -> None:
    vectors_LD = vectors_of_radius(torch.linspace(0, 12, 20), 64)
    plain = BALL.pairwise_distance(BALL.expmap0(vectors_LD), BALL.expmap0(vectors_LD))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = BALL.pairwise_distance(BALL.expmap0(vectors_LD), BALL.expmap0(vectors_LD))
    assert cast.dtype == torch.float32
    assert torch.equal(plain, cast)
    assert BALL.expmap0(vectors_LD.bfloat16()).point.dtype == torch.float32


def test_flat_space_is_the_identity_with_euclidean_distances() -> None:
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    points = FlatSpace().expmap0(x)
    assert torch.equal(points.point, x)
    assert torch.equal(FlatSpace().pairwise_distance(points, points), torch.tensor([[0.0, 5.0], [5.0, 0.0]]))
    assert torch.equal(FlatSpace().mean(points).point, torch.tensor([1.5, 2.0]))


@needs_golden
def test_golden_exponential_map() -> None:
    golden = arrays("hacm")
    found = RELEASED.expmap0(torch.from_numpy(golden["expmap_in"])).point
    compare("exponential map", found, golden["expmap_out"], atol=1e-6)
