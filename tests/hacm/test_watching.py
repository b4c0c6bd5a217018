"""What is looked at while pretraining runs: right, rarely enough, and without a trace in the weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hacm.errors import SettingsError
from hacm.evaluation.features import extract
from hacm.evaluation.task import Task
from hacm.settings import AugmentSettings
from hacm.training.engine import pretrain
from hacm.training.watching import MOST_TIME, Watch
from tests.helpers.small_training import SETTINGS, SKELETON, moving_clips, train, with_pretrain

CLIPS = 24


def people(count=4) -> Task:
    """Every clip is trained on; so many people one after the other."""
    clips = replace(moving_clips(CLIPS), parents=SKELETON.parents)
    number_N = torch.arange(CLIPS)
    subject_N = number_N * count // CLIPS
    return Task(clips, number_N, number_N[:0], 2, AugmentSettings(min_frames=6), subject_N=subject_N)


class Clock:
    """Time that passes by itself between readings, and as told."""

    def __init__(self, tick=0.0):
        self.now, self.tick = 0.0, tick

    def __call__(self):
        self.now += self.tick
        return self.now


def watched(watch, epochs=8, state_dir=None, **changes):
    task = people()
    settings = with_pretrain(epochs=epochs, **changes)
    return pretrain(
        task.clips, task.train_index, SKELETON, settings, seed=0, state_dir=state_dir, fingerprint="same", device="cpu",
        on_epoch=watch,
    )  # fmt: skip


def test_weights_and_losses_are_the_same_bits_with_and_without():
    clock = Clock()
    inner = Watch(people(), 1, clock=clock)

    def watch(epoch, model):
        clock.now += 1e6  # all the time in the world
        before = torch.random.get_rng_state()
        inner(epoch, model)
        assert torch.equal(before, torch.random.get_rng_state())
        assert model.training
        assert len(inner.looks) == epoch

    with_it, records = watched(watch)
    without, others = watched(None)
    assert records == others
    for name, value in with_it.state_dict().items():
        assert torch.equal(value, without.state_dict()[name]), name


def test_the_share_is_that_of_a_search_by_hand():
    task, clock = people(), Clock()
    watch = Watch(task, 2, clock=clock)
    model, _ = train(SETTINGS, task.clips)
    clock.now = 1e6
    watch(1, model)
    assert watch.looks == {}  # not an epoch to look after
    watch(2, model)
    feature_ND = extract(
        model, task.clips, task.train_index, task.augment, training=False, absent_bodies="drop"
    ).numpy()
    feature_ND /= np.linalg.norm(feature_ND, axis=1, keepdims=True)
    right = []
    for clip in range(CLIPS):
        others = [other for other in range(CLIPS) if task.subject_N[other] != task.subject_N[clip]]
        nearest = max(others, key=lambda other, clip=clip: float(feature_ND[clip] @ feature_ND[other]))
        right.append(bool(task.clips.label_N[nearest] == task.clips.label_N[clip]))
    assert watch.looks == {2: pytest.approx(np.mean(right))}


def test_looks_take_at_most_their_share_of_the_time(monkeypatch):
    """Whatever a look takes: by a clock that only looks and epochs move."""
    clock, spent = Clock(), []
    model, _ = train(SETTINGS)
    watch = Watch(people(), 1, clock=clock)

    def encode(model, index_N):
        seconds = 4.0 if len(index_N) == CLIPS else 1.0
        clock.now += seconds
        spent.append(seconds)
        return torch.eye(len(index_N), 8)

    monkeypatch.setattr(watch, "_encode", encode)
    for epoch in range(1, 1001):
        clock.now += 1.0
        watch(epoch, model)
        assert sum(spent[1:]) <= MOST_TIME * clock.now
    assert len(watch.looks) > 3
    assert sum(spent) <= MOST_TIME * clock.now


def test_a_resumed_run_has_the_looks_of_its_earlier_parts(tmp_path):
    file, clock = tmp_path / "state" / "looks.json", Clock()
    model, _ = train(SETTINGS)
    clock.now = -1e9
    first = Watch(people(), 1, file, "this work", clock)
    clock.now = 0.0
    first(1, model)
    first(2, model)
    assert Watch(people(), 1, file, "this work").looks == first.looks
    assert len(first.looks) == 2
    assert Watch(people(), 1, file, "other work").looks == {}
    file.write_text("{")
    assert Watch(people(), 1, file, "this work").looks == {}


def test_one_subject_cannot_be_left_out():
    with pytest.raises(SettingsError, match="at least two training subjects"):
        Watch(people(1), 1)
