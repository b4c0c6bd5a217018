"""The fine-tune recipe against plain formulas, and the protocols that rest on it."""

import itertools
import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hacm.clips.augment import Batch, sample_batch, seeded
from hacm.clips.ragged import pack_clips
from hacm.errors import NotFinite
from hacm.evaluation import metrics, transfer, tuning
from hacm.evaluation.task import Task
from hacm.evaluation.tuning import Classifier, Tuning
from hacm.model.network import HACM
from hacm.protocols import finetune, semi
from hacm.settings import AugmentSettings, TransferSettings, TuningSettings
from tests.helpers.small_training import SETTINGS, SKELETON, moving_clips

AUGMENT = AugmentSettings(min_frames=6)
MODEL = replace(SETTINGS.model, encoder_blocks=3)
RECIPE = TuningSettings(epochs=3, warmup_epochs=1, batch=8, hidden=32, lr=3e-3)
TRAIN, TEST = torch.arange(0, 24), torch.arange(24, 36)


@pytest.fixture
def model() -> HACM:
    torch.manual_seed(0)
    return HACM(SKELETON, MODEL, SETTINGS.masking, SETTINGS.loss).eval()


@pytest.fixture
def task() -> Task:
    """Draw 0 orders the clips of each class as they come, draw 1 the other way round."""
    place = torch.arange(24) // 2
    return Task(moving_clips(36), TRAIN, TEST, 2, AUGMENT, torch.stack([place, 11 - place]))


def settings_of(kind: type[Any], recipe: TuningSettings = RECIPE, **more: object) -> Any:
    return kind(**asdict(recipe), **more)


# ---- stochastic depth -----------------------------------------------------------------------------------------------


def test_rates_rise_linearly_from_0() -> None:
    assert tuning.drop_rates(4, 0.3) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert tuning.drop_rates(1, 0.3) == [0]


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.7])
def test_a_branch_is_left_out_by_sequence_and_right_in_the_mean(rate: float) -> None:
    """Each sequence's branch is 0 or 1 / (1 − p) of itself; mean 1, variance p / (1 − p)."""
    count = 20_000
    x = torch.randn(count, 3, 2)
    scale = (tuning.add_branch(x, lambda part: 2 * part, rate, torch.Generator().manual_seed(1)) - x) / (2 * x)
    assert torch.allclose(scale, scale[:, :1, :1].expand_as(scale), atol=1e-4)
    scale_B = scale[:, 0, 0]
    assert ((scale_B.abs() < 1e-4) | ((scale_B - 1 / (1 - rate)).abs() < 1e-3)).all()
    spread = math.sqrt(rate / (1 - rate))
    assert float(scale_B.mean()) == pytest.approx(1, abs=5 * spread / math.sqrt(count))
    assert float(scale_B.var()) == pytest.approx(spread**2, rel=0.1)


def test_without_drop_path_the_encoder_is_its_own_forward(model: HACM) -> None:
    x = torch.randn(3, 12, 6, 3)
    chance = torch.Generator()
    torch.testing.assert_close(tuning.encode(model.encoder, x, 0.0, chance), model.encoder(x))
    assert not torch.allclose(tuning.encode(model.encoder, x, 0.9, chance), model.encoder(x))


