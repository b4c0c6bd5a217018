"""What becomes one line: the project's own errors. A bug, ours or a library's, keeps its traceback."""

import os
import subprocess
import sys

import pytest

from hacm.errors import DamagedModel, FailedCheck, NotFinite, SettingsError, Terminated, UserError
from hacm.interrupts import NOTHING_BEGAN, STARTS_AGAIN
from tests.conftest import PROJECT, run

BENCHMARK = "kinect-sim-xsub"
LINE = "error: nonsense: no such command; hacm --help lists them"


def program(body: str, *words: str, check: bool = False, **extra: str):
    """A program whose main is `body`, ended as all are."""
    code = f"from hacm.errors import *\nfrom stages.shared.command import run\ndef main():\n    {body}\nrun(main)"
    return run(PROJECT, "python", "-c", code, *words, check=check, **extra)


@pytest.mark.parametrize(
    ("kind", "code"),
    [(UserError, 1), (FailedCheck, 2), (SettingsError, 1), (DamagedModel, 1), (NotFinite, 1), (Terminated, 1)],
)
def test_an_error_of_the_project_is_one_line(kind, code):
    done = program(f"raise {kind.__name__}('a.yaml:3: k: mend it')")
    assert (done.returncode, done.stderr) == (code, "error: a.yaml:3: k: mend it\n")
    shown = program(f"raise {kind.__name__}('a.yaml:3: k: mend it')", HACM_TRACEBACK="1")
    assert shown.returncode == code
    assert shown.stderr.startswith("Traceback (most recent call last):")
    assert shown.stderr.endswith("\nerror: a.yaml:3: k: mend it\n")


@pytest.mark.parametrize("kind", ["ValueError", "FloatingPointError", "RuntimeError", "KeyError"])
def test_any_other_error_keeps_its_traceback(kind):
    done = program(f"raise {kind}('a bug')")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert kind in done.stderr.splitlines()[-1]


def test_an_interrupt_is_one_line():
    done = program("raise KeyboardInterrupt")
    assert (done.returncode, done.stderr) == (130, f"{STARTS_AGAIN}\n")
    done = program("raise Interrupted('stopped after step 3 of 9, saved; the same command resumes')")
    assert (done.returncode, done.stderr) == (130, "stopped after step 3 of 9, saved; the same command resumes\n")


HELD_UP = """
import os, signal, sys

class AtImport:
    def find_spec(self, name, path, target=None):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, AtImport())
sys.path.insert(0, "{project}")
"""
"""A sitecustomize that interrupts the program when it imports a module."""


