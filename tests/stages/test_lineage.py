"""Lineage as a command, on the real graph: what it says is compared with the archives, stores and results themselves."""

import contextlib
import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile

import polars as pl
import pytest

import stages.tools.lineage
from hacm.errors import run_program
from hacm.files import hash_file, read_json
from pipeline.graph import content
from pipeline.graph.content import hash_path
from pipeline.store.manifest import notes_of
from tests.conftest import run

RESULT = "results/benchmarks/kinect-sim-xsub/hacm/seed-0/linear"
MODEL = "models/kinect-sim-xsub/hacm/seed-0"
BEHIND = [
    "download@kinect-sim", "ingest@kinect-sim", "normalize@kinect-sim", "split@kinect-sim-xsub",
    "hierarchy@kinect-sim", "prepare@kinect-sim-xsub", "pretrain@kinect-sim-xsub-hacm-0",
    "evaluate@kinect-sim-xsub-hacm-0-linear",
]  # fmt: skip


@pytest.fixture(autouse=True)
def fresh_ignored_names():
    content.ignored_names.cache_clear()
    yield
    content.ignored_names.cache_clear()


def lineage(folder, *options, check=True):
    """The command in this process, which need not load everything again; its exit code as a shell would have it."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end,
    ):  # fmt: skip
        patch.setattr(sys, "argv", ["hacm lineage", *options])
        run_program(stages.tools.lineage.main)
    code = end.value.code or 0
    assert code == 0 or not check, err.getvalue()
    return subprocess.CompletedProcess(options, code, out.getvalue(), err.getvalue())


def facts_of(folder, *options):
    return json.loads(lineage(folder, *options, "--json").stdout)


@pytest.fixture(scope="module")
def project(small_project, tmp_path_factory):
    """The finished project with its dvc.lock committed. Tests leave its artefacts as they are."""
    folder = shutil.copytree(small_project, tmp_path_factory.mktemp("lineage") / "project", symlinks=True)
    run(folder, "git", "add", "-A")
    run(folder, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "results")
    return folder


def test_from_a_figure_to_everything_behind_it(project, monkeypatch):
    monkeypatch.chdir(project)
    facts = facts_of(project, "behind", f"{RESULT}/metrics.json:top1", "--files", "--strict")
    assert facts["metrics"] == {"top1": read_json(project / RESULT / "metrics.json")["top1"]}
    assert {one["stage"] for one in facts["stages"]} == set(BEHIND)
    assert {one["state"] for one in facts["stages"]} == {"current"}
    archive = project / "data/kinect-sim/raw/kinect-sim.zip"
    (data,) = facts["data"]
    assert data["archives"] == [{"file": "kinect-sim.zip", "sha256": hash_file(archive)}]
    version = read_json(project / RESULT / "details.json")["data_version"]
    assert data["clips"]["version"] == version == facts["run"][0]["data_version"]
    with zipfile.ZipFile(archive) as pack:
        members = {
            f"kinect-sim.zip/{name}": hashlib.sha256(pack.read(name)).hexdigest()
            for name in pack.namelist() if name.endswith(".skeleton")
        }  # fmt: skip
    assert {one["source"]: one["source_sha256"] for one in facts["recordings"]} == members
    assert data["raw_recordings"] == len(members) == 32
    (checkpoint,) = facts["checkpoints"]
    description = read_json(project / MODEL / "checkpoint.json")
    assert (checkpoint["path"], checkpoint["md5"]) == (MODEL, hash_path(MODEL))
    assert checkpoint["encoder"] == description["encoder"] == facts["run"][0]["encoder_hash"]
    assert facts["contradictions"] == []
    commits = run(project, "git", "log", "--format=%H").stdout.split()
    assert facts["code"]["commits"] == [commits[-1]]  # dvc.lock alone came with the later one
    assert facts["run"][0]["code"] == commits[-1]
    assert all(one["md5"] == one["now"] == hash_path(one["path"]) for one in facts["code"]["files"])


def test_the_code_is_what_dvc_yaml_declares(project):
    facts = facts_of(project, "behind", "baseline@kinect-sim-xsub")
    of_baseline = {one["path"] for one in facts["code"]["files"] if "baseline@kinect-sim-xsub" in one["stages"]}
    assert of_baseline == {
        "hacm", "pipeline/datasets", "pipeline/own", "pipeline/results", "pipeline/store", "stages/baseline.py", "stages/shared",
    }  # fmt: skip
    assert facts["checkpoints"] == []
    assert not any(one["key"].startswith("train") for one in facts["parameters"])


def test_one_clip_from_raw_file_to_prediction(project):
    predictions = pl.read_parquet(project / RESULT / "predictions.parquet")
    manifest = pl.read_parquet(project / "data/kinect-sim/clips/manifest.parquet")
    noted = manifest.filter(pl.col("notes").list.len() > 0)["name"].to_list()
    classes = sorted(manifest["label"].unique().to_list())
    seen = {}
    for row in predictions.filter(pl.col("name").is_in(noted)).head(3).iter_rows(named=True):
        facts = facts_of(project, "behind", RESULT, "--clip", row["name"])
        of = manifest.row(by_predicate=pl.col("name") == row["name"], named=True)
        assert (facts["source"], facts["source_sha256"]) == (of["source"], of["source_sha256"])
        assert facts["archive"]["path"] == "data/kinect-sim/raw/kinect-sim.zip"
        assert [one["text"] for one in facts["steps"][-1]["done"]] == [note.text for note in notes_of(of["notes"])]
        assert facts["parts"] == {"data/benchmarks/kinect-sim-xsub/split": "test"}
        assert facts["identity"]["label"] == classes[row["label"]]
        seen[row["label"], row["predicted"]] = (facts["prediction"]["actual"], facts["prediction"]["predicted"])
        assert facts["prediction"]["right"] == (row["label"] == row["predicted"])
    assert seen
    names = pl.read_csv(project / RESULT / "per_class.csv")["class"].to_list()
    assert seen == {(label, guess): (names[label], names[guess]) for label, guess in seen}
    training = next(name for name in manifest["name"] if name not in set(predictions["name"]))
    text = lineage(project, "behind", RESULT, "--clip", training).stdout
    assert "data/benchmarks/kinect-sim-xsub/split: train" in text
    assert "predicted" not in text


def test_a_recording_is_followed_to_clips_parts_and_results(project):
    split = pl.read_parquet(project / "data/benchmarks/kinect-sim-xsub/split/split.parquet")
    name, part = split.row(0)[:2]
    for spelling in (name, f"{name}.skeleton"):
        facts = facts_of(project, "affected-by", spelling)
        assert facts["kind"] == "recording"
        assert facts["recording"]["raw"] == ["data/kinect-sim/raw"]
        assert [one["name"] for one in facts["recording"]["clips"]] == [name]
        assert facts["recording"]["parts"] == {"data/benchmarks/kinect-sim-xsub/split": {name: part}}
        assert {one["stage"] for one in facts["stages"] if one["reads"]} == {"ingest@kinect-sim", "audit@kinect-sim"}
        assert len(facts["stages"]) == 11  # all but download
    assert f"{name} in {part}" in lineage(project, "affected-by", name).stdout


def test_overridden_parameters_are_told_apart(project):
    for key, decides in (("train.model.dim", False), ("benchmarks.kinect-sim-xsub.train.model.dim", True),
                         ("train.masking.tau", True)):  # fmt: skip
        facts = facts_of(project, "affected-by", key)
        assert {one["stage"] for one in facts["stages"]} == {
            "pretrain@kinect-sim-xsub-hacm-0", "evaluate@kinect-sim-xsub-hacm-0-linear",
            "evaluate@kinect-sim-xsub-hacm-0-knn", "report",
        }  # fmt: skip
        assert {one["decides"] for one in facts["stages"]} == {decides}, key
    facts = facts_of(project, "affected-by", "train.model.dim")
    assert [one["overridden_by"] for one in facts["stages"] if one["reads"]] == [["benchmarks.kinect-sim-xsub.train"]]
    assert "decides nothing" in lineage(project, "affected-by", "train.model.dim").stdout


def test_what_became_stale_is_shown_and_strict_fails_on_it(project_copy):
    assert lineage(project_copy, "behind", RESULT, "--strict").returncode == 0
    params = (project_copy / "params.yaml").read_text()
    (project_copy / "params.yaml").write_text(params.replace("tau: 0.9\n", "tau: 0.8\n", 1))
    cleaning = project_copy / "hacm/cleaning.py"
    cleaning.write_text(cleaning.read_text().replace("return float(", "return 1.0 * float(", 1) + "# another\n")
    done = lineage(project_copy, "behind", RESULT, "--strict", check=False)
    assert done.returncode == 2
    assert "train.masking.tau: 0.9 → 0.8" in done.stdout
    assert "code: hacm/cleaning.py: _motion" in done.stdout
    assert "code: in nothing that it uses" in done.stdout  # of ingest, say, which cleans nothing
    assert "stale; 8 stages behind it are not current, from download@kinect-sim on" in done.stderr
    assert "Traceback" not in done.stderr
    facts = facts_of(project_copy, "affected-by", "train.masking.tau")
    assert facts["counts"] == {"stale": 4, "current": 0, "never made": 0}
    changes = {one["stage"]: one["code_changes"] for one in facts_of(project_copy, "behind", RESULT)["stages"]}
    assert changes.pop("normalize@kinect-sim") == ["hacm/cleaning.py: _motion"]
    assert list(changes.values()) == [[]] * 7
    assert lineage(project_copy, "affected-by", "train.masking.tau", "--strict", check=False).returncode == 2
    cleaning.write_text(cleaning.read_text().replace("1.0 * ", "").replace("# another\n", ""))
    # What is before the change is as it was.
    assert lineage(project_copy, "behind", "ingest@kinect-sim", "--strict").returncode == 0
    assert lineage(project_copy, "affected-by", "evaluate.knn", "--strict", check=False).returncode == 2
    listed = run(project_copy, "dvc", "status").stdout
    own = [one["stage"] for one in facts_of(project_copy, "behind", "report")["stages"] if one["differs"]]
    assert {line.rstrip(":") for line in listed.splitlines() if not line.startswith((" ", "\t"))} == set(own)


def test_a_result_made_with_another_parameter_than_recorded_is_named(project_copy):
    """As when params.yaml was changed under a running stage, and DVC recorded what it found there afterwards."""
    details = project_copy / RESULT / "details.json"
    facts = read_json(details)
    facts["settings"]["epochs"] += 1
    details.write_text(json.dumps(facts))
    run(project_copy, "dvc", "commit", "-f", "evaluate@kinect-sim-xsub-hacm-0-linear")
    right = f"{RESULT}/details.json was made with evaluate.linear.epochs 21, dvc.lock records 20"
    shown = facts_of(project_copy, "behind", RESULT)
    assert shown["contradictions"] == [right]
    marked = {one["key"]: (one["value"], one["made_with"]) for one in shown["parameters"] if one["made_with"]}
    assert marked == {"evaluate.linear.epochs": (20, [21])}
    for options in ([], ["--json"], ["--files"], ["--all"]):
        done = lineage(project_copy, "behind", RESULT, "--strict", *options, check=False)
        assert (done.returncode, done.stderr) == (2, f"error: evaluate@kinect-sim-xsub-hacm-0-linear: {right}\n")
        assert options not in ([], ["--all"]) or "20 recorded, but made with 21" in done.stdout
    assert lineage(project_copy, "behind", "pretrain@kinect-sim-xsub-hacm-0", "--strict").returncode == 0


def test_a_checkpoint_of_other_epochs_than_recorded_fails_the_results_behind_which_it_is(project_copy):
    """In the checkpoint and its details.json alike; a sound stage beside it is not blamed."""
    lock = project_copy / "dvc.lock"
    text = lock.read_text()
    stage = text.index("  pretrain@kinect-sim-xsub-hacm-0:")
    lock.write_text(text[:stage] + text[stage:].replace("epochs: 4\n", "epochs: 9\n", 1))
    params = (project_copy / "params.yaml").read_text()
    (project_copy / "params.yaml").write_text(params.replace("epochs: 4\n", "epochs: 9\n", 1))
    for target in ("pretrain@kinect-sim-xsub-hacm-0", RESULT, "report"):
        done = lineage(project_copy, "behind", target, "--strict", check=False)
        assert done.returncode == 2
        assert f"{MODEL} was made with train.pretrain.epochs 4, dvc.lock records 9" in done.stderr
        assert "stale" not in done.stderr
        assert "9 recorded, but made with 4" in done.stdout
    assert lineage(project_copy, "behind", "baseline@kinect-sim-xsub", "--strict").returncode == 0


def test_results_that_say_what_cannot_be_are_named(project_copy):
    details = project_copy / RESULT / "details.json"
    facts = read_json(details) | {"encoder_hash": "0" * 32, "data_version": "f" * 32}
    details.write_text(json.dumps(facts))
    run(project_copy, "dvc", "commit", "-f", "evaluate@kinect-sim-xsub-hacm-0-linear")
    shown = facts_of(project_copy, "behind", RESULT)
    assert len(shown["contradictions"]) == 2
    assert any(f"encoder {'0' * 32}" in text for text in shown["contradictions"])
    assert any(f"data version {'f' * 32}" in text for text in shown["contradictions"])
    done = lineage(project_copy, "behind", RESULT, "--strict", check=False)
    assert done.returncode == 2
    assert f"encoder {'0' * 32}" in done.stderr
    assert f"data version {'f' * 32}" in done.stderr


def test_mistakes_end_in_one_line(project):
    done = run(project, "hacm", "lineage", "behind", "nothing", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: nothing: no stage of dvc.yaml")
    for options, words in (
        (("behind", "stages/baseline.py"), "error: stages/baseline.py: no stage of dvc.yaml"),
        (("behind", RESULT, "--clip", "nobody"), "error: nobody: no clip of that name in data/kinect-sim/recordings"),
        (("affected-by", "train.maskin"), "error: train.maskin: neither a key of params.yaml"),
        (("behind", RESULT, "--rev", "nonesuch"), "error: nonesuch: no git revision"),
    ):
        done = lineage(project, *options, check=False)
        assert done.returncode == 1
        assert done.stderr.strip().startswith(words)
        assert len(done.stderr.strip().splitlines()) == 1


def test_it_changes_nothing(project):
    before = run(project, "git", "status", "--porcelain").stdout
    lock = (project / "dvc.lock").read_bytes()
    lineage(project, "behind", "report", "--rev", "HEAD")
    lineage(project, "affected-by", "pipeline/store/store.py")
    assert run(project, "git", "status", "--porcelain").stdout == before
    assert (project / "dvc.lock").read_bytes() == lock
