"""Finished work is taken over where its fingerprint is the same, by either engine and by hand; and only there."""

import shutil
import time
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen

import pytest

import stages.evaluate
import stages.ingest
import stages.pretrain
import stages.transfer
from hacm.files import hash_tree, read_json
from stages.shared import box
from tests.conftest import environment, run

TAKEN = "its finished work is taken over"
PRETRAIN = ("python", "-m", "stages.pretrain", "--benchmark", "kinect-sim-xsub", "--variant", "hacm", "--seed", "0")
SNAKEMAKE = ("snakemake", "--cores", "2", "--quiet", "all")


def comment_everywhere(project: Path) -> None:
    for package in ("hacm", "pipeline", "stages"):
        for path in (project / package).rglob("*.py"):
            path.write_text(path.read_text(encoding="utf-8") + "\n# a comment\n", encoding="utf-8")


def artefacts(project: Path) -> dict[str, str]:
    return {
        f"{folder}/{name}": digest
        for folder in ("data", "models", "results", "report")
        for name, digest in hash_tree(project / folder).items()
    }


def test_a_comment_in_every_file_computes_nothing(project_copy: Path) -> None:
    """DVC deletes what the stages wrote and starts them; each takes its work over, and all is as before."""
    before = artefacts(project_copy)
    comment_everywhere(project_copy)
    done = run(project_copy, "dvc", "repro")
    assert (done.stdout + done.stderr).count(TAKEN) == 12
    assert artefacts(project_copy) == before
    assert "up to date" in run(project_copy, "dvc", "status").stdout


def test_what_lies_in_dvcs_cache_is_enough(project_copy: Path) -> None:
    """As in a clone after `dvc pull`: nothing is there but what git and DVC keep."""
    before = artefacts(project_copy)
    shutil.rmtree(project_copy / ".state")
    comment_everywhere(project_copy)
    done = run(project_copy, "dvc", "repro", "pretrain@kinect-sim-xsub-hacm-0")
    assert (done.stdout + done.stderr).count(TAKEN) == 7
    assert artefacts(project_copy) == before


def test_snakemake_takes_over_as_well(project_copy: Path) -> None:
    before = artefacts(project_copy)
    comment_everywhere(project_copy)
    run(project_copy, *SNAKEMAKE)
    logs = [path.read_text() for path in (project_copy / ".state/engine/logs").rglob("*") if path.is_file()]
    assert sum(TAKEN in log for log in logs) == 12
    assert artefacts(project_copy) == before
    assert "up to date" in run(project_copy, "dvc", "status").stdout


def test_work_done_by_hand_is_taken_over_by_dvc(project_copy: Path) -> None:
    """k = 3 computed by hand, which DVC knows nothing of; DVC then deletes it and starts the stage."""
    params = project_copy / "params.yaml"
    params.write_text(params.read_text().replace("knn: {k: 1,", "knn: {k: 3,"))
    stage = ("--benchmark", "kinect-sim-xsub", "--variant", "hacm", "--seed", "0", "--protocol", "knn")
    by_hand = run(project_copy, "python", "-m", "stages.evaluate", *stage)
    assert TAKEN not in by_hand.stderr
    folder = project_copy / "results/benchmarks/kinect-sim-xsub/hacm/seed-0/knn"
    before = hash_tree(folder)
    done = run(project_copy, "dvc", "repro", "evaluate@kinect-sim-xsub-hacm-0-knn")
    assert TAKEN in done.stdout + done.stderr
    assert hash_tree(folder) == before


def test_other_parameters_are_other_work_and_the_old_comes_back(project_copy: Path) -> None:
    params, text = project_copy / "params.yaml", (project_copy / "params.yaml").read_text()
    folder = project_copy / "results/benchmarks/kinect-sim-xsub/baseline"
    before = hash_tree(folder)
    params.write_text(text.replace("bootstrap: 200", "bootstrap: 300"))
    assert TAKEN not in run(project_copy, "python", "-m", "stages.baseline", "--benchmark", "kinect-sim-xsub").stderr
    assert hash_tree(folder) != before
    params.write_text(text)
    assert TAKEN in run(project_copy, "python", "-m", "stages.baseline", "--benchmark", "kinect-sim-xsub").stderr
    assert hash_tree(folder) == before