def test_each_block_leaves_out_its_two_branches_at_its_rate(model: HACM, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []

    def note(x: Tensor, branch: Any, rate: float, generator: torch.Generator) -> Tensor:
        rates.append(rate)
        return x + branch(x)

    monkeypatch.setattr(tuning, "add_branch", note)
    tuning.encode(model.encoder, torch.randn(2, 12, 6, 3), 0.3, torch.Generator())
    assert rates == pytest.approx([0, 0, 0.15, 0.15, 0.3, 0.3])


# ---- head, groups, loss ---------------------------------------------------------------------------------------------


def test_the_head_is_means_then_two_linear_maps_around_a_normalisation() -> None:
    """Written out for two clips, the first with two bodies; in training mode the batch's own mean and variance."""
    head = tuning.Head(4 * 5, 3, replace(RECIPE, dropout=0.0), torch.Generator().manual_seed(0)).train()
    features = torch.randn(3, 6, 4, 5)
    found = head(features, torch.tensor([0, 0, 1]), 2)
    clips = []
    for bodies in (features[:2], features[2:]):
        by_joint = [[float(bodies[:, :, j, d].mean()) for d in range(5)] for j in range(4)]
        clips.append([value for joint in by_joint for value in joint])  # joint after joint
    hidden = torch.tensor(clips) @ head.expand.weight.T
    hidden = (hidden - hidden.mean(0)) / (hidden.var(0, unbiased=False) + 1e-5).sqrt()
    expected = hidden.clamp(min=0) @ head.contract.weight.T
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert head.expand.weight.shape == (32, 20)
    assert head.contract.weight.shape == (3, 32)
    assert not head.expand.bias.any()
    assert float(head.expand.weight.detach().abs().max()) <= math.sqrt(6 / (20 + 32))  # Xavier's bound


def test_dropout_comes_before_the_mean_over_segments() -> None:
    """Of single values: the mean of 400 segments keeps 0.7 ± a few percent of them, scaled to 1 in the mean."""
    head = tuning.Head(4, 2, replace(RECIPE, dropout=0.3), torch.Generator()).train()
    seen: list[Tensor] = []
    head.expand.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    head(torch.ones(2, 400, 2, 2), torch.tensor([0, 1]), 2, torch.Generator().manual_seed(0))
    deviation = math.sqrt(0.3 / 0.7 / 400)
    assert (seen[0] != 1).any()
    assert ((seen[0] - 1).abs() < 5 * deviation).all()
    head.eval()(torch.ones(2, 400, 2, 2), torch.tensor([0, 1]), 2)
    assert torch.equal(seen[1], torch.ones(2, 4))


def test_every_parameter_has_its_layers_rate_and_decay(model: HACM) -> None:
    classifier = Classifier(model, 2, RECIPE, 0)
    groups = tuning.layer_groups(classifier, replace(RECIPE, layer_decay=0.8, weight_decay=0.05))
    given = {id(each): (group["scale"], group["weight_decay"]) for group in groups for each in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(given) == len(list(classifier.parameters()))
    after = {"encoder.blocks.0.": 3, "encoder.blocks.1.": 2, "encoder.blocks.2.": 1, "encoder.norm.": 0, "head.": 0}
    for name, parameter in classifier.named_parameters():
        layers_after = next((count for start, count in after.items() if name.startswith(start)), 4)
        matrix = name.endswith("weight") and "norm" not in name
        assert given[id(parameter)] == (pytest.approx(0.8**layers_after), 0.05 if matrix else 0), name
    assert {name for name, _ in classifier.named_parameters() if tuning.layer_of(name, 3) == 0} == {
        "encoder.segment_embedding", "encoder.joint_embedding", "encoder.embedding.weight", "encoder.embedding.bias"
    }  # fmt: skip


def test_a_step_is_adamw_on_the_smoothed_loss_written_out(model: HACM, task: Task) -> None:
    """AdamW's first step is lr · sign-like: m̂/(√v̂ + ε) of the gradient of −Σ q log p, q = (1 − s)·onehot + s/K."""
    recipe = replace(RECIPE, drop_path=0.0, dropout=0.0, label_smoothing=0.1, batch=4, warmup_epochs=0)
    run = Tuning(model, task, TRAIN, recipe, 0, "cpu")
    part = torch.tensor([3, 0, 7, 2])
    batch = sample_batch(
        task.clips, part, AUGMENT, 12, training=True, absent_bodies="drop", generator=seeded(0, "views", 0)
    )
    plain = Classifier(model, 2, recipe, 0).train()
    q = torch.full((4, 2), 0.05) + 0.9 * torch.eye(2)[task.clips.label_N[part]]
    log_p = plain.head(plain.encoder(batch.x_BTVC), batch.clip_B, 4).log_softmax(1)
    (-(q * log_p).sum(1).mean()).backward()
    before = {name: parameter.detach().clone() for name, parameter in run.classifier.named_parameters()}
    run.classifier.train()
    run.advance(0, part)
    gradients = {name: parameter.grad for name, parameter in plain.named_parameters()}
    for name, parameter in run.classifier.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], atol=1e-6, rtol=1e-4)
        gradient = parameter.grad
        lr = recipe.lr * 0.8 ** (4 - tuning.layer_of(name, 3))
        decay = 0.05 if name.endswith("weight") and "norm" not in name else 0.0
        expected = before[name] * (1 - lr * decay) - lr * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(parameter.detach(), expected, atol=1e-6, rtol=1e-5)


