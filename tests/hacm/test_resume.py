"""Killed runs: the same weights in the end, whatever killed them and when."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
import torch

from hacm.errors import Interrupted, Terminated, UserError
from hacm.model.network import HACM
from hacm.training import engine, resume
from hacm.training.engine import EpochRecord, Pretraining, Step, pretrain
from hacm.training.resume import FILE, State, StateFile, Termination
from tests.helpers.small_training import SETTINGS, SKELETON, moving_clips

EPOCHS = 6  # of 3 steps; saved after epochs 2, 4 and 6


class Killed(Exception):
    """Stands in for whatever ends a run."""


def train(
    state_dir: Path | None, on_step: Callable[[Step], None] | None = None, fingerprint: str = "same"
) -> tuple[HACM, list[EpochRecord]]:
    settings = replace(SETTINGS, pretrain=replace(SETTINGS.pretrain, epochs=EPOCHS))
    return pretrain(
        moving_clips(),
        torch.arange(12),
        SKELETON,
        settings,
        seed=3,
        state_dir=state_dir,
        fingerprint=fingerprint,
        device="cpu",
        on_step=on_step,
    )


def at_step(wanted: int, action: Callable[[], None]) -> Callable[[Step], None]:
    def on_step(step: Step) -> None:
        if step.step == wanted:
            action()

    return on_step


def raise_killed() -> None:
    raise Killed


def kill_hard() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def interrupt_twice() -> None:
    interrupt()
    interrupt()


def assert_same(first: tuple[HACM, list[EpochRecord]], second: tuple[HACM, list[EpochRecord]]) -> None:
    """Bit for bit."""
    one, other = first[0].state_dict(), second[0].state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    assert first[1] == second[1]


@pytest.fixture(scope="module")
def straight() -> tuple[HACM, list[EpochRecord]]:
    """The run that nothing disturbs."""
    return train(None)


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "REPORT_SECONDS", 0.0)


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("step", [2, 6, 11, 18])
def test_a_run_that_dies_goes_on_from_its_last_state(
    step: int, tmp_path: Path, straight: tuple[HACM, list[EpochRecord]]
) -> None:
    with pytest.raises(Killed):
        train(tmp_path, at_step(step, raise_killed))
    seen: list[Step] = []
    assert_same(train(tmp_path, seen.append), straight)
    saved = step // 6 * 6  # state is saved before an epoch's last step is told
    assert [each.step for each in seen] == list(range(saved + 1, 19))


@pytest.mark.usefixtures("every_step")
def test_a_run_may_die_more_than_once(tmp_path: Path, straight: tuple[HACM, list[EpochRecord]]) -> None:
    for step in (7, 8, 14):
        with pytest.raises(Killed):
            train(tmp_path, at_step(step, raise_killed))
    assert_same(train(tmp_path), straight)


def run_python(call: str) -> int:
    """The exit code of an interpreter that runs this."""
    return subprocess.run(
        [sys.executable, "-c", call],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        timeout=300,
        check=False,
    ).returncode


def die_in_another_process(state_dir: str) -> None:
    """What the subprocess below runs: it never returns."""
    engine.REPORT_SECONDS = 0.0
    train(Path(state_dir), at_step(9, kill_hard))


def test_kill_minus_nine_is_survived(tmp_path: Path, straight: tuple[HACM, list[EpochRecord]]) -> None:
    call = f"from tests.hacm.test_resume import die_in_another_process as die; die({str(tmp_path)!r})"
    assert run_python(call) == -signal.SIGKILL
    state = StateFile(tmp_path, "same").load()
    assert state is not None
    assert state.step == 6
    assert_same(train(tmp_path), straight)


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("step", [1, 7, 9])
@pytest.mark.parametrize(
    ("ask", "error", "words"), [(terminate, Terminated, "stopped by SIGTERM"), (interrupt, Interrupted, "stopped")]
)
def test_a_request_to_end_saves_at_once_and_in_mid_epoch(
    step: int,
    ask: Callable[[], None],
    error: type[UserError],
    words: str,
    tmp_path: Path,
    straight: tuple[HACM, list[EpochRecord]],
) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(error) as caught:
        train(tmp_path, at_step(step, ask))
    assert str(caught.value) == f"{words} after step {step + 1} of 18, saved; the same command resumes"
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    seen: list[Step] = []
    assert_same(train(tmp_path, seen.append), straight)
    assert seen[0].step == step + 2


@pytest.mark.usefixtures("every_step")
def test_a_second_interrupt_ends_at_once(tmp_path: Path, straight: tuple[HACM, list[EpochRecord]]) -> None:
    """Without saving: the state is that of the last epoch."""
    try:
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, at_step(8, interrupt_twice))
        state = StateFile(tmp_path, "same").load()
        assert state is not None
        assert state.step == 6
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert_same(train(tmp_path), straight)


def test_an_interrupt_that_a_launcher_repeats_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with Termination(repeated=True) as termination:
        interrupt_twice()
        assert termination.interrupted
    monkeypatch.setattr(resume, "SECONDS_OF_ONE_INTERRUPT", 0.0)
    with pytest.raises(KeyboardInterrupt), Termination(repeated=True):
        interrupt_twice()
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_an_ignored_interrupt_stays_ignored() -> None:
    """As of a command that a shell started in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Termination() as termination:
            interrupt()
            assert not termination.requested
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("every_step")
def test_sigterm_without_a_place_for_the_state_says_so() -> None:
    with pytest.raises(Terminated, match="nothing is saved"):
        train(None, at_step(1, terminate))


