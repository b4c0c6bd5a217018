"""Either engine after the other: nothing runs twice, nothing is blessed that was not made."""

import json
import shutil
import subprocess
import time

import pytest

from hacm.files import read_json
from pipeline.yaml_tree import read_yaml
from tests.conftest import environment, run, write_small_params
from tests.helpers.engines import CLEAN, LOCAL, NOTHING, artefacts, lines, status, wants


def test_the_real_graph_by_snakemake_is_the_one_by_dvc(snakemake_project, small_project, tmp_path):
    """The one full run: DVC is clean after it and runs nothing; data, models, figures and tables are the same files."""
    assert status(snakemake_project) == CLEAN
    project = shutil.copytree(snakemake_project, tmp_path / "project", symlinks=True)
    assert "Running stage" not in run(project, "dvc", "repro").stdout
    assert wants(project) == set()
    one, other = artefacts(small_project), artefacts(snakemake_project)
    assert len(one) > 40
    assert set(one) == set(other)
    differing = {name for name in one if one[name] != other[name] and not name.endswith("receipt.json")}
    assert not differing
    assert read_yaml(small_project / "dvc.lock").keys() == read_yaml(snakemake_project / "dvc.lock").keys()
    # Nothing of Snakemake's lies among the artefacts.
    assert not [
        path for folder in ("data", "models", "results", "report") for path in (project / folder).rglob(".snakemake*")
    ]


def test_after_dvc_repro_snakemake_has_nothing_to_do(project_copy):
    assert wants(project_copy) == set()
    assert NOTHING in run(project_copy, *LOCAL).stderr
    assert status(project_copy) == CLEAN
    for page in (project_copy / "pipeline" / "report").glob("*.css"):
        page.write_text(page.read_text() + "\n/* A remark. */\n")
    assert wants(project_copy) == {"report"}


def test_after_a_clone_and_dvc_pull_neither_has_anything_to_do(small_project, tmp_path):
    """Raw files are in no remote: they are linked here, as a user's own archives would be."""
    origin = shutil.copytree(small_project, tmp_path / "origin", symlinks=True)
    run(origin, "dvc", "remote", "add", "-d", "store", str(tmp_path / "remote"))
    run(origin, "dvc", "push")
    run(origin, "git", "add", "-A")
    run(origin, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "results")
    clone = tmp_path / "clone"
    run(tmp_path, "git", "clone", "-q", str(origin), str(clone))
    run(clone, "dvc", "pull", "--allow-missing")
    shutil.copytree(origin / "data" / "kinect-sim" / "raw", clone / "data" / "kinect-sim" / "raw")
    assert status(clone) == CLEAN
    assert wants(clone) == set()
    assert NOTHING in run(clone, *LOCAL).stderr
    # Dates are no content: a new checkout of the code makes nothing run.
    for path in (clone / "hacm").rglob("*.py"):
        path.touch()
    assert wants(clone) == set()


def test_snakemake_dvc_snakemake_dvc(done_toy):
    """There and back with changed settings; what DVC takes from its cache is as good as run."""
    assert status(done_toy) == CLEAN
    assert not lines(done_toy / "runs-of-train")[2:]
    params = (done_toy / "params.yaml").read_text()
    (done_toy / "params.yaml").write_text(params.replace("1e-05", "1e-04"))
    assert wants(done_toy) == {"train@one", "train@two", "report"}
    assert "Running stage 'train@one'" in run(done_toy, "dvc", "repro").stdout
    assert wants(done_toy) == set()
    (done_toy / "params.yaml").write_text(params)
    assert "Running stage" not in run(done_toy, "dvc", "repro").stdout
    assert wants(done_toy) == set()
    assert sorted(lines(done_toy / "runs-of-train")) == ["one", "one", "two", "two"]


def test_what_snakemake_noted_itself_is_of_no_account(done_toy):
    """A Snakemake killed at the end of a job leaves that job's benchmark and notes none of its inputs."""
    shutil.rmtree(done_toy / ".snakemake")
    for path in done_toy.glob("*.sh"):
        path.touch()
    assert wants(done_toy) == set()
    assert NOTHING in run(done_toy, *LOCAL).stderr


