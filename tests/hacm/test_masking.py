"""Criteria against slow loops, the Gumbel top-k against its law, strategies against the released runs."""

import itertools
import math
from typing import Literal

import hypothesis
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor

from hacm.model.geometry import FlatSpace, PoincareBall
from hacm.model.masking import (
    Masking,
    global_attention,
    gumbel_keys,
    mixed_scores,
    motion_scores,
    select,
    spatial_scores,
    temporal_scores,
)
from hacm.model.tokens import from_branches, patches, to_branches
from hacm.settings import (
    MaskingSettings,
    ModelSettings,
    SpatialSettings,
    TemporalSettings,
    branch_sizes,
    kept_count,
    token_budget,
)
from tests.helpers.golden import FOLDER, arrays, compare, needs_golden


@pytest.mark.parametrize(("tokens", "kept"), [(216, 21), (432, 43), (750, 74), (20, 1)])
def test_kept_count_is_computed_in_floating_point(tokens: int, kept: int) -> None:
    assert kept_count(tokens, 0.9) == kept


def test_kept_count_refuses_to_keep_or_to_hide_nothing() -> None:
    with pytest.raises(ValueError, match=r"masking\.ratio 0.9 leaves none of 9"):
        kept_count(9, 0.9)
    with pytest.raises(ValueError, match=r"masking\.ratio 1e-17 hides none of 9"):
        kept_count(9, 1e-17)


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(
    st.integers(2, 12),
    st.integers(1, 20),
    st.floats(0, 1, exclude_min=True, exclude_max=True),
    st.sampled_from(["hacm", "random", "motion"]),
    st.integers(0, 2**31),
)
def test_exactly_the_budget_is_kept_for_any_ratio(
    segments: int, joints: int, ratio: float, strategy: Literal["hacm", "random", "motion"], seed: int
) -> None:
    """int(n·(1 − ρ)) of each group that competes, no token twice, the mask its complement; or a ValueError."""
    sizes = branch_sizes(segments, joints)
    groups = sizes if strategy == "hacm" else (sum(sizes),)
    model = ModelSettings(dim=8, heads=2, frames=3 * segments)
    masked = MaskingSettings(strategy=strategy, ratio=ratio)
    expected = tuple(int(size * (1 - ratio)) for size in groups)
    if any(not 0 < kept < size for kept, size in zip(expected, groups, strict=True)):
        with pytest.raises(ValueError, match=r"masking\.ratio"):
            token_budget(joints, model, masked)
        return
    budget = token_budget(joints, model, masked)
    assert (budget.tokens, budget.kept) == (groups, expected)
    noise = torch.rand(3, sum(sizes), generator=torch.Generator().manual_seed(seed))
    selection = select(torch.rand(3, sum(sizes)), noise, sizes, masked)
    kept_BL = torch.zeros(3, sum(sizes)).scatter_add(1, selection.keep_BK, torch.ones(selection.keep_BK.shape))
    assert torch.equal(kept_BL, (~selection.mask_BL).float())
    assert [part.sum(1).tolist() for part in kept_BL.split(list(groups), 1)] == [[kept] * 3 for kept in expected]
    assert selection.temporal == (expected[0] if strategy == "hacm" else None)


def test_the_budget_in_words() -> None:
    full = ModelSettings()
    assert str(token_budget(18, full, MaskingSettings())) == "42 of 432 tokens seen (21 temporal + 21 spatial)"
    assert str(token_budget(18, full, MaskingSettings(strategy="random"))) == "43 of 432 tokens seen"


# ---- criteria -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [PoincareBall(), FlatSpace()])
def test_spatial_scores_match_loops(space: PoincareBall | FlatSpace) -> None:
    torch.manual_seed(0)
    points, roots = space.expmap0(torch.randn(2, 3, 4, 5)), space.expmap0(torch.randn(2, 3, 6, 5))
    found = spatial_scores(points, space.mean(roots), space, root_weight=0.3)
    father = roots.point.mean(2).double()

    def distance(x: Tensor, y: Tensor) -> float:
        square = float((x - y).square().sum())
        if isinstance(space, FlatSpace):
            return math.sqrt(square)
        return math.acosh(1 + 2 * square / float((1 - x.square().sum()) * (1 - y.square().sum())))

    for b, t, v in itertools.product(range(2), range(3), range(4)):
        x = points.point[b, t].double()
        expected = sum(distance(x[u], x[v]) for u in range(4)) + 0.3 * distance(father[b, t], x[v])
        assert found[b, t, v].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("inverse_sqrt", [True, False])