def test_the_schedule_warms_up_and_ends_near_the_least_rate(model: HACM, task: Task) -> None:
    recipe = TuningSettings(epochs=100, warmup_epochs=5, batch=4, lr=3e-4, min_lr=1e-5)
    run = Tuning(model, task, TRAIN[:8], recipe, 0, "cpu", least_steps=500)
    assert (run.length.steps_per_epoch, run.length.epochs) == (2, 250)
    assert run.learning_rate(0) == 0
    assert run.learning_rate(25) == pytest.approx(3e-4)  # 5 of 100 epochs: a twentieth of 500 steps
    halfway = 25 + 475 / 2
    assert run.learning_rate(int(halfway)) == pytest.approx((3e-4 + 1e-5) / 2, rel=0.01)
    assert run.learning_rate(499) == pytest.approx(1e-5, rel=0.01)
    assert tuning.length(40_091, TuningSettings(), 500) == tuning.Length(
        24, 1670, 100
    )  # a published size: nothing changes
    assert tuning.length(400, TuningSettings(), 500) == tuning.Length(24, 16, 100)
    assert tuning.length(27, TuningSettings(), 500) == tuning.Length(24, 1, 500)
    assert tuning.length(3, TuningSettings(), 1) == tuning.Length(3, 1, 100)


# ---- the protocol ---------------------------------------------------------------------------------------------------


def test_it_learns_what_can_be_told_apart(model: HACM, task: Task) -> None:
    settings = settings_of(finetune.Settings, replace(RECIPE, epochs=40, lr=5e-3))
    result = finetune.run(model, replace(task, test_index=torch.arange(36)), settings, 0, "cpu")
    hits = metrics.top_k(result.scores_NK, result.target_N, 1)
    assert hits[:24].all()
    assert hits[24:].mean() >= 0.75
    assert result.target_N.tolist() == task.clips.label_N.tolist()
    assert result.scores_NK.dtype == np.float32
    assert result.extra == {}


def test_equal_seeds_give_equal_scores_and_the_model_is_left_alone(model: HACM, task: Task) -> None:
    for parameter in model.encoder.parameters():
        parameter.requires_grad_(False)  # as whoever froze it left it
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random = torch.random.get_rng_state()
    settings, done = settings_of(finetune.Settings), []
    first = finetune.run(model, task, settings, 0, "cpu", done.append)
    assert torch.equal(torch.random.get_rng_state(), random)
    torch.manual_seed(99)
    assert np.array_equal(first.scores_NK, finetune.run(model, task, settings, 0, "cpu").scores_NK)
    assert not np.array_equal(first.scores_NK, finetune.run(model, task, settings, 1, "cpu").scores_NK)
    assert done == [1, 2, 3]
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not model.training
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in model.encoder.parameters())


def test_all_of_the_encoder_learns(model: HACM, task: Task) -> None:
    run = Tuning(model, task, TRAIN, RECIPE, 0, "cpu")
    before = {name: parameter.detach().clone() for name, parameter in run.classifier.named_parameters()}
    list(run.run())
    assert not [name for name, each in run.classifier.named_parameters() if torch.equal(each, before[name])]


def test_the_best_epoch_is_beside_the_last_and_changes_nothing(model: HACM, task: Task) -> None:
    last = finetune.run(model, task, settings_of(finetune.Settings), 0, "cpu")
    both = finetune.run(model, task, settings_of(finetune.Settings, best_epoch=True), 0, "cpu")
    assert np.array_equal(last.scores_NK, both.scores_NK)
    assert set(both.extra) == {"best_epoch_as_released_top1"}
    assert both.extra["best_epoch_as_released_top1"] >= metrics.top_k(last.scores_NK, last.target_N, 1).mean()