def test_what_comes_out_the_same_stops_the_chain(done_toy):
    """As with DVC: a stage whose inputs have the content they had does not run, though one before it did."""
    (done_toy / "parse.sh").write_text((done_toy / "parse.sh").read_text() + "# a remark\n")
    run(done_toy, *LOCAL)
    assert len(lines(done_toy / "runs-of-parse")) == 4
    assert len(lines(done_toy / "runs-of-train")) == 2
    assert status(done_toy) == CLEAN


def test_forced_stages_run_all_the_same(done_toy):
    run(done_toy, *LOCAL, "--forcerun", "train")
    assert len(lines(done_toy / "runs-of-train")) == 4
    assert len(lines(done_toy / "runs-of-parse")) == 2


def test_a_forced_stage_that_is_asked_for_alone_is_handed_over(done_toy):
    (done_toy / "train.sh").write_text((done_toy / "train.sh").read_text().replace("wc -c <", "date +1%N <"))
    run(done_toy, *LOCAL)
    before = read_yaml(done_toy / "dvc.lock")["stages"]["train@one"]["outs"]
    run(done_toy, *LOCAL, "--forcerun", "train", "--", ".state/engine/done/train@one")
    assert read_yaml(done_toy / "dvc.lock")["stages"]["train@one"]["outs"] != before
    assert "train@one" not in run(done_toy, "dvc", "status").stdout


def wait_for_training(toy, process):
    """Until a stage of the toy graph trains."""
    while not lines(toy / "runs-of-train"):
        assert process.poll() is None, "it ended before anything trained"
        time.sleep(0.05)


def unlock(toy):
    """As if Snakemake had been killed after its last job, before it told DVC."""
    (toy / "dvc.lock").unlink()
    (toy / ".state/engine/handed-over").unlink()


@pytest.mark.parametrize(
    ("damage", "stage", "reason"),
    [
        (lambda p: (p / "models/one/weights").write_text("better\n"), "train@one", "models/one is not what it wrote"),
        (lambda p: shutil.rmtree(p / "models/one"), "train@one", "models/one, which it wrote, is gone"),
        (lambda p: (p / "parsed/two/lines").write_text("other\n"), "parse@two", "parsed/two is not what it wrote"),
        (lambda p: (p / "train.sh").write_text("exit 0\n"), "train@two", "train.sh is not what it read"),
        (lambda p: (p / "params.yaml").write_text((p / "params.yaml").read_text().replace("times: 2", "times: 3")), "parse@one", "parse.times in params.yaml is another one now"),
        (lambda p: (p / "dvc.yaml").write_text((p / "dvc.yaml").read_text().replace("cat results", "head results")), "report", "its command is another one now"),
    ],
    ids=["output edited", "output deleted", "kept output edited", "code edited", "parameter edited", "command edited"],
)  # fmt: skip
def test_what_is_not_as_it_was_recorded_is_refused(done_toy, damage, stage, reason):
    unlock(done_toy)
    damage(done_toy)
    done = run(done_toy, "python", "-m", "pipeline.engine", "hand-over", check=False)
    assert done.returncode == 1
    assert f"error: {stage}: not handed over to DVC: {reason}" in done.stderr
    locked = read_yaml(done_toy / "dvc.lock")["stages"]
    assert stage not in locked
    assert "fetch@one" in locked


def test_an_edited_output_is_made_anew_and_a_hand_over_that_was_cut_off_made_up_for(done_toy):
    unlock(done_toy)
    before = (done_toy / "models/one/weights").read_text()
    (done_toy / "models/one/weights").write_text("better\n")
    assert wants(done_toy) == {"train@one", "report"}
    run(done_toy, *LOCAL)
    assert (done_toy / "models/one/weights").read_text() == before
    assert len(lines(done_toy / "runs-of-train")) == 3
    assert status(done_toy) == CLEAN
    unlock(done_toy)
    run(done_toy, *LOCAL)
    assert status(done_toy) == CLEAN
    assert len(lines(done_toy / "runs-of-train")) == 3


