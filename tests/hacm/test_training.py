"""The pretraining loop: schedule, weight decay, order, reports, and that it learns."""

import math
from dataclasses import replace

import pytest
import torch

from hacm.clips.ragged import pack_clips
from hacm.model.network import HACM
from hacm.settings import (
    LossSettings,
    MaskingSettings,
    PretrainSettings,
    SpatialSettings,
)
from hacm.training import engine
from hacm.training.engine import Pretraining, Step, pretrain
from hacm.training.optimisers import parameter_groups, pretraining_optimiser
from hacm.training.schedules import warmup_cosine
from tests.helpers.small_training import SETTINGS, SKELETON, moving_clips, train, with_pretrain

# ---- schedule and optimiser -----------------------------------------------------------------------------------------


def test_the_schedule_is_linear_then_half_a_cosine() -> None:
    def lr(epoch: float) -> float:
        return warmup_cosine(epoch, epochs=500, warmup_epochs=20, lr=1e-3, min_lr=5e-4)

    assert lr(0) == 0
    assert lr(5) == pytest.approx(2.5e-4)
    assert lr(20) == pytest.approx(1e-3)
    assert lr(140) == pytest.approx(5e-4 + 5e-4 * (1 + math.sqrt(0.5)) / 2)  # a quarter of the way
    assert lr(260) == pytest.approx(7.5e-4)
    assert lr(500) == pytest.approx(5e-4)
    assert warmup_cosine(0, epochs=100, warmup_epochs=0, lr=0.1, min_lr=0) == 0.1


def test_weight_decay_touches_matrices_of_linear_maps_only() -> None:
    model = HACM(SKELETON, SETTINGS.model, SETTINGS.masking, SETTINGS.loss)
    decayed, spared = parameter_groups(model, 0.05)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed_names = {names[id(parameter)] for parameter in decayed["params"]}
    spared_names = {names[id(parameter)] for parameter in spared["params"]}
    assert decayed["weight_decay"] == 0.05
    assert spared["weight_decay"] == 0
    assert {"encoder.embedding.weight", "encoder.blocks.0.attention.qkv.weight", "decoder.head.weight"} <= decayed_names
    assert all(name.endswith(".weight") and "norm" not in name for name in decayed_names)
    assert {
        "encoder.segment_embedding", "encoder.joint_embedding", "decoder.mask_token", "decoder.segment_embedding",
        "encoder.norm.weight", "encoder.blocks.0.mlp.expand.bias",
    } <= spared_names  # fmt: skip
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert decayed_names | spared_names == trained
    assert not decayed_names & spared_names


def test_a_step_without_gradient_signal_only_decays_matrices() -> None:
    """One AdamW step on zero gradients: matrices shrink by 1 − lr·decay, all else stays."""
    model = HACM(SKELETON, SETTINGS.model, SETTINGS.masking, SETTINGS.loss)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    pretraining_optimiser(model, PretrainSettings(lr=0.1, min_lr=0.1, weight_decay=0.5)).step()
    after = model.state_dict()
    torch.testing.assert_close(after["decoder.head.weight"], before["decoder.head.weight"] * 0.95)
    for name in ("decoder.joint_embedding", "encoder.norm.weight", "decoder.mask_token", "masking.query.weight"):
        assert torch.equal(after[name], before[name])


# ---- the loop -------------------------------------------------------------------------------------------------------


def test_the_loss_falls() -> None:
    settings = replace(SETTINGS, loss=LossSettings(contrast=False))
    settings = replace(settings, pretrain=replace(settings.pretrain, epochs=40, warmup_epochs=2))
    _, records = train(settings)
    first, last = (sum(record.loss for record in part) / 3 for part in (records[:3], records[-3:]))
    assert last < 0.75 * first
    assert [record.epoch for record in records] == list(range(1, 41))


def test_the_same_seed_gives_the_same_run_whatever_the_global_state() -> None:
    torch.manual_seed(1)
    first, first_records = train()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second, second_records = train()
    assert torch.equal(torch.get_rng_state(), state)
    assert first_records == second_records
    assert all(torch.equal(tensor, second.state_dict()[name]) for name, tensor in first.state_dict().items())
    other, _ = train(seed=1)
    assert not torch.equal(other.decoder.head.weight, first.decoder.head.weight)