@pytest.mark.parametrize("absent_bodies", ["drop", "keep"])
def test_absent_bodies_count_only_if_they_are_kept(model: HACM, absent_bodies: str) -> None:
    clips = [torch.randn(2, 20, 6, 3), torch.randn(1, 30, 6, 3), torch.randn(2, 15, 6, 3)]
    clips[2][1] = 0
    task = Task(pack_clips(clips, [0, 1, 0]), torch.arange(3), torch.arange(3), 2, AUGMENT)
    run = Tuning(model, task, torch.arange(3), replace(RECIPE, absent_bodies=absent_bodies), 0, "cpu")  # type: ignore[arg-type]
    found = run.score(torch.tensor([1, 2]))
    for clip, scores_K in zip((1, 2), found, strict=True):
        sample = sample_batch(task.clips, torch.tensor([clip]), AUGMENT, 12, training=False, absent_bodies="drop")
        bodies = [sample.x_BTVC] + ([torch.zeros(1, 12, 6, 3)] if absent_bodies == "keep" else [])
        batch = Batch(torch.cat(bodies), None, torch.zeros(len(bodies), dtype=torch.int64), torch.ones(1), 1)
        with torch.no_grad():
            np.testing.assert_allclose(scores_K, run.classifier(batch, 1)[0].numpy(), atol=1e-5, rtol=1e-4)


def test_scores_do_not_depend_on_the_batch_they_are_computed_in(
    model: HACM, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Tuning(model, task, TRAIN, RECIPE, 0, "cpu")
    whole = run.score(TEST)
    monkeypatch.setattr(tuning, "BATCH", 5)
    np.testing.assert_allclose(run.score(TEST), whole, atol=1e-5)


def test_what_cannot_be_trained_is_said(model: HACM, task: Task) -> None:
    with pytest.raises(ValueError, match="at least two labelled clips, not 1"):
        Tuning(model, task, TRAIN[:1], RECIPE, 0, "cpu")
    with torch.no_grad():
        nn.init.constant_(model.encoder.norm.weight, torch.nan)
    with pytest.raises(NotFinite, match="not finite; lower lr"):
        Tuning(model, task, TRAIN, RECIPE, 0, "cpu").score(TEST)


# ---- shares of the labels -------------------------------------------------------------------------------------------

SIZES = (40, 7, 1, 25)


@pytest.fixture
def shares() -> Task:
    """Four classes of very different sizes, in a shuffled order, three random orders of each."""
    generator = torch.Generator().manual_seed(0)
    label = torch.repeat_interleave(torch.arange(4), torch.tensor(SIZES))
    label = label[torch.randperm(len(label), generator=generator)]
    rank = torch.empty((3, len(label)), dtype=torch.int64)
    for row in rank:
        for kind, size in enumerate(SIZES):
            row[label == kind] = torch.randperm(size, generator=generator)
    clips = pack_clips([torch.ones(1, 8, 6, 3)] * (len(label) + 5), [*label.tolist(), 0, 0, 0, 0, 0])
    train = torch.arange(5, len(label) + 5)  # numbers of clips are not places in the training part
    clips.label_N[train] = label
    return Task(clips, train, torch.arange(5), 4, AUGMENT, rank)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.2, 0.5, 1.0])
def test_a_share_is_stratified_and_the_first_of_each_class(shares: Task, share: float) -> None:
    for draw in range(3):
        chosen = semi.labelled_clips(shares, share, draw)
        found = torch.bincount(shares.clips.label_N[chosen], minlength=4).tolist()
        assert found == [max(1, round(share * size)) for size in SIZES]
        for clip in chosen.tolist():
            label = int(shares.clips.label_N[clip])
            assert shares.label_rank_DN is not None
            assert int(shares.label_rank_DN[draw, clip - 5]) < found[label]


def test_larger_shares_hold_the_smaller_and_draws_differ(shares: Task) -> None:
    chosen = [set(semi.labelled_clips(shares, share, 0).tolist()) for share in (0.01, 0.05, 0.1, 0.2, 0.5, 1.0)]
    assert all(small <= large for small, large in itertools.pairwise(chosen))
    assert chosen[-1] == set(shares.train_index.tolist())
    assert set(semi.labelled_clips(shares, 0.1, 1).tolist()) != chosen[2]


