"""A step's memory told beforehand: against what PyTorch's allocator gives out on a CPU, and what becomes of a shortage."""

from dataclasses import replace

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from hacm.clips.augment import seeded
from hacm.errors import UserError
from hacm.model import chunks, transformer
from hacm.model.network import HACM
from hacm.settings import LossSettings, ModelSettings, TrainSettings
from hacm.skeletons.shipped import KINECT_V2
from hacm.skeletons.skeleton import Skeleton
from hacm.training import memory
from hacm.training.engine import Pretraining, pretrain
from hacm.training.optimisers import pretraining_optimiser
from tests.helpers.random_clips import random_clips
from tests.helpers.small_training import SETTINGS, SKELETON, moving_clips, with_pretrain

KINECT = Skeleton(len(KINECT_V2.joints), KINECT_V2.parents, KINECT_V2.roots, KINECT_V2.centre)
SIZES = ModelSettings(dim=64, heads=4, encoder_blocks=2, decoder_blocks=1, frames=36)
RECIPES = {
    "published": TrainSettings(model=SIZES),
    "pomo": TrainSettings(
        model=replace(SIZES, decoder="cross_attention", readout="joints"),
        loss=LossSettings(target="both", normalise="clip", weight="energy", predicted=0.25, contrast=False),
    ),
}
PRECISIONS = ("float32", "bfloat16")


def in_precision(settings: TrainSettings, precision: str) -> TrainSettings:
    return replace(settings, pretrain=replace(settings.pretrain, precision=precision))


def events(profiled: profile) -> list[int]:
    """Bytes that the CPU's allocator gave out (positive) and took back, in order."""
    found = [one for one in profiled.profiler.kineto_results.events() if one.name() == "[memory]"]
    return [one.nbytes() for one in sorted(found, key=lambda one: one.start_ns())]


