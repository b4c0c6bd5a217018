"""Curves while it runs: what DVCLive and TensorBoard are given, and that neither is needed."""

import sys
from types import ModuleType

import pytest

from hacm.training.engine import Step
from stages.shared import live
from stages.shared.live import Live

STEPS, EPOCHS = 6, 3


def step_of(number):
    epoch = (number - 1) * EPOCHS // STEPS + 1
    return Step(number, STEPS, epoch, EPOCHS, 1 / number, 2 / number, 3 / number, 0.1, 50.0)


class Logger:
    """DVCLive's Live, as far as it is used: the step is set, metrics belong to it."""

    made: list["Logger"]

    def __init__(self, folder, **options):
        self.folder, self.options, self.step, self.found, self.ended = folder, options, 0, {}, False
        Logger.made.append(self)

    def log_metric(self, name, value):
        self.found.setdefault(self.step, {})[name] = value

    def make_summary(self):
        pass

    def end(self):
        self.ended = True


class SummaryWriter:
    """TensorBoard's, as far as it is used."""

    made: list["SummaryWriter"]

    def __init__(self, folder, purge_step):
        self.folder, self.purge_step, self.found, self.ended = folder, purge_step, {}, False
        SummaryWriter.made.append(self)

    def add_scalar(self, name, value, step):
        self.found.setdefault(step, {})[name] = value

    def flush(self):
        pass

    def close(self):
        self.ended = True


@pytest.fixture
def installed(monkeypatch):
    """Both, as stand-ins: neither has to be installed for the tests."""
    Logger.made, SummaryWriter.made = [], []
    for name, part in (("dvclive", {"Live": Logger}), ("torch.utils.tensorboard", {"SummaryWriter": SummaryWriter})):
        module = ModuleType(name)
        vars(module).update(part)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(live, "find_spec", lambda name: name)


@pytest.mark.usefixtures("installed")
def test_each_epoch_is_told_once_with_rate_and_time_left(tmp_path):
    with Live(tmp_path / "live") as one:
        for number in range(1, STEPS + 1):
            one.log(step_of(number), 0.5 if number == 4 else None)
    (logger,), (writer,) = Logger.made, SummaryWriter.made
    assert logger.found == writer.found
    assert logger.ended
    assert writer.ended
    assert sorted(logger.found) == [1, 2, 3]
    assert logger.found[2]["loss"] == 1 / 4
    assert logger.found[2]["clips_per_second"] == 50.0
    assert [epoch for epoch, values in logger.found.items() if "knn_top1" in values] == [2]
    assert logger.found[1]["seconds_left"] > 0 == logger.found[3]["seconds_left"]
    assert (writer.purge_step, logger.options["resume"]) == (1, False)


@pytest.mark.usefixtures("installed")
def test_dvc_is_left_alone(tmp_path):
    """No experiment is made and no dvc.yaml is touched."""
    with Live(tmp_path) as one:
        one.log(step_of(1))
    options = Logger.made[0].options
    assert (options["save_dvc_exp"], options["dvcyaml"], options["report"]) == (False, None, None)


@pytest.mark.usefixtures("installed")
def test_a_resumed_run_goes_on_with_its_curves(tmp_path):
    with Live(tmp_path) as one:
        one.log(step_of(4))
    assert Logger.made[0].options["resume"] is True
    assert SummaryWriter.made[0].purge_step == 2


def test_where_neither_is_installed_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "find_spec", lambda name: None)
    with Live(tmp_path / "live") as one:
        one.log(step_of(1))
        one.log(step_of(2))
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_before_its_first_step_leaves_nothing(tmp_path):
    with Live(tmp_path / "live"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_real_dvclive_touches_no_project_file(tmp_path, monkeypatch):
    pytest.importorskip("dvclive")
    monkeypatch.chdir(tmp_path)
    with Live(tmp_path / "live") as one:
        for number in range(1, STEPS + 1):
            one.log(step_of(number))
    assert not (tmp_path / "dvc.yaml").exists()
    lines = (tmp_path / "live/dvclive/plots/metrics/loss.tsv").read_text().splitlines()
    assert len(lines) == 1 + EPOCHS


def test_the_real_tensorboard_reads_what_was_written(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with Live(tmp_path) as one:
        for number in range(1, STEPS + 1):
            one.log(step_of(number))
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload().Scalars("loss")
    assert [event.step for event in events] == [1, 2, 3]