def test_learning_rates_are_the_schedules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "REPORT_SECONDS", 0.0)
    steps: list[Step] = []
    _, records = train(steps=steps)
    expected = [
        warmup_cosine(step / 3, epochs=3, warmup_epochs=1, lr=5e-3, min_lr=1e-3) for step in range(9)
    ]  # 12 clips in batches of 4
    assert [step.lr for step in steps] == pytest.approx(expected)
    assert [record.lr for record in records] == pytest.approx([sum(expected[at : at + 3]) / 3 for at in (0, 3, 6)])
    assert [(step.step, step.epoch) for step in steps] == [(step + 1, step // 3 + 1) for step in range(9)]
    assert all(step.steps == 9 and step.epochs == 3 and step.clips_per_second > 0 for step in steps)


def test_reports_are_rare_but_each_epochs_last_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "REPORT_SECONDS", 3600.0)
    steps: list[Step] = []
    _, records = train(steps=steps)
    assert [step.step for step in steps] == [1, 3, 6, 9]  # the very first, then the epochs' last
    assert [(step.loss, step.contrast) for step in steps[1:]] == [(record.loss, record.contrast) for record in records]
    assert all(record.loss == pytest.approx(record.reconstruction + record.contrast) for record in records)


def test_every_epoch_has_its_own_order_and_leaves_out_a_partial_batch() -> None:
    run = Pretraining(moving_clips(10), torch.arange(10), SKELETON, SETTINGS, 0, "cpu")
    assert (run.steps_per_epoch, run.batches.size) == (2, 4)
    orders = [run.batches.order(epoch).tolist() for epoch in range(3)]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert run.batches.order(0).tolist() == orders[0]


def test_a_partial_batch_is_used_if_it_is_the_only_one() -> None:
    _, records = train(with_pretrain(batch=64))
    assert [math.isfinite(record.loss) for record in records] == [True] * 3


def test_only_the_given_clips_are_seen() -> None:
    """Clips outside train_index may hold anything."""
    clips = moving_clips()
    clips.joints_RVC[: int(clips.offset_N[1])] = torch.nan
    index = torch.arange(1, len(clips))
    model, _ = pretrain(
        clips, index, SKELETON, SETTINGS, seed=0, state_dir=None, fingerprint="", device="cpu", on_step=None
    )
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())


def test_a_gradient_that_is_not_finite_stops_the_run_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    advance = Pretraining.advance

    def poison(run: Pretraining) -> None:
        if run.step == 4:
            torch.nn.init.constant_(run.model.decoder.head.bias, torch.inf)
        advance(run)

    monkeypatch.setattr(Pretraining, "advance", poison)
    with pytest.raises(FloatingPointError, match=r"not finite at step 5 of 9 \(epoch 2\)"):
        train()


def test_absent_bodies_make_no_difference_to_what_is_dropped() -> None:
    """A clip with an empty second body trains like the same clip without one."""
    single = moving_clips()
    bodies = [
        single.joints_RVC[int(start) : int(start + frames * count)].unflatten(0, (int(count), int(frames)))
        for start, frames, count in zip(single.offset_N, single.frames_N, single.bodies_N, strict=True)
    ]
    padded = pack_clips(
        [body if len(body) == 2 else torch.cat([body, torch.zeros_like(body)]) for body in bodies],
        single.label_N.tolist(),
    )
    dropped, kept = train(clips=padded)[1], train(with_pretrain(absent_bodies="keep"), padded)[1]
    assert dropped == train(clips=single)[1]
    assert dropped != kept


def test_what_does_not_fit_is_refused() -> None:
    precomputed = replace(SETTINGS, masking=MaskingSettings(ratio=0.5, spatial=SpatialSettings(source="precomputed")))
    with pytest.raises(ValueError, match="precomputed hierarchies"):
        train(precomputed)
    with pytest.raises(ValueError, match="5 joints, the skeleton 6"):
        train(clips=pack_clips([torch.ones(1, 9, 5, 3)] * 4, [0] * 4))
    with pytest.raises(ValueError, match="no clips"):
        Pretraining(moving_clips(), torch.arange(0), SKELETON, SETTINGS, 0, "cpu")


def test_precomputed_hierarchies_reach_the_masking() -> None:
    precomputed = replace(SETTINGS, masking=MaskingSettings(ratio=0.5, spatial=SpatialSettings(source="precomputed")))
    clips = moving_clips()
    clips = replace(clips, hierarchy_RJ=torch.rand(len(clips.joints_RVC), 4))
    first = train(precomputed, clips)[1]
    assert first != train(precomputed, replace(clips, hierarchy_RJ=torch.rand(len(clips.joints_RVC), 4)))[1]