def test_damaged_copies_are_not_taken_over(project_copy: Path) -> None:
    """A flipped byte in the output, in its copy and in DVC's cache: the stage computes, to the same bytes."""
    name = "results/benchmarks/kinect-sim-xsub/baseline/metrics.json"
    right = (project_copy / name).read_bytes()
    shutil.rmtree(project_copy / ".dvc" / "cache")
    for path in (project_copy / name, project_copy / ".state/finished/baseline@kinect-sim-xsub/outs" / name):
        path.write_bytes(right.replace(b"{", b"[", 1))
    done = run(project_copy, "python", "-m", "stages.baseline", "--benchmark", "kinect-sim-xsub")
    assert TAKEN not in done.stderr
    assert (project_copy / name).read_bytes() == right


def test_asked_to_compute_again_it_does(project_copy: Path) -> None:
    done = run(project_copy, "python", "-m", "stages.split", "--benchmark", "kinect-sim-xsub", HACM_AGAIN="1")
    assert TAKEN not in done.stderr


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("pretrain", ("--benchmark", "kinect-sim-xsub")),
        ("pretrain", ("--benchmark=kinect-sim-xsub", "--seed", "0", "--device", "cpu", "--timeout", "60")),
        ("evaluate", ("--protocol", "knn", "--benchmark", "kinect-sim-xsub")),
    ],
)
def test_an_option_left_out_counts_as_its_default(project_copy: Path, stage: str, words: tuple[str, ...]) -> None:
    assert TAKEN in run(project_copy, "python", "-m", f"stages.{stage}", *words).stderr


def test_names_are_read_as_the_stage_reads_them() -> None:
    """kind, what is typed, the names; None: another work than dvc.yaml's."""
    whole = {"variant": "hacm", "seed": "0"}
    for stage, typed, names in (
        (stages.pretrain, "--benchmark b", {"benchmark": "b"} | whole),
        (stages.pretrain, "--benchmark b --seed 3 --rows host", {"benchmark": "b", "variant": "hacm", "seed": "3"}),
        (stages.evaluate, "--benchmark b --protocol=knn --variant v",
         {"benchmark": "b", "protocol": "knn", "variant": "v", "seed": "0"}),
        (stages.transfer, "--source a --target b", {"source": "a", "target": "b"} | whole),
        (stages.ingest, "--dataset d --workers 2", {"dataset": "d"}),
        (stages.ingest, "--dataset d --of 1", {"dataset": "d"}),
        (stages.ingest, "--dataset d --limit 2", None),
        (stages.ingest, "--dataset d --shard 0", None),
    ):  # fmt: skip
        kind = stage.__name__.removeprefix("stages.")
        assert box.read_names(kind, stage.command_line(), typed.split()) == names, (kind, typed)


@pytest.mark.parametrize("engine", ["hand", "by default", "dvc", "snakemake"])
def test_what_changes_under_a_running_stage_is_not_recorded(project_copy: Path, engine: str) -> None:
    """Epochs are changed while it pretrains: refused, named, kept; put back, it is finished at once."""
    commands = {
        "hand": PRETRAIN,
        "by default": PRETRAIN[:5],
        "dvc": ("dvc", "repro", "pretrain@kinect-sim-xsub-hacm-0"),
        "snakemake": SNAKEMAKE,
    }
    params, text = project_copy / "params.yaml", (project_copy / "params.yaml").read_text()
    begun = text.replace("epochs: 4\n", "epochs: 40\n", 1)
    assert begun != text
    params.write_text(begun)
    lock = (project_copy / "dvc.lock").read_bytes()
    state = project_copy / ".state/pretrain/kinect-sim-xsub/hacm/seed-0/state.pt"
    process = Popen(commands[engine], cwd=project_copy, env=environment(), stdout=PIPE, stderr=STDOUT, text=True)
    while not state.exists() and process.poll() is None:
        time.sleep(0.05)
    params.write_text(begun.replace("epochs: 40\n", "epochs: 50\n", 1))
    output, _ = process.communicate()
    logs = "".join(
        path.read_text() for path in (project_copy / ".state").glob("engine/logs/pretrain*") if path.is_file()
    )
    said = " ".join((output + logs).split())
    assert process.returncode != 0
    assert "params.yaml: train.pretrain.epochs was 40, is 50" in said
    assert (project_copy / "dvc.lock").read_bytes() == lock
    params.write_text(begun)
    done = run(project_copy, *commands[engine])
    logs = "".join(
        path.read_text() for path in (project_copy / ".state").glob("engine/logs/pretrain*") if path.is_file()
    )
    assert TAKEN in done.stdout + done.stderr + logs
    assert read_json(project_copy / "models/kinect-sim-xsub/hacm/seed-0/checkpoint.json")["facts"]["epochs"] == 40