@pytest.mark.parametrize("over_keys", [True, False])
def test_temporal_scores_match_loops(inverse_sqrt: bool, over_keys: bool) -> None:
    torch.manual_seed(0)
    query, key = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    found = temporal_scores(global_attention(query, key, inverse_sqrt=inverse_sqrt, over_keys=over_keys))
    scale = 5 ** (-0.5 if inverse_sqrt else 0.5)
    for b in range(2):
        logit = {
            (t, u, v): scale * float(query[b, t, v] @ key[b, u, v])
            for t in range(3)
            for u in range(3)
            for v in range(4)
        }
        for u, v in itertools.product(range(3), range(4)):
            received = 0.0
            for t in range(3):
                rivals = [(t, w, v) for w in range(3)] if over_keys else [(t, u, w) for w in range(4)]
                received += math.exp(logit[t, u, v]) / sum(math.exp(logit[rival]) for rival in rivals)
            assert found[b, u, v].item() == pytest.approx(received, rel=1e-4)


def test_attention_over_keys_is_shared_out_completely() -> None:
    attention = global_attention(torch.randn(3, 6, 4, 8), torch.randn(3, 6, 4, 8), inverse_sqrt=True, over_keys=True)
    assert torch.allclose(temporal_scores(attention).sum(1), torch.full((3, 4), 6.0), rtol=1e-5)


def test_motion_scores_by_hand() -> None:
    patch = torch.tensor([[[[0.0, 0.0]], [[1.0, -3.0]], [[1.0, 1.0]]]])
    assert torch.equal(motion_scores(patch), torch.tensor([[[2.0], [2.0], [2.0]]]))
    patch[0, 2] = 7.0
    assert torch.equal(motion_scores(patch), torch.tensor([[[2.0], [2.0], [8.0]]]))


def test_mixed_scores_do_not_depend_on_either_unit() -> None:
    first, second = torch.rand(2, 3, 4), torch.rand(2, 3, 4)
    assert torch.allclose(mixed_scores(first, second), mixed_scores(1000 * first, second), atol=1e-6)
    expected = (first[1, 2, 3] / first[1].max() + second[1, 2, 3] / second[1].max()) / 2
    assert mixed_scores(first, second)[1, 2, 3].item() == pytest.approx(expected.item(), rel=1e-6)


# ---- selection ------------------------------------------------------------------------------------------------------


def test_gumbel_keys_by_hand() -> None:
    found = gumbel_keys(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.5, 0.1]]), tau=0.5)
    sharpened = [1 / 1.5, 3 / 1.5]
    log_sum = math.log(sum(math.exp(s) for s in sharpened))
    expected = [s - log_sum - math.log(-math.log(u)) for s, u in zip(sharpened, (0.5, 0.1), strict=True)]
    assert found[0].tolist() == pytest.approx(expected, rel=1e-6)


def plackett_luce(probabilities: list[float], kept: int) -> dict[frozenset[int], float]:
    """Probability of each set of `kept` tokens drawn one after the other without replacement."""
    chance: dict[frozenset[int], float] = {}
    for order in itertools.permutations(range(len(probabilities)), kept):
        left, product = 1.0, 1.0
        for token in order:
            product *= probabilities[token] / left
            left -= probabilities[token]
        chance[frozenset(order)] = chance.get(frozenset(order), 0) + product
    return chance


def test_selection_frequencies_follow_plackett_luce() -> None:
    draws, tau = 40_000, 0.4
    scores = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])
    uniform = torch.rand(draws, 5, generator=torch.Generator().manual_seed(0))
    selection = select(
        scores.expand(draws, 5), uniform, (5, 0), MaskingSettings(strategy="random", ratio=0.55, tau=tau)
    )
    keys = gumbel_keys(scores.expand(draws, 5), uniform, tau)
    assert torch.equal(selection.keep_BK, keys.topk(2).indices.sort().values)
    chance = plackett_luce(torch.softmax(scores / (tau * 4), 0).tolist(), 2)
    assert sum(chance.values()) == pytest.approx(1)
    for pair, probability in chance.items():
        frequency = (selection.keep_BK == torch.tensor(sorted(pair))).all(1).float().mean().item()
        assert abs(frequency - probability) < 4.5 * math.sqrt(probability * (1 - probability) / draws)