def test_the_former_handler_is_back_after_any_end() -> None:
    called: list[int] = []
    original = signal.signal(signal.SIGTERM, lambda number, frame: called.append(number))
    try:
        with pytest.raises(Killed):
            train(None, at_step(3, raise_killed))
        with Termination() as termination:
            terminate()
            assert termination.requested
        assert not called
        terminate()
        assert called == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, original)


def test_a_finished_state_is_handed_back_without_training(
    tmp_path: Path, straight: tuple[HACM, list[EpochRecord]], monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path)
    monkeypatch.setattr(Pretraining, "advance", lambda run: pytest.fail("nothing is left to do"))
    assert_same(train(tmp_path), straight)


@pytest.mark.usefixtures("every_step")
def test_another_runs_state_is_not_taken_up(
    tmp_path: Path, straight: tuple[HACM, list[EpochRecord]], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Killed):
        train(tmp_path, at_step(7, raise_killed), fingerprint="other")
    seen: list[Step] = []
    with caplog.at_level(logging.WARNING):
        assert_same(train(tmp_path, seen.append), straight)
    assert seen[0].step == 1
    assert "other settings, data or code; starting afresh" in caplog.text


def damage_nothing_left(path: Path) -> None:
    path.write_bytes(b"")


def damage_cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-500])


def damage_one_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1  # among the weights, which are most of the file
    path.write_bytes(data)


def damage_text(path: Path) -> None:
    path.write_text("not a state")


def damage_code(path: Path) -> None:
    torch.save({"format": 1, "fingerprint": "same", "step": Path("/")}, path)


def damage_key(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    del content["optimiser"]
    torch.save(content, path)


def damage_format(path: Path) -> None:
    torch.save([1, 2], path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_nothing_left, "damaged"),
        (damage_cut_short, "damaged"),
        (damage_one_bit, "damaged"),
        (damage_text, "damaged"),
        (damage_code, "damaged"),
        (damage_key, "optimiser is missing"),
        (damage_format, "not a training state"),
    ],
)
def test_a_damaged_state_is_not_taken_up(
    damage: Callable[[Path], None], message: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = StateFile(tmp_path, "same")
    file.save(State(1, torch.zeros(3), 0.5, [], {"weight": torch.ones(3000)}, {}, []))
    assert file.load() is not None
    damage(tmp_path / FILE)
    with caplog.at_level(logging.WARNING):
        assert file.load() is None
    assert message in caplog.text
    assert "starting afresh" in caplog.text


def die_while_saving(state_dir: str) -> None:
    """What the subprocess below runs: the second save is cut short by kill -9."""
    write, saves = torch.save, []

    def save(content: object, file: BinaryIO) -> None:
        saves.append(content)
        if len(saves) == 2:
            file.write(b"PK half of a state")
            file.flush()
            kill_hard()
        write(content, file)

    torch.save = save
    train(Path(state_dir))


def test_kill_minus_nine_while_the_state_is_written_is_survived(
    tmp_path: Path, straight: tuple[HACM, list[EpochRecord]]
) -> None:
    call = f"from tests.hacm.test_resume import die_while_saving as die; die({str(tmp_path)!r})"
    assert run_python(call) == -signal.SIGKILL
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.part", FILE]
    state = StateFile(tmp_path, "same").load()
    assert state is not None
    assert state.step == 6
    assert_same(train(tmp_path), straight)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_save_that_dies_leaves_the_former_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = StateFile(tmp_path, "same")
    file.save(State(1, torch.zeros(3), 0.5, [], {}, {}, []))
    write = torch.save

    def die(content: object, target: object) -> None:
        write([1], target)  # type: ignore[arg-type]
        raise Killed

    monkeypatch.setattr(torch, "save", die)
    with pytest.raises(Killed):
        file.save(State(2, torch.zeros(3), 0.5, [], {}, {}, []))
    state = file.load()
    assert state is not None
    assert state.step == 1