def test_every_share_and_draw_is_a_condition(model: HACM, task: Task) -> None:
    settings = settings_of(semi.Settings, shares=(0.25, 1.0), headline=0.25, draws=2, least_steps=4)
    done: list[int] = []
    result = semi.run(model, task, settings, 7, "cpu", done.append)
    assert [(each.kind, each.level, each.draw) for each in result.conditions] == [
        ("labels", 0.25, 0), ("labels", 0.25, 1), ("labels", 1.0, 0), ("labels", 1.0, 1)
    ]  # fmt: skip
    assert np.array_equal(result.scores_NK, result.conditions[0].scores_NK)
    assert done == sorted(done)
    assert done[-1] == settings.epochs
    assert len(done) == 2 * 4 + 2 * 3  # six clips are one step an epoch, at least four steps; 24 are three steps
    whole = finetune.run(model, task, settings_of(finetune.Settings), semi.draw_seed(7, 1), "cpu")
    np.testing.assert_array_equal(result.conditions[3].scores_NK, whole.scores_NK)


def test_draws_that_the_split_lacks_are_refused(model: HACM, task: Task) -> None:
    settings = settings_of(semi.Settings, draws=3)
    with pytest.raises(ValueError, match="draws 3 is more than the 2 whose labels the split orders"):
        semi.run(model, task, settings, 0, "cpu")
    with pytest.raises(ValueError, match="than the 0"):
        semi.run(model, replace(task, label_rank_DN=None), settings, 0, "cpu")


# ---- transfer -------------------------------------------------------------------------------------------------------


ITSELF = [[joint] for joint in range(6)]
CHAIN = (-1, 0, 1, 2, 3, 4)


def test_clips_of_another_skeleton_are_read_joint_by_joint(model: HACM, task: Task) -> None:
    """Clips whose joints stand in another order, with one too many, are what they were once they are read back."""
    order = [5, 3, 0, 1, 4, 2]
    rows = task.clips.joints_RVC
    other = replace(task.clips, joints_RVC=torch.cat([rows[:, order], rows[:, :1] + 9], dim=1))
    back = [[order.index(joint)] for joint in range(6)]
    settings = settings_of(TransferSettings)
    found = transfer.run(model, replace(task, clips=other), back, settings, 0, "cpu")
    assert np.array_equal(
        found.scores_NK, finetune.run(model, task, settings_of(finetune.Settings), 0, "cpu").scores_NK
    )
    wrong = transfer.run(model, replace(task, clips=other), ITSELF, settings, 0, "cpu")
    assert not np.allclose(found.scores_NK, wrong.scores_NK)


def test_one_joint_may_stand_for_several_and_nothing_is_copied_in_vain(task: Task) -> None:
    assert transfer.reread(task.clips, ITSELF, CHAIN).joints_RVC is task.clips.joints_RVC
    read = transfer.reread(task.clips, [[1], [1], [0]], CHAIN[:3])
    assert torch.equal(read.joints_RVC, torch.stack([task.clips.joints_RVC[:, joint] for joint in (1, 1, 0)], dim=1))
    assert torch.equal(read.label_N, task.clips.label_N)


def test_a_joint_may_be_the_mean_of_several_and_absent_rows_stay_absent(task: Task) -> None:
    read, rows = transfer.reread(task.clips, [[0, 2], [5], [1, 3, 4]], CHAIN[:3]).joints_RVC, task.clips.joints_RVC
    assert torch.equal(read[:, 0], (rows[:, 0] + rows[:, 2]) / 2)
    assert torch.equal(read[:, 1], rows[:, 5])
    torch.testing.assert_close(read[:, 2], (rows[:, 1] + rows[:, 3] + rows[:, 4]) / 3)
    assert not read[~rows.any(2).any(1)].any()


@pytest.mark.parametrize("sources", [[[1], [1], [0]], [[0, 2], [5], [1]], [*ITSELF, [0]], ITSELF])
def test_bones_are_those_of_the_skeleton_that_clips_are_read_into(task: Task, sources: list[list[int]]) -> None:
    """As clips of a benchmark are: they know what hangs on what in their own skeleton, of as many joints or not."""
    clips = replace(task.clips, parents=(5, 5, 5, 5, 5, -1))
    parents = tuple(range(-1, len(sources) - 1))
    assert transfer.reread(clips, sources, parents).parents == parents


def test_joints_that_do_not_fit_are_refused(model: HACM, task: Task) -> None:
    with pytest.raises(ValueError, match="5 joints are read, but the encoder's skeleton has 6"):
        transfer.run(model, task, ITSELF[:5], settings_of(TransferSettings), 0, "cpu")
    for joint in (6, -1):
        with pytest.raises(ValueError, match="the clips have 6"):
            transfer.reread(task.clips, [[0], [1, joint]], CHAIN[:2])
