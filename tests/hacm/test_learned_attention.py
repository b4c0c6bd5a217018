"""masking.temporal.attention learned: W_q and W_k learn by the expected error, and nothing else changes."""

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from hacm.checkpoints import checkpoint
from hacm.files import SEAL
from hacm.model.losses import selection_loss
from hacm.model.masking import draw_log_probability, gumbel_keys, log_chances
from hacm.model.network import HACM, Output
from hacm.settings import LossSettings, MaskingSettings, ModelSettings, TemporalSettings, TrainSettings
from hacm.skeletons.skeleton import Skeleton
from hacm.training.engine import Pretraining
from hacm.training.optimisers import parameter_groups
from tests.helpers.small_training import SETTINGS, moving_clips

SKELETON = Skeleton(joints=6, parents=(-1, 0, 1, 2, 0, 4), roots=(0, 4), centre=0)
MODEL = ModelSettings(dim=16, heads=4, encoder_blocks=1, decoder_blocks=1, frames=15)
LEARNED = MaskingSettings(ratio=0.6, temporal=TemporalSettings(attention="learned"))
FIXED = MaskingSettings(ratio=0.6)
PROJECTIONS = {f"masking.{name}.{kind}" for name in ("query", "key") for kind in ("weight", "bias")}


def build(masking: MaskingSettings, model: ModelSettings = MODEL) -> HACM:
    torch.manual_seed(0)
    return HACM(SKELETON, model, masking, LossSettings())


def one_pass(model: HACM, batch: int = 6) -> Output:
    generator = torch.Generator().manual_seed(1)
    output = model(torch.randn(batch, 15, 6, 3, generator=generator), generator=generator)
    output.loss.backward()
    return output


# ---- the law and the estimator ---------------------------------------------------------------------------------------


def test_log_probability_of_a_draw_by_hand() -> None:
    chances = [0.5, 0.3, 0.2]
    drawn = list(itertools.permutations(range(3), 2))
    found = draw_log_probability(torch.tensor([chances]).log().expand(6, 3), torch.tensor(drawn)).exp()
    expected = [chances[first] * chances[second] / (1 - chances[first]) for first, second in drawn]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)
    assert found.sum().item() == pytest.approx(1)


def test_log_probability_survives_a_token_that_takes_almost_all() -> None:
    log_chance = torch.tensor([[0.0, -60.0, -61.0]]).log_softmax(1).requires_grad_()
    found = draw_log_probability(log_chance, torch.tensor([[0, 1]]))
    assert found.item() == pytest.approx(-math.log(1 + math.exp(-1)), rel=1e-5)  # 1 − p of the first would be 0
    (gradient,) = torch.autograd.grad(found, log_chance)
    assert gradient.isfinite().all()


def test_gradient_is_that_of_the_expected_error() -> None:
    """Averaged over many batches of three, against the derivative of the expectation written out over all draws."""
    batches, tau = 20_000, 0.5
    scores = torch.tensor([1.0, 2.0, 0.5, 1.5], requires_grad=True)
    error_n = torch.tensor([0.3, 1.0, 2.0, 0.1])  # a sequence's error: the mean of the two tokens that stay hidden
    log_chance = log_chances(scores[None], tau)
    expected = sum(
        draw_log_probability(log_chance, torch.tensor([drawn])).exp() * (error_n.sum() - error_n[list(drawn)].sum()) / 2
        for drawn in itertools.permutations(range(4), 2)
    )
    (exact,) = torch.autograd.grad(expected, scores)

    own_Rn = scores.detach().expand(batches, 4).clone().requires_grad_()  # each batch's gradient apart
    scores_Bn = own_Rn[:, None].expand(-1, 3, -1).flatten(0, 1)
    uniform_Bn = torch.rand(scores_Bn.shape, generator=torch.Generator().manual_seed(0))
    drawn_Bk = gumbel_keys(scores_Bn.detach(), uniform_Bn, tau).topk(2).indices
    hidden_Bn = torch.ones(len(drawn_Bk), 4).scatter(1, drawn_Bk, 0.0)
    log_probability_B = draw_log_probability(log_chances(scores_Bn, tau), drawn_Bk)
    loss_R = torch.vmap(selection_loss)(
        log_probability_B.view(batches, 3),
        error_n.expand(batches, 3, 1, 4),
        hidden_Bn.view(batches, 3, 1, 4),
    )
    assert not loss_R.any()
    (estimate_Rn,) = torch.autograd.grad(loss_R.sum(), own_Rn)
    standard_error = estimate_Rn.std(0) / math.sqrt(batches)
    assert ((estimate_Rn.mean(0) - exact) / standard_error).abs().max() < 4.5
    assert (exact / standard_error).abs().max() > 30  # a missing leave-one-out factor, 3/2, would be seen


def test_one_sequence_alone_gives_no_gradient() -> None:
    log_probability = torch.tensor([-1.0], requires_grad=True)
    selection_loss(log_probability, torch.rand(1, 3, 2), torch.ones(1, 3, 2)).backward()
    assert log_probability.grad is not None
    assert log_probability.grad.tolist() == [0.0]