def measured(settings: TrainSettings, sequences: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """What the allocator says of a real step: bytes that the way forward leaves, and the peak of the whole step."""
    monkeypatch.setattr(transformer, "SHORT", 0)
    monkeypatch.setattr(chunks, "CHUNK", sequences)
    model = HACM(KINECT, settings.model, settings.masking, settings.loss)
    optimiser = pretraining_optimiser(model, settings.pretrain)
    x_BTVC = torch.randn(sequences, settings.model.frames, 25, 3)
    noise_BL = torch.rand(sequences, model.draws)

    def forward() -> torch.Tensor:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.pretrain.precision == "bfloat16"):
            each = model.forward_each(x_BTVC, None, noise_BL)
        return model.losses(each).loss

    forward().backward()
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as there:
        loss = forward()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as back:
        loss.backward()
        del loss
        optimiser.step()
    kept = sum(events(there))
    peak = now = 0
    for bytes_ in events(there) + events(back):
        now += bytes_
        peak = max(peak, now)
    return kept, peak


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", RECIPES)
def test_what_is_counted_is_what_the_allocator_gives_out(
    name: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kernels of a CPU take memory for themselves in bfloat16, so that peaks differ; what a step keeps does not."""
    settings = in_precision(RECIPES[name], precision)
    few, more = memory.count_steps(KINECT, settings, (4, 12))
    real_few, real_more = (measured(settings, sequences, monkeypatch) for sequences in (4, 12))
    assert more.kept == pytest.approx(real_more[0], rel=0.05)
    assert more.kept - few.kept == pytest.approx(real_more[0] - real_few[0], rel=0.05)
    if precision == "float32":
        assert more.peak - few.peak == pytest.approx(real_more[1] - real_few[1], rel=0.03)


def test_parameters_gradients_and_the_optimisers_state_are_counted() -> None:
    """16 bytes a parameter, so much that nothing else counts in a step of two sequences."""
    sizes = replace(SIZES, dim=512, encoder_blocks=4, frames=6)
    settings = replace(RECIPES["published"], model=sizes)
    parameters = sum(one.numel() for one in HACM(KINECT, sizes, settings.masking, settings.loss).parameters())
    assert memory.needed(KINECT, settings).fixed == pytest.approx(16 * parameters, rel=0.05)


def test_a_step_grows_with_its_sequences_in_a_straight_line() -> None:
    need = memory.needed(KINECT, RECIPES["published"])
    (step,) = memory.count_steps(KINECT, RECIPES["published"], (96,))
    assert need.of(96) == pytest.approx(step.peak, rel=0.005)  # the contrast term's square is little


def test_counting_leaves_no_trace() -> None:
    before = transformer.SHORT, chunks.CHUNK, torch.get_rng_state()
    memory.needed(SKELETON, SETTINGS)
    assert before[:2] == (transformer.SHORT, chunks.CHUNK)
    assert torch.equal(torch.get_rng_state(), before[2])


# ---- how many sequences ---------------------------------------------------------------------------------------------


def test_no_batch_has_more_sequences_than_are_reckoned_with() -> None:
    clips = random_clips([(1 + (number % 5 == 0), 8) for number in range(400)])
    index_N = torch.arange(400)
    most = memory.most_sequences(clips, index_N, with_pretrain(absent_bodies="drop"), 64)
    bodies_N = clips.present_NM.sum(1)
    found = [
        int(bodies_N[torch.randperm(400, generator=seeded(0, "order", epoch))[:64]].sum()) for epoch in range(2000)
    ]
    assert max(found) <= most <= 128
    assert most < max(found) + 14
    assert memory.most_sequences(clips, index_N, with_pretrain(absent_bodies="keep"), 64) == 128
    alone = random_clips([(1, 8)] * 10)
    assert memory.most_sequences(alone, torch.arange(10), with_pretrain(absent_bodies="drop"), 4) == 4


# ---- a shortage -----------------------------------------------------------------------------------------------------


def start(settings: TrainSettings) -> None:
    pretrain(moving_clips(), torch.arange(12), SKELETON, settings, seed=0, state_dir=None, fingerprint="", device="cpu")


def test_what_does_not_fit_is_said_before_it_begins_with_what_would_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pretraining, "advance", lambda run: pytest.fail("it began"))
    need = memory.needed(SKELETON, SETTINGS)
    monkeypatch.setattr(memory, "free_bytes", lambda device: need.of(4))
    with pytest.raises(UserError) as raised:
        start(with_pretrain(batch=8))
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith("train.pretrain.batch 8: a step needs 0.0 GB of the GPU's memory")
    fits = int(message.split("set it to ")[1].split()[0])
    assert "bfloat16" in message
    monkeypatch.setattr(Pretraining, "advance", lambda run: setattr(run, "step", run.steps))
    monkeypatch.setattr(Pretraining, "report", lambda run, clock: None)
    monkeypatch.setattr(Pretraining, "end_epoch", lambda run, report: None)
    start(with_pretrain(batch=fits))
    with pytest.raises(UserError, match=f"batch {fits + 2}"):
        start(with_pretrain(batch=fits + 2))
    monkeypatch.setattr(memory, "free_bytes", lambda device: need.of(4) // 2)
    with pytest.raises(UserError) as raised:
        start(with_pretrain(precision="bfloat16"))
    assert "which needs less" not in str(raised.value)


def test_a_step_that_cannot_be_counted_is_no_reason_to_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1)
    monkeypatch.setattr(memory, "count_steps", lambda *arguments: 1 // 0)
    memory.check_memory(SKELETON, SETTINGS, moving_clips(), torch.arange(12), torch.device("cpu"))
    assert "could not be counted: integer division" in caplog.text


def test_a_cpu_is_not_asked() -> None:
    assert memory.free_bytes(torch.device("cpu")) is None


def test_a_gpu_that_runs_out_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(run: Pretraining) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.\nMuch advice")

    monkeypatch.setattr(Pretraining, "advance", run_out)
    with pytest.raises(
        UserError, match=r"^train\.pretrain\.batch 4: the GPU's memory is used up; lower it, or [^\n]*$"
    ):
        start(SETTINGS)