@pytest.mark.parametrize(
    ("command", "module"),
    [
        ("-m stages.pretrain --benchmark b", "stages.shared"),
        ("-m stages.pretrain --benchmark b", "torch"),
        ("-m stages.ingest --dataset kinect-sim", "zarr"),
        ("-m stages", "yaml"),
        ("-m pipeline.engine mend", "hacm.errors"),
        ("-m hacm check", "hacm.errors"),
    ],
)
def test_an_interrupt_while_a_program_is_imported_is_one_line(tmp_path, command, module):
    (tmp_path / "sitecustomize.py").write_text(HELD_UP.format(module=module, project=PROJECT))
    done = run(PROJECT, "python", *command.split(), check=False, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (130, f"{NOTHING_BEGAN}\n")


def test_an_interrupt_in_code_given_as_text_is_one_line_too():
    """CPython remembers that one, and would end by the signal."""
    done = program("exec('import os, signal; os.kill(os.getpid(), signal.SIGINT)')")
    assert (done.returncode, done.stderr) == (130, f"{STARTS_AGAIN}\n")


def test_the_console_command_shows_tracebacks_when_asked():
    assert run(PROJECT, "hacm", "nonsense", check=False).stderr == f"{LINE}\n"
    shown = run(PROJECT, "hacm", "nonsense", check=False, HACM_TRACEBACK="1").stderr
    assert shown.startswith("Traceback")
    assert shown.endswith(f"\n{LINE}\n")


WITH_A_BUG = """
import importlib
import torch
from stages import {stage}
from stages.shared.command import run

def of_torch(*_, **__):
    torch.zeros(2) @ torch.zeros(3)

def of_ours(*_, **__):
    raise ValueError("of a bug")

for place in (importlib.import_module("hacm.{module}"), {stage}):
    place.{name} = {bug}
run({stage}.main)
"""
"""A stage that meets a bug where it does its work."""


@pytest.mark.parametrize(
    ("stage", "module", "name", "options"),
    [
        ("pretrain", "training.engine", "pretrain", f"--benchmark {BENCHMARK}"),
        ("evaluate", "protocols.knn", "run", f"--benchmark {BENCHMARK} --protocol knn"),
        ("transfer", "evaluation.transfer", "run", f"--source {BENCHMARK} --target {BENCHMARK}"),
    ],
)
@pytest.mark.parametrize(("bug", "last"), [("of_torch", "RuntimeError: "), ("of_ours", "ValueError: of a bug")])
def test_a_bug_in_a_stage_is_not_taken_for_a_mistake(project_copy, stage, module, name, options, bug, last):
    code = WITH_A_BUG.format(stage=stage, module=module, name=name, bug=bug)
    done = run(project_copy, "python", "-c", code, *options.split(), check=False)
    assert done.returncode == 1
    assert "Traceback (most recent call last):" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(last)


def test_impossible_settings_are_one_line_that_names_the_protocol(project_copy):
    params = project_copy / "params.yaml"
    params.write_text(params.read_text().replace("knn: {k: 1,", "knn: {k: 5000,").replace("k: 1\n", "k: 5000\n"))
    done = run(
        project_copy, "python", "-m", "stages.evaluate", "--benchmark", BENCHMARK, "--protocol", "knn", check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: knn: k asks for 5000 neighbours, but there are ")
    assert "Traceback" not in done.stderr


def test_a_pretraining_that_diverges_is_one_line(project_copy):
    params = project_copy / "params.yaml"
    text = params.read_text()
    assert text.count("lr: 0.0003\n") + text.count("lr: 0.001\n") > 0, "no learning rate to raise"
    params.write_text(text.replace("lr: 0.0003\n", "lr: 1.0e30\n").replace("lr: 0.001\n", "lr: 1.0e30\n"))
    done = run(project_copy, "python", "-m", "stages.pretrain", "--benchmark", BENCHMARK, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: pretraining: the gradient is not finite at step ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("hacm", "--help"),
        ("hacm", "lineage", "behind", "evaluate@x-0-knn", "--help"),
        ("hacm", "compare", "--help"),
        ("stages.evaluate", "--help"),
    ],
)
def test_a_reader_that_ends_early_ends_the_program_without_a_word(command):
    """As in `hacm --help | true`: the pipe's other end is closed before anything is written."""
    mine, its = os.pipe()
    os.close(mine)
    with os.fdopen(its, "wb") as closed:
        program = [sys.executable, "-m", *command]
        done = subprocess.run(program, cwd=PROJECT, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert done.stderr == ""


def test_a_broken_pipe_that_is_not_the_output_is_a_bug():
    done = program("raise BrokenPipeError('of a worker')")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (f"stages.evaluate --benchmark {BENCHMARK} --protocol knn --variant randm", "unknown variant 'randm'; known: hacm, "),
        (f"stages.pretrain --benchmark {BENCHMARK} --variant randm", "unknown variant 'randm'; known: hacm, "),
        ("stages.evaluate --benchmark kinect --protocol knn", "unknown benchmark 'kinect'; known: kard-xsub, kinect-sim-xsub, "),
        ("stages.transfer --source kinect --target kinect-sim-xsub", "unknown benchmark 'kinect'; known: "),
        (f"stages.evaluate --benchmark {BENCHMARK} --protocol lin", "unknown protocol 'lin'; known: finetune, "),
        (
            f"stages.evaluate --benchmark {BENCHMARK} --protocol knn --seed 977",
            f"models/{BENCHMARK}/hacm/seed-977: not pretrained yet; run dvc repro, or python -m stages.pretrain "
            f"--benchmark {BENCHMARK} --variant hacm --seed 977",
        ),
    ],
)  # fmt: skip
def test_an_unknown_name_is_called_unknown(command, words):
    done = run(PROJECT, "python", "-m", *command.split(), check=False)
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
