"""Several processes against one: the same batches, losses, gradients and weights; and what happens when one fails."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
import torch

from hacm.clips.augment import sample_batch, seeded, share
from hacm.errors import UserError
from hacm.settings import LossSettings, MaskingSettings, SpatialSettings, TemporalSettings
from hacm.training import engine
from hacm.training.distributed import ALONE, GradientSum, Processes, device_of, launched
from hacm.training.engine import EpochRecord, Pretraining, pretrain
from hacm.training.resume import StateFile
from tests.helpers.ranks import finish, run_ranks, start
from tests.helpers.small_training import SETTINGS, SKELETON, moving_clips

STEPS = 9
CASES = {
    "published": SETTINGS,
    "alpha": replace(SETTINGS, loss=LossSettings(combine="alpha", alpha=0.3)),
    "without contrast": replace(SETTINGS, loss=LossSettings(contrast=False)),
    "learned attention": replace(
        SETTINGS, masking=MaskingSettings(ratio=0.5, temporal=TemporalSettings(attention="learned"))
    ),
    "a share of the tokens predicted, by energy": replace(
        SETTINGS,
        model=replace(SETTINGS.model, decoder="cross_attention"),
        loss=LossSettings(target="both", normalise="clip", weight="energy", predicted=0.4),
    ),
    "absent bodies kept": replace(SETTINGS, pretrain=replace(SETTINGS.pretrain, absent_bodies="keep")),
    "precomputed": replace(SETTINGS, masking=MaskingSettings(ratio=0.5, spatial=SpatialSettings(source="precomputed"))),
}
Followed = tuple[list[list[float]], list[torch.Tensor], dict[str, torch.Tensor]]


def follow(processes: Processes, case: str) -> Followed:
    """Each step's three losses, the first step's gradients, the last weights."""
    clips = moving_clips()
    if case == "precomputed":
        random = torch.rand(len(clips.joints_RVC), 4, generator=torch.Generator().manual_seed(1))
        clips = replace(clips, hierarchy_RJ=random)
    run = Pretraining(clips, torch.arange(12), SKELETON, CASES[case], 0, "cpu", processes=processes)
    unused = torch.nn.Parameter(torch.ones(3))  # wants gradients and never gets one
    run.model.register_parameter("unused", unused)
    run.sum_gradients.parameters = run.trained = [*run.trained, unused]
    run.optimiser.add_param_group({"params": [unused], "weight_decay": 0.5})
    losses, gradients = [], []
    for step in range(STEPS):
        before = run.sums.clone()
        run.advance()
        losses.append((run.sums - before).tolist())
        if step == 0:
            gradients = [p.grad.clone() for p in run.trained if p.grad is not None]
    return losses, gradients, run.model.state_dict()


def follow_all(processes: Processes) -> dict[str, Followed]:
    return {case: follow(processes, case) for case in CASES}


@pytest.fixture(scope="module")
def alone() -> dict[str, Followed]:
    return follow_all(ALONE)


@pytest.fixture(scope="module", params=[2, 3])
def together(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict]]:
    """What each of 2 and of 3 processes saw; batches of 4 clips have 4 to 8 sequences, so shares differ in size."""
    return run_ranks(tmp_path_factory.mktemp("ranks"), follow_all, count=request.param)


def assert_close(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    """But for the keys' biases: softmax over keys does not see them, so their gradient is the rounding of 0, and Adam
    makes steps of it that are as long as any other."""
    for name, tensor in expected.items():
        other = found[name]
        if name.endswith("attention.qkv.bias"):
            third = len(tensor) // 3
            seen = [*range(third), *range(2 * third, 3 * third)]
            tensor, other = tensor[seen], other[seen]
        if name.endswith("attention.key_value.bias"):
            tensor, other = tensor[len(tensor) // 2 :], other[len(tensor) // 2 :]
        if name != "masking.key.bias":
            torch.testing.assert_close(other, tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_losses_gradients_and_weights_are_those_of_one_process(case: str, alone: dict, together: list[dict]) -> None:
    losses, gradients, weights = alone[case]
    for each in together:
        found_losses, found_gradients, found_weights = each[case]
        torch.testing.assert_close(torch.tensor(found_losses), torch.tensor(losses), rtol=2e-4, atol=1e-6)
        for found, expected in zip(found_gradients, gradients, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
        assert torch.equal(found_weights["unused"], torch.ones(3))
        assert_close(found_weights, weights)
    first = together[0][case][2]
    for each in together[1:]:  # among themselves: bit for bit
        assert all(torch.equal(tensor, first[name]) for name, tensor in each[case][2].items())


def test_a_mean_of_the_processes_own_losses_would_be_noticed(alone: dict) -> None:
    """The test above can fail: the contrast of two halves is far from the contrast of the whole."""
    run = Pretraining(moving_clips(), torch.arange(12), SKELETON, SETTINGS, 0, "cpu")
    halves: list[float] = []
    for rank in (0, 1):
        part = Processes(rank, 2)
        half = Pretraining(moving_clips(), torch.arange(12), SKELETON, SETTINGS, 0, "cpu", processes=part)
        batch = half.batches.take(0)
        halves.append(
            float(half.model.losses(half.model.forward_each(batch.x_BTVC, None, half.noise(batch))).contrast.detach())
        )
    whole = alone["published"][0][0][2]
    assert float(run.losses(run.batches.take(0)).contrast.detach()) == pytest.approx(whole)
    assert abs(sum(halves) / 2 - whole) > 0.01 * whole


@pytest.mark.parametrize("parts", [1, 2, 3, 5])
def test_parts_of_a_batch_put_together_are_the_batch(parts: int) -> None:
    """No sequence twice, none padded, none left out; crops and rotations as in the whole."""
    clips = moving_clips()

    def sample(part: int, of: int) -> object:
        return sample_batch(
            clips, torch.tensor([3, 0, 7, 9]), SETTINGS.augment, 12, training=True, absent_bodies="drop",
            generator=seeded(0, "augment", 5), part=(part, of),
        )  # fmt: skip

    whole, pieces = sample(0, 1), [sample(part, parts) for part in range(parts)]
    assert len(whole.x_BTVC) == whole.total == 7
    assert {piece.total for piece in pieces} == {7}
    sizes = [len(piece.x_BTVC) for piece in pieces]
    assert max(sizes) - min(sizes) <= 1
    for name in ("x_BTVC", "clip_B", "present_B"):
        assert torch.equal(torch.cat([getattr(piece, name) for piece in pieces]), getattr(whole, name))


def test_shares_are_the_whole_in_order() -> None:
    for total in range(1, 20):
        for parts in range(1, total + 1):
            shares = [list(range(total))[share(total, part, parts)] for part in range(parts)]
            assert [each for one in shares for each in one] == list(range(total))
            assert all(shares)


def test_a_batch_must_have_a_clip_for_every_process() -> None:
    with pytest.raises(ValueError, match="batch of 4 clips is too small for 5 processes"):
        Pretraining(moving_clips(), torch.arange(12), SKELETON, SETTINGS, 0, "cpu", processes=Processes(0, 5))


def test_surroundings_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert not launched()
    assert device_of("cuda") == "cuda"
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert not launched()
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(
        UserError, match="RANK, LOCAL_RANK, MASTER_ADDR, MASTER_PORT is not; start the run with torchrun"
    ):
        launched()
    for name in ("RANK", "LOCAL_RANK", "MASTER_PORT"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_of("cuda") == "cuda:1"
    assert device_of("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UserError, match="no CUDA device of its own: there are 1"):
        device_of("cuda")


# ---- ends -----------------------------------------------------------------------------------------------------------

EPOCHS = 6  # of 3 steps; saved after epochs 2, 4 and 6


def train(
    processes: Processes, state_dir: Path | None, disturb: str = "", rank: int = 0, step: int = 0
) -> tuple[dict[str, torch.Tensor], list[EpochRecord], list[int]]:
    """A whole run; at one step one process is disturbed."""
    engine.REPORT_SECONDS = 0.0
    advance = Pretraining.advance
    seen: list[int] = []

    def act(run: Pretraining) -> None:
        advance(run)
        if processes.rank == rank and run.step == step:
            DISTURBANCES[disturb](run)

    if disturb:
        Pretraining.advance = act  # type: ignore[method-assign]  # this process is the test's own
    settings = replace(SETTINGS, pretrain=replace(SETTINGS.pretrain, epochs=EPOCHS))
    fingerprint = f"of process {processes.rank}" if disturb == "differ" else "same"
    model, records = pretrain(
        moving_clips(), torch.arange(12), SKELETON, settings, seed=3, state_dir=state_dir, fingerprint=fingerprint,
        device="cpu", on_step=lambda report: seen.append(report.step), processes=processes,
    )  # fmt: skip
    return model.state_dict(), records, seen


def fail(run: Pretraining) -> None:
    raise ValueError("the reason")


def spoil(run: Pretraining) -> None:
    torch.nn.init.constant_(run.model.decoder.head.bias, torch.inf)


def die_half_way(content: object, file: BinaryIO) -> None:
    file.write(b"PK half of a state")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)


DISTURBANCES = {
    "": lambda run: None,
    "differ": lambda run: None,
    "exception": fail,
    "not finite": spoil,
    "kill": lambda run: os.kill(os.getpid(), signal.SIGKILL),
    "term": lambda run: os.kill(os.getpid(), signal.SIGTERM),
    "interrupt": lambda run: os.kill(os.getpid(), signal.SIGINT),
    "kill while saving": lambda run: setattr(torch, "save", die_half_way),
    "desert": lambda run: setattr(run.processes, "parent", -1),
    "hang": lambda run: time.sleep(3600),
}


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """Two processes that nothing disturbs."""
    return run_ranks(tmp_path_factory.mktemp("straight"), train, None)[0]


def assert_goes_on(folder: Path, state: Path, straight: tuple, after: int) -> None:
    """The same run, started again, goes on after that step and ends with the same bits."""
    found = run_ranks(folder, train, state)
    for weights, records, _ in found:
        assert all(torch.equal(tensor, straight[0][name]) for name, tensor in weights.items())
        assert records == straight[1]
    assert found[0][2] == list(range(after + 1, 3 * EPOCHS + 1))
    assert found[1][2] == []  # the first process alone reports


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_the_run_which_goes_on_when_started_again(
    rank: int, tmp_path: Path, straight: tuple
) -> None:
    state = tmp_path / "state"
    began = time.monotonic()
    codes, found = finish(start(tmp_path, train, state, "kill", rank, 10), tmp_path)
    assert time.monotonic() - began < 15  # long before anyone's patience ends
    assert codes[rank] == -signal.SIGKILL
    assert codes[1 - rank] == 1
    assert found[1 - rank].startswith("PeersLost: another process of this run has ended")
    assert_goes_on(tmp_path / "again", state, straight, after=6)


def test_a_kill_while_the_state_is_written_leaves_the_one_before(tmp_path: Path, straight: tuple) -> None:
    state = tmp_path / "state"
    codes, _ = finish(start(tmp_path, train, state, "kill while saving", 0, 8), tmp_path)
    assert codes == [-signal.SIGKILL, 1]
    assert sorted(path.name for path in state.iterdir()) == ["state.part", "state.pt"]
    assert_goes_on(tmp_path / "again", state, straight, after=6)
    assert [path.name for path in state.iterdir()] == ["state.pt"]


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize(
    ("ask", "words"), [("term", "Terminated: stopped by SIGTERM"), ("interrupt", "Interrupted: stopped")]
)
def test_a_request_to_one_process_ends_all_after_the_same_step(
    rank: int, ask: str, words: str, tmp_path: Path, straight: tuple
) -> None:
    state = tmp_path / "state"
    codes, found = finish(start(tmp_path, train, state, ask, rank, 7), tmp_path)
    assert codes == [1, 1]
    assert found == [f"{words} after step 7 of 18, saved; the same command resumes"] * 2
    assert_goes_on(tmp_path / "again", state, straight, after=7)


def test_processes_whose_launcher_is_gone_save_and_end(tmp_path: Path, straight: tuple) -> None:
    codes, found = finish(start(tmp_path, train, tmp_path / "state", "desert", 1, 7), tmp_path)
    assert codes == [1, 1]
    assert found[1].startswith(
        "Terminated: stopped with its launcher after step 7 of 18, saved; the same command resumes"
    )
    assert_goes_on(tmp_path / "again", tmp_path / "state", straight, after=7)


def test_a_gradient_that_comes_late_is_refused() -> None:
    """It would be added to nothing, and the processes' weights would part."""
    weight = torch.nn.Parameter(torch.ones(2))
    total = GradientSum(Processes(0, 2), [weight])
    total._shared = []
    weight.grad = torch.ones(2)
    with pytest.raises(ValueError, match="1 parameters have gradients now and had none at the first step"):
        total()