def test_each_branch_keeps_its_own_number_and_motion_keeps_the_smallest() -> None:
    scores, uniform = torch.rand(3, 20), torch.rand(3, 20)
    cross = select(scores, uniform, (12, 8), MaskingSettings(ratio=0.7))
    assert cross.temporal == 3
    assert cross.keep_BK.shape == (3, 5)
    assert (cross.keep_BK[:, :3] < 12).all()
    assert (cross.keep_BK[:, 3:] >= 12).all()
    assert torch.equal(cross.mask_BL, ~torch.zeros(3, 20).scatter(1, cross.keep_BK, 1).bool())
    least = select(scores, uniform, (12, 8), MaskingSettings(strategy="motion", ratio=0.7))
    assert least.temporal is None
    assert torch.equal(least.keep_BK, gumbel_keys(scores, uniform, 0.9).topk(6, largest=False).indices.sort().values)


# ---- strategies -----------------------------------------------------------------------------------------------------

MODEL = ModelSettings(dim=8, heads=2, encoder_blocks=1, decoder_blocks=1, frames=15)


def masking(settings: MaskingSettings, model: ModelSettings = MODEL) -> Masking:
    torch.manual_seed(0)
    return Masking(4, model, settings, PoincareBall())


def inputs(batch: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """patches, embeddings, root embeddings, hierarchies, noise of five segments and four joints."""
    torch.manual_seed(1)
    return (
        torch.randn(batch, 5, 4, 9),
        torch.randn(batch, 5, 4, 8),
        torch.randn(batch, 5, 2, 8),
        torch.rand(batch, 15, 4),
        torch.rand(batch, 20),
    )


EVERY_STRATEGY = [
    MaskingSettings(strategy="random", ratio=0.6),
    MaskingSettings(strategy="motion", ratio=0.6),
    MaskingSettings(ratio=0.6),
    MaskingSettings(ratio=0.6, spatial=SpatialSettings(source="precomputed")),
    MaskingSettings(ratio=0.6, spatial=SpatialSettings(source="mixed"), temporal=TemporalSettings(enabled=False)),
    MaskingSettings(ratio=0.6, spatial=SpatialSettings(enabled=False)),
    MaskingSettings(ratio=0.6, spatial=SpatialSettings(enabled=False), temporal=TemporalSettings(enabled=False)),
]


@pytest.mark.parametrize("settings", EVERY_STRATEGY)
def test_mask_does_not_depend_on_the_rest_of_the_batch(settings: MaskingSettings) -> None:
    everything = inputs(6)
    module = masking(settings)
    together = module(*everything)
    for b in range(6):
        alone = module(*(tensor[b : b + 1] for tensor in everything))
        assert torch.equal(alone.mask_BL[0], together.mask_BL[b])
    kept = kept_count(12, 0.6) + kept_count(8, 0.6) if settings.strategy == "hacm" else kept_count(20, 0.6)
    assert ((~together.mask_BL).sum(1) == kept).all()


def test_each_criterion_reaches_its_own_branch() -> None:
    data_BSJP, embedded, roots, hierarchy, _ = inputs(2)
    uniform = torch.full((2, 20), 0.5)  # equal noise: the largest scores are kept
    on, off = TemporalSettings(True), TemporalSettings(False)
    module = masking(MaskingSettings(ratio=0.6, spatial=SpatialSettings(source="precomputed"), temporal=on))
    kept = ~from_branches(module(data_BSJP, embedded, roots, hierarchy, uniform).mask_BL, 5)
    per_segment = hierarchy.view(2, 5, 3, 4).mean(2)[:, 1::2]
    query, key = (F.linear(embedded[:, 0::2], linear.weight, linear.bias) for linear in (module.query, module.key))
    attention = temporal_scores(global_attention(query, key, inverse_sqrt=True, over_keys=True))
    for scores, part in ((per_segment, kept[:, 1::2]), (attention, kept[:, 0::2])):
        for b in range(2):
            threshold = scores[b].flatten().sort(descending=True).values[int(part[b].sum()) - 1]
            assert torch.equal(part[b], scores[b] >= threshold)
    assert not hasattr(masking(MaskingSettings(ratio=0.6, temporal=off)), "query")


def test_variant_decides_scale_and_axis_unless_the_settings_do() -> None:
    released = ModelSettings(dim=8, heads=2, frames=15, arithmetic="released")
    own = MaskingSettings(ratio=0.6, temporal=TemporalSettings(scale="inverse_sqrt", normalize_over="keys"))
    for model, settings, expected in [
        (MODEL, MaskingSettings(ratio=0.6), (True, True)),
        (released, MaskingSettings(ratio=0.6), (False, False)),
        (released, own, (True, True)),
    ]:
        module = masking(settings, model)
        assert (module.inverse_sqrt, module.over_keys) == expected


def test_no_gradient_passes_and_the_projections_ask_for_none() -> None:
    module = masking(MaskingSettings(ratio=0.6))
    assert list(module.state_dict()) == ["query.weight", "query.bias", "key.weight", "key.bias"]
    assert not any(parameter.requires_grad for parameter in module.parameters())
    data_BSJP, embedded, roots, _, uniform = inputs(2)
    assert not module(data_BSJP, embedded.requires_grad_(), roots, None, uniform).keep_BK.requires_grad
    with pytest.raises(ValueError, match=r"masking\.ratio"):
        masking(MaskingSettings(ratio=0.99))


def test_half_precision_does_not_reach_the_scores() -> None:
    module = masking(MaskingSettings(ratio=0.6))
    _, embedded, roots, _, _ = inputs(2)
    plain = module.temporal(embedded), module.spatial(embedded, roots, None)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = module.temporal(embedded), module.spatial(embedded, roots, None)
    assert torch.equal(plain[0], cast[0])
    assert torch.equal(plain[1], cast[1])


# ---- golden ---------------------------------------------------------------------------------------------------------


def golden_embedding() -> tuple[Tensor, dict[str, np.ndarray], dict[str, Tensor]]:
    """E of the released run, its arrays, and its weights."""
    golden = arrays("hacm")
    weights = torch.load(FOLDER / "hacm_release_format.pth", weights_only=True)["model"]
    return torch.from_numpy(golden["embed"]) + weights["temp_embed"] + weights["pos_embed"], golden, weights


@needs_golden
def test_golden_temporal_scores() -> None:
    embedded, golden, weights = golden_embedding()
    query, key = (F.linear(embedded[:, 0::2], weights[f"{n}.weight"], weights[f"{n}.bias"]) for n in ("l1", "l2"))
    attention = global_attention(query, key, inverse_sqrt=False, over_keys=False)
    compare("temporal attention (√D, over joints)", attention, golden["temporal_matrix"], rtol=1e-4, atol=2e-4)
    found = temporal_scores(attention).mT
    compare("temporal scores (√D, over joints)", found, golden["temporal_column_sum"], rtol=1e-4, atol=2e-4)


@needs_golden
def test_golden_spatial_scores() -> None:
    embedded, golden, _ = golden_embedding()
    ball = PoincareBall(arithmetic="released")
    points = ball.expmap0(embedded[:, 1::2])
    father = ball.mean(ball.expmap0(torch.from_numpy(golden["embed_root"])[:, 1::2]))
    found = spatial_scores(points, father, ball, root_weight=0.01)
    compare("spatial scores (factor 4)", found.mT, golden["spatial_column_sum"], rtol=2e-3)
    matrix = ball.pairwise_distance(points, points).permute(0, 2, 3, 1)
    compare("distances between joints (factor 4)", matrix, golden["spatial_matrix"][:, :, :18], rtol=2e-3, atol=2e-3)
    to_father = spatial_scores(points, father, ball, 0.01) - spatial_scores(points, father, ball, 0.0)
    compare("0.01 × distances to the father", to_father.mT, golden["spatial_matrix"][:, :, 18], rtol=2e-3, atol=1e-4)


@needs_golden
@pytest.mark.parametrize("branch", ["temporal", "spatial"])
def test_golden_selection_from_given_noise(branch: str) -> None:
    golden = arrays("hacm")
    scores = torch.from_numpy(golden[f"{branch}_column_sum"]).flatten(1)  # (joint, segment): the released order
    uniform = torch.from_numpy(golden[f"uniform_{branch}"])
    selection = select(scores, uniform, (216, 0), MaskingSettings(strategy="random"))
    compare(f"{branch} mask, from its scores and noise", selection.mask_BL, golden[f"{branch}_mask"])
    order = torch.from_numpy(golden[f"{branch}_ids_restore"]).argsort(1)
    compare(f"{branch} kept tokens", selection.keep_BK, order[:, :21].sort().values)


@needs_golden
def test_golden_motion_masking_of_mamp() -> None:
    golden = arrays("mamp")
    x_BTVC = torch.from_numpy(golden["x"]).permute(0, 4, 2, 3, 1).flatten(0, 1)
    scores = to_branches(motion_scores(patches(x_BTVC, 4)))
    uniform = to_branches(torch.from_numpy(golden["uniform"]).view(4, 30, 25))
    selection = select(scores, uniform, branch_sizes(30, 25), MaskingSettings(strategy="motion", tau=0.8))
    mask = from_branches(selection.mask_BL, 30).flatten(1)
    compare("MAMP: mask, from its noise", mask, golden["mask"])
    kept = [sequence.nonzero().flatten().tolist() for sequence in ~mask]
    assert kept == np.sort(golden["ids_keep"], axis=1).tolist()
