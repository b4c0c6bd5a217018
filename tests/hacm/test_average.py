"""The running mean of the weights, as the result of a pretraining."""

import torch

from hacm.training.engine import Pretraining
from tests.helpers.small_training import SKELETON, moving_clips, train, with_pretrain

KEEP = 0.6


def start(average: float | None) -> Pretraining:
    return Pretraining(moving_clips(), torch.arange(12), SKELETON, with_pretrain(average=average), 0, "cpu")


def test_the_mean_follows_the_weights_and_forgets_the_start() -> None:
    run = start(KEEP)
    expected = [parameter.detach().double() for parameter in run.trained]
    for step in range(1, run.steps + 1):
        run.advance()
        kept = min(KEEP, step / (step + 10))
        expected = [
            kept * mean + (1 - kept) * now.detach().double() for mean, now in zip(expected, run.trained, strict=True)
        ]
    for found, mean in zip(run.average, expected, strict=True):
        torch.testing.assert_close(found.double(), mean, rtol=1e-5, atol=1e-7)
    model = run.finished_model()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert all(map(torch.equal, trained, run.average))


def test_training_itself_is_the_same_with_and_without() -> None:
    with_mean, without = start(KEEP), start(None)
    for _ in range(with_mean.steps):
        with_mean.advance()
        without.advance()
    assert without.average == []
    assert all(map(torch.equal, with_mean.trained, without.trained))
    assert all(map(torch.equal, without.finished_model().parameters(), without.model.parameters()))


def test_a_resumed_run_has_the_same_mean() -> None:
    whole, first, resumed = start(KEEP), start(KEEP), start(KEEP)
    for _ in range(whole.steps):
        whole.advance()
    for _ in range(4):
        first.advance()
    resumed.restore(first.state())
    while resumed.step < resumed.steps:
        resumed.advance()
    assert all(map(torch.equal, resumed.average, whole.average))


def test_it_is_what_pretraining_hands_back() -> None:
    averaged, _ = train(with_pretrain(average=KEEP))
    last, _ = train(with_pretrain())
    run = start(KEEP)
    for _ in range(run.steps):
        run.advance()
    assert all(map(torch.equal, averaged.parameters(), run.finished_model().parameters()))
    assert not torch.equal(averaged.encoder.embedding.weight, last.encoder.embedding.weight)