def test_an_input_edited_while_a_stage_runs_fails_the_stage(toy):
    process = subprocess.Popen(
        [*LOCAL, "--cores", "2"], cwd=toy, env=environment() | {"SECONDS_TO_TRAIN": "2"}, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    wait_for_training(toy, process)
    (toy / "train.sh").write_text((toy / "train.sh").read_text() + "# edited\n")
    output, _ = process.communicate()
    assert process.returncode != 0
    assert "train.sh was changed while it ran; start snakemake again" in output
    first = f"train@{lines(toy / 'runs-of-train')[0]}"
    assert not (toy / f".state/engine/done/{first}").exists()
    assert first not in read_yaml(toy / "dvc.lock")["stages"]
    assert "parse@one" in read_yaml(toy / "dvc.lock")["stages"]


def test_raw_files_and_kept_outputs_are_never_deleted(done_toy):
    """Not when their stage runs again, fails, or is told to be deleted; what is kept is there for the stage."""
    own = done_toy / "raw/one/gated.zip"
    own.write_text("asked for by letter")
    (done_toy / "parse.sh").write_text((done_toy / "parse.sh").read_text() + "exit 1\n")
    failed = run(done_toy, *LOCAL, check=False)
    assert failed.returncode == 1
    assert own.exists()
    assert (done_toy / "parsed/one/lines").exists()
    assert (done_toy / "earlier-one").read_text() == "yes\n"
    run(done_toy, *LOCAL, "--delete-all-output")
    assert not (done_toy / ".state/engine/done/train@one").exists()
    assert own.exists()
    assert (done_toy / "models/one/weights").exists()


def test_a_second_snakemake_is_refused_while_one_runs(toy):
    process = subprocess.Popen(
        LOCAL,
        cwd=toy,
        env=environment() | {"SECONDS_TO_TRAIN": "2"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for_training(toy, process)
    second = run(toy, *LOCAL, check=False)
    assert second.returncode == 1
    assert "another snakemake is running in this project" in second.stdout + second.stderr
    assert process.wait() == 0
    assert status(toy) == CLEAN


def test_a_failing_stage_shows_its_last_lines_and_leaves_the_rest_running(toy):
    script = (toy / "train.sh").read_text()
    (toy / "train.sh").write_text('[ $1 = one ] && { seq 100; echo "error: no such luck" >&2; exit 1; }\n' + script)
    done = run(toy, *LOCAL, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 1
    assert "train@one: ended with 1" in output
    assert "error: no such luck" in output
    assert "\n100\n" in output
    assert "\n50\n" not in output
    locked = read_yaml(toy / "dvc.lock")["stages"]
    assert {"parse@one", "train@two"} <= set(locked)
    assert not {"train@one", "report"} & set(locked)


def test_when_the_first_stage_fails_there_is_nothing_to_hand_over(toy):
    (toy / "fetch.sh").write_text("exit 3\n")
    done = run(toy, *LOCAL, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "FileNotFoundError" not in done.stderr
    assert not (toy / "dvc.lock").exists()


def test_a_benchmark_and_a_log_of_every_job(snakemake_project):
    stages = read_json(snakemake_project / ".state/engine/plan.json")["stages"]
    for name in stages:
        header, values = (snakemake_project / f".state/engine/benchmarks/{name}.tsv").read_text().splitlines()[:2]
        assert float(dict(zip(header.split("\t"), values.split("\t"), strict=False))["s"]) > 0
        assert (snakemake_project / f".state/engine/logs/{name}.log").read_text().startswith(f"$ {stages[name]['cmd']}")


def test_changed_settings_run_the_same_stages_as_with_dvc(project_copy):
    write_small_params(project_copy / "params.yaml", {"evaluate.bootstrap": 100})
    by_dvc = set(json.loads(run(project_copy, "dvc", "status", "--json").stdout))
    assert {"evaluate@kinect-sim-xsub-hacm-0-knn", "baseline@kinect-sim-xsub"} <= by_dvc
    assert by_dvc <= wants(project_copy) <= by_dvc | {"report"}