def test_it_learns_which_tokens_to_see() -> None:
    """Where hiding the second even segment costs most, its tokens come to be seen more often than chance."""
    module = build(replace(LEARNED, tau=0.2)).masking
    embedded_BSJD = torch.randn(5, 4, 16, generator=torch.Generator().manual_seed(2)).expand(64, 5, 4, 16)
    nothing, cost_BSJ = torch.zeros(64, 5, 4, 16), torch.zeros(64, 3, 4)
    cost_BSJ[:, 1] = 1.0
    optimiser = torch.optim.Adam(module.parameters(), lr=0.02)
    shares = []
    for step in range(40):
        uniform_BL = torch.rand(64, 20, generator=torch.Generator().manual_seed(step))
        selection = module(nothing[..., :9], embedded_BSJD, nothing[:, :, :2], None, uniform_BL)
        hidden_BSJ = selection.mask_BL[:, :12].unflatten(1, (3, 4))
        log_probability_B = module.log_probability(embedded_BSJD, selection.keep_BK, uniform_BL)
        optimiser.zero_grad()
        selection_loss(log_probability_B, cost_BSJ, hidden_BSJ).backward()
        optimiser.step()
        shares.append((~hidden_BSJ[:, 1]).float().sum(1).mean().item() / 4)  # of the four tokens that are seen
    assert sum(shares[:3]) / 3 == pytest.approx(1 / 3, abs=0.1)
    assert sum(shares[-3:]) / 3 > 0.7


# ---- in the model ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arithmetic", ["textbook", "released"])
def test_projections_learn_and_the_rest_trains_as_before(arithmetic: str) -> None:
    settings = replace(MODEL, arithmetic=arithmetic)
    learned, fixed = build(LEARNED, settings), build(FIXED, settings)
    assert all(torch.equal(fixed.state_dict()[name], tensor) for name, tensor in learned.state_dict().items())
    first, second = one_pass(learned), one_pass(fixed)
    assert torch.equal(first.mask_BSJ, second.mask_BSJ)
    assert first.loss.item() == second.loss.item()
    others = dict(fixed.named_parameters())
    for name, parameter in learned.named_parameters():
        other = others[name]
        if name not in PROJECTIONS:
            assert torch.equal(parameter.grad, other.grad), name  # type: ignore[arg-type]
            continue
        assert not other.requires_grad
        assert other.grad is None
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
        # A key's bias adds the same to all keys of a query, so it has no effect under a softmax over keys.
        idle = name == "masking.key.bias" and arithmetic == "textbook"
        assert (parameter.grad.abs().max() < 1e-7) == idle, name


def test_the_embedding_learns_nothing_from_it() -> None:
    module = build(LEARNED).masking
    embedded_BSJD = torch.randn(3, 5, 4, 16, requires_grad=True)
    keep_BK = torch.tensor([[0, 3, 5, 11, 12, 13, 19]] * 3)
    module.log_probability(embedded_BSJD, keep_BK, torch.rand(3, 20)).sum().backward()
    assert embedded_BSJD.grad is None


def test_the_draw_is_taken_in_the_order_of_its_keys() -> None:
    module = build(LEARNED).masking
    embedded_BSJD, uniform_BL = torch.randn(2, 5, 4, 16), torch.rand(2, 20)
    keep_BK = module(torch.zeros(2, 5, 4, 9), embedded_BSJD, torch.zeros(2, 5, 2, 16), None, uniform_BL).keep_BK
    scores_Bn = module.temporal(embedded_BSJD).flatten(1, 2)
    order_Bk = gumbel_keys(scores_Bn, uniform_BL[:, :12], LEARNED.tau).topk(4).indices
    expected = draw_log_probability(log_chances(scores_Bn, LEARNED.tau), order_Bk)
    assert torch.allclose(module.log_probability(embedded_BSJD, keep_BK, uniform_BL), expected)


def test_training_moves_the_projections_only_where_they_learn() -> None:
    for masking in (LEARNED, FIXED):
        settings = replace(SETTINGS, masking=replace(masking, ratio=0.5))
        run = Pretraining(moving_clips(), torch.arange(12), SKELETON, settings, 0, "cpu")
        before = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
        for _ in range(4):
            run.advance()
        moved = {name for name in PROJECTIONS if not torch.equal(run.model.state_dict()[name], before[name])}
        assert moved >= PROJECTIONS - {"masking.key.bias"} if masking is LEARNED else not moved


def test_weight_decay_takes_their_matrices() -> None:
    model = build(LEARNED)
    decayed, spared = ({id(each) for each in group["params"]} for group in parameter_groups(model, 0.05))
    assert {id(model.masking.query.weight), id(model.masking.key.weight)} <= decayed
    assert {id(model.masking.query.bias), id(model.masking.key.bias)} <= spared


def test_checkpoints_keep_what_was_learned(tmp_path: Path) -> None:
    model = build(LEARNED)
    nn.init.normal_(model.masking.query.weight)
    checkpoint.save(tmp_path / "model", model, {})
    loaded, _ = checkpoint.load(tmp_path / "model")
    assert loaded.masking_settings == LEARNED
    assert torch.equal(loaded.masking.query.weight, model.masking.query.weight)
    assert loaded.masking.query.weight.requires_grad
    noise = torch.rand(2, 20)
    x = torch.randn(2, 15, 6, 3)
    assert torch.equal(loaded.token_mask(x, noise=noise), model.token_mask(x, noise=noise))


def test_a_checkpoint_from_before_the_setting_is_fixed(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "model", build(FIXED), {})
    description = tmp_path / "model" / checkpoint.DESCRIPTION
    said = json.loads(description.read_text())
    assert said["masking"]["temporal"].pop("attention") == "fixed"
    del said[SEAL]  # there was none then, either
    description.write_text(json.dumps(said))
    assert checkpoint.load(tmp_path / "model")[0].masking_settings == FIXED


def test_the_default_is_as_released() -> None:
    assert TrainSettings().masking.temporal.attention == "fixed"