def test_code_that_changes_under_a_running_stage_is_noticed(project_copy: Path) -> None:
    params, text = project_copy / "params.yaml", (project_copy / "params.yaml").read_text()
    params.write_text(text.replace("bootstrap: 200", "bootstrap: 260"))
    ridge = project_copy / "hacm/evaluation/ridge.py"
    was = ridge.read_text()
    slow = was.replace("def run(", "import time as waiting\n\n\ndef run(", 1)
    assert slow != was
    start = slow.index("def run(")
    end_of_docstring = slow.index('"""', slow.index('"""', start) + 3) + 3
    ridge.write_text(slow[:end_of_docstring] + "\n    waiting.sleep(3)\n" + slow[end_of_docstring:])
    stage = ("python", "-m", "stages.baseline", "--benchmark", "kinect-sim-xsub")
    process = Popen(stage, cwd=project_copy, env=environment(), stdout=PIPE, stderr=STDOUT, text=True)
    index = project_copy / ".state/engine/code.json"
    before = index.stat().st_mtime_ns
    while index.stat().st_mtime_ns == before and process.poll() is None:
        time.sleep(0.02)  # until the stage has taken its fingerprint
    time.sleep(0.5)
    ridge.write_text(was)
    output, _ = process.communicate()
    assert process.returncode == 1, output
    assert "not recorded" in output
    assert "hacm/evaluation/ridge.py: run" in output


def test_a_comment_does_not_count_as_a_change(project_copy: Path) -> None:
    params, text = project_copy / "params.yaml", (project_copy / "params.yaml").read_text()
    params.write_text(text.replace("bootstrap: 200", "bootstrap: 250"))
    stage = ("python", "-m", "stages.baseline", "--benchmark", "kinect-sim-xsub")
    process = Popen(stage, cwd=project_copy, env=environment(), stdout=PIPE, stderr=STDOUT, text=True)
    ridge = project_copy / "hacm/evaluation/ridge.py"
    ridge.write_text(ridge.read_text() + "\n# a comment\n")
    output, _ = process.communicate()
    assert process.returncode == 0, output


def test_a_half_done_pretraining_survives_a_typo(project_copy: Path) -> None:
    """Killed, a docstring mended in the losses, started again: it resumes, and ends in the same weights."""
    model = project_copy / "models/kinect-sim-xsub/hacm/seed-0/weights.safetensors"
    right = model.read_bytes()
    for folder in (".state/finished/pretrain@kinect-sim-xsub-hacm-0", ".dvc/cache"):
        shutil.rmtree(project_copy / folder)
    model.unlink()
    state = project_copy / ".state/pretrain/kinect-sim-xsub/hacm/seed-0/state.pt"
    process = Popen(PRETRAIN, cwd=project_copy, env=environment(), stdout=PIPE, stderr=STDOUT, text=True)
    while not state.exists() and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert state.exists()
    losses = project_copy / "hacm/model/losses.py"
    losses.write_text(losses.read_text().replace('"""', '"""Mended: ', 1) + "\n# a comment\n")
    done = run(project_copy, *PRETRAIN)
    assert "starting afresh" not in done.stderr
    assert model.read_bytes() == right