def test_an_exception_in_one_process_ends_the_others(tmp_path: Path) -> None:
    codes, found = finish(start(tmp_path, train, None, "exception", 1, 4), tmp_path)
    assert codes == [1, 1]
    assert found[1] == "ValueError: the reason"
    assert found[0].startswith("PeersLost")


def test_one_processs_weights_spoil_the_gradient_of_all_and_the_step_is_named(tmp_path: Path) -> None:
    codes, found = finish(start(tmp_path, train, None, "not finite", 1, 4), tmp_path)
    assert codes == [1, 1]
    assert "the gradient is not finite at step 5 of 18" in found[0]


def test_a_process_that_hangs_is_given_up(tmp_path: Path) -> None:
    parts = start(tmp_path, train, None, "hang", 1, 4, timeout=5)
    parts[0].join(120)
    assert parts[0].exitcode == 1
    parts[1].kill()
    _, found = finish(parts, tmp_path)
    assert found[0].startswith("PeersLost")


def test_processes_with_other_settings_do_not_start(tmp_path: Path) -> None:
    codes, found = finish(start(tmp_path, train, None, "differ"), tmp_path)
    assert codes == [1, 1]
    assert found == ["UserError: process 1 of 2 has other settings, data or code than process 0"] * 2


def test_the_state_of_one_process_is_taken_up_by_two_and_by_one_again(tmp_path: Path) -> None:
    """The batches are the same, so a cluster with fewer or more devices can finish a run."""
    expected, _, _ = train(ALONE, None)
    for processes in (1, 2):
        codes, _ = finish(
            start(tmp_path, train, tmp_path / "state", "kill", 0, 7 * processes, count=processes), tmp_path
        )
        assert codes[0] == -signal.SIGKILL
        state = StateFile(tmp_path / "state", "same").load()
        assert state is not None
        assert state.step == 6 * processes
    found, _, seen = train(ALONE, tmp_path / "state")
    assert seen == list(range(13, 19))
    assert_close(found, expected)
