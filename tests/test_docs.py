"""What docs/ points at is there: tests, settings, commands. A page that can be followed is followed to its end."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from hacm.files import read_json
from pipeline.store.rows import RowReader
from pipeline.store.store import SkeletonStore
from pipeline.yaml_tree import ABSENT, editor, look_up, merge, plain, read_yaml
from stages.shared.parameters import check_file
from tests.conftest import copy_project, run, shell_lines, shipped_params

PROJECT = Path(__file__).parents[1]
PAGES = sorted((PROJECT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_tests_and_settings_exist(page):
    text = page.read_text(encoding="utf-8")
    tests = re.findall(r"`(tests/\S+\.py)::(\w+)`", text)
    for file, name in tests:
        assert re.search(rf"^def {name}\(", (PROJECT / file).read_text(encoding="utf-8"), re.MULTILINE), (file, name)
    params = read_yaml(PROJECT / "params.yaml")
    for key in re.findall(r"`((?:train|evaluate|cleaning|hierarchy)\.[\w.]+)[:`]", text):
        assert look_up(params, key) is not ABSENT, key
    for stage in re.findall(r"python -m stages\.(\w+)", text):
        assert (PROJECT / "stages" / f"{stage}.py").exists(), stage


def test_every_deviation_has_a_test():
    page = (PROJECT / "docs" / "deviations.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    rows = [row for row in rows if not row.startswith(("|---", "| released code"))]
    assert len(rows) > 15
    for row in rows:
        assert "::test_" in row.rsplit("|", 2)[1], row


def test_commands_of_out_again_run(project_copy):
    lines = shell_lines((PROJECT / "docs" / "data.md").read_text(encoding="utf-8"), "5. Out again")
    assert [line.split("--format ")[1].split()[0] for line in lines] == ["ntu-npz", "pyskl"]
    for line in lines:
        run(project_copy, "sh", "-ec", line)
    with np.load(project_copy.parent / "kinect-sim-xsub.npz") as file:
        assert len(file["x_test"]) == len(file["y_test"]) == 16
    assert (project_copy.parent / "kinect-sim-xsub.pkl").stat().st_size > 0


def test_commands_of_the_audit_run(project_copy):
    lines = shell_lines((PROJECT / "docs" / "audit.md").read_text(encoding="utf-8"), "1. Commands")
    assert len(lines) == 5
    for line in lines:
        run(project_copy, "sh", "-ec", line)
    assert read_json(project_copy / "audit.json")["dataset"] == "kinect-sim"


def test_commands_of_the_audit_between_versions_run(project_copy):
    for command in (
        "git config user.name reader",
        "git config user.email reader@example.org",
        "git add -A",
        "git commit -qm it",
    ):
        run(project_copy, *command.split())
    for line in shell_lines((PROJECT / "docs" / "audit.md").read_text(encoding="utf-8"), "5. Between versions"):
        output = run(project_copy, "sh", "-ec", line).stdout
    assert json.loads(output)["same"] is True


def test_commands_of_lineage_run(project_copy):
    lines = shell_lines((PROJECT / "docs" / "audit.md").read_text(encoding="utf-8"), "6. Lineage")
    outputs = [run(project_copy, "sh", "-ec", line).stdout for line in lines]
    assert len(outputs) == 7
    assert "kinect-sim.zip" in outputs[0]
    assert json.loads(outputs[1])["state"] == "current"
    assert len(outputs[2].splitlines()) == 32
    assert all("S002C001P001R001A006" in outputs[place] for place in (3, 6))
    assert all("0 stale" in output for output in outputs[4:])


def test_commands_of_the_cluster_page_run(project_copy):
    lines = shell_lines((PROJECT / "docs" / "cluster.md").read_text(encoding="utf-8"), "1. On this machine")
    outputs = [run(project_copy, "sh", "-ec", line) for line in lines]
    assert "up to date" in outputs[2].stdout
    assert all("Nothing to be done" in outputs[index].stdout + outputs[index].stderr for index in (0, 1, 3))


def test_commands_of_the_experiments_run(project_copy):
    """One after the other, and with what they promise: plots that are not empty, a paired comparison, a finished sweep."""
    page = (PROJECT / "docs" / "experiments.md").read_text(encoding="utf-8")
    for command in (
        "git config user.name reader",
        "git config user.email r@example.org",
        "git add -A",
        "git commit -qm it",
    ):
        run(project_copy, *command.split())
    told = [run(project_copy, "sh", "-ec", line).stdout for line in shell_lines(page, "1. DVC's commands")]
    assert "k5" in told[3]
    assert "top1" in told[3]
    assert "evaluate.knn.k" in told[4]
    assert "knn/metrics.json" in told[5]
    plots = [
        json.loads(spec)
        for spec in re.findall(r"var spec = (.*);$", (project_copy / "plots/index.html").read_text(), re.M)
    ]
    revisions = [{row["rev"] for row in plot["data"]["values"]} for plot in plots]
    assert revisions == [{"HEAD", "k3"}] * 10  # losses; accuracies, confusions and classes of baseline, linear and k-NN
    assert len({plot["title"]["text"] for plot in plots}) == 10
    assert not re.search("<DVC_METRIC", json.dumps(plots))
    told = [
        run(project_copy, "sh", "-ec", line).stdout for line in shell_lines(page, "2. Is one better than the other?")
    ]
    assert re.search(r"evaluate.knn.k +1 +3", told[0])
    assert "| evaluate.knn.k | 1 | 3 |" in told[1]
    assert next(row for row in json.loads(told[2])["figures"] if row["figure"] == "top1")["differences"][0]["p"] <= 1
    told = [run(project_copy, "sh", "-ec", line).stdout for line in shell_lines(page, "3. Sweeps")]
    assert "| neighbours-k-9 | 9 |" in told[1]
    assert "not done" not in told[1]
    assert re.search(r"evaluate.knn.k +7 +9", told[2])


def follow(page: str, project: Path) -> None:
    """Do what a page says: write its files, put what it says of params.yaml there, run its commands."""
    text = (PROJECT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert {"bash", "python", "yaml"} <= {language for language, _, _ in blocks}
    for language, file, content in blocks:
        if language == "bash":
            run(project, "sh", "-ec", content)
        elif language == "yaml":
            with open(project / file, "r+") as stream:
                tree = merge(editor().load(stream), editor().load(content))
                stream.seek(0)
                editor().dump(tree, stream)
                stream.truncate()
        else:
            (project / file).write_text(content, encoding="utf-8")


@pytest.fixture(scope="module")
def own_data(tmp_path_factory) -> Path:
    """A project in which docs/own-data.md was followed from its first line to its last."""
    project = copy_project(tmp_path_factory.mktemp("own") / "project")
    follow("own-data.md", project)
    return project


def test_own_data_comes_through_the_whole_graph(own_data):
    for benchmark, parts in {
        "gym-xsub": ("baseline",),
        "studio-xsub": ("baseline", "hacm/seed-0/linear", "hacm/seed-0/knn"),
    }.items():
        for part in parts:
            assert read_json(own_data / f"results/benchmarks/{benchmark}/{part}/metrics.json")["n"] == 2 * 3 * 4
    assert RowReader(own_data / "data/studio/hierarchy/hierarchy.zarr").array.shape[1] == 9
    assert len((own_data / "results/datasets/studio/hierarchy/tree.csv").read_text().splitlines()) == 1 + 13
    page = (own_data / "report/report.html").read_text()
    for words in ("studio-xsub", "body-13", "right knee", "raise_both", "synthetic"):
        assert words in page
    assert run(own_data, "dvc", "status").stdout.strip() == "Data and pipelines are up to date."


def test_own_data_is_the_same_by_both_readers(own_data):
    gym, studio = (SkeletonStore.open(own_data / f"data/{name}/recordings") for name in ("gym", "studio"))
    assert len(gym) == len(studio) == 4 * 3 * 4
    for subject in (1, 4):
        for action, name in enumerate(("wave", "raise_both", "kick"), start=1):
            one, other = f"s{subject}_a{action}_t3", f"{name}-P{subject}-3"
            np.testing.assert_allclose(studio[other], gym[one], atol=0.000501)  # of whole millimetres
            columns = ("subject", "label", "fps", "topology", "frames")
            assert [studio.row(other)[column] for column in columns] == [gym.row(one)[column] for column in columns]


def test_own_data_trains_again_only_if_there_is_a_difference(own_data):
    file = own_data / "pipeline/own/gym.py"
    before = file.read_text()
    file.write_text(before + "\n# A remark.\n")
    output = run(own_data, "dvc", "repro", "hierarchy@studio", "split@studio-xsub").stdout
    assert "Running stage 'ingest@studio'" in output
    assert "Running stage 'hierarchy@studio'" in output
    done = run(own_data, "dvc", "repro", "pretrain@studio-xsub-hacm-0", "baseline@studio-xsub")
    started = re.findall(r"Running stage '(\S+)'", output + done.stdout)
    assert {"pretrain@studio-xsub-hacm-0", "baseline@studio-xsub"} <= set(started)
    taken = re.findall(r"(\S+): the same code, parameters and inputs", done.stdout + done.stderr)
    assert {"pretrain@studio-xsub-hacm-0", "baseline@studio-xsub"} <= set(taken)
    file.write_text(before.replace("roots=(0, 1, 3, 6)", "roots=(0, 1)"))
    done = run(own_data, "python", "-m", "stages.baseline", "--benchmark", "studio-xsub", check=False)
    assert done.returncode == 1
    assert "another skeleton than body-13 is now; run dvc repro" in done.stderr
    run(own_data, "dvc", "repro", "normalize@studio")
    stale = run(own_data, "dvc", "status", "--with-deps", "pretrain@studio-xsub-hacm-0").stdout
    assert "prepare@studio-xsub" in stale  # what pretraining reads is not what it was


def settings_in(page: Path) -> list[str]:
    """The `-S key=value …` of every table row and every shell line of a page."""
    found = re.findall(r"`((?:-S \S+=\S+ ?)+)`", page.read_text(encoding="utf-8"))
    return found + re.findall(r"^dvc exp run .*?((?:-S \S+=\S+ ?)+)", page.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("page", [*PAGES, PROJECT / "README.md"], ids=lambda page: page.name)
def test_settings_of_experiments_change_what_they_name_and_are_valid(page, tmp_path):
    params = tmp_path / "params.yaml"
    for options in settings_in(page):
        params.write_text(shipped_params(), encoding="utf-8")
        tree = read_yaml(params)
        before = json.dumps(plain(tree))
        for new, key, value in re.findall(r"-S (\+?)(\S+)=(\S+)", options):
            *path, last = key.split(".")
            assert (look_up(tree, key) is ABSENT) == bool(new), key
            look_up(tree, ".".join(path))[last] = editor().load(value)
        with open(params, "w", encoding="utf-8") as stream:
            editor().dump(tree, stream)
        check_file(params)
        assert json.dumps(plain(tree)) != before, options


def test_every_row_of_the_ablation_table_has_its_settings():
    section = (PROJECT / "docs" / "hacm.md").read_text(encoding="utf-8").split("\n## 8. ", 1)[1].split("\n## 9. ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| row")]
    assert len(rows) == 14
    assert all("`-S " in row for row in rows)


def test_commands_of_the_baselines_run(project_copy):
    """MAMP and random masking are trained and evaluated; each beside its own budget."""
    page = (PROJECT / "docs" / "hacm.md").read_text(encoding="utf-8")
    run(project_copy, "git", "config", "user.name", "reader")
    run(project_copy, "git", "config", "user.email", "reader@example.org")
    run(project_copy, "git", "add", "-A")
    run(project_copy, "git", "commit", "-qm", "before")
    budgets = []
    for line in shell_lines(page, "8. Baselines inside the same framework"):
        output = run(project_copy, "sh", "-ec", line)
        if line.startswith("dvc exp run"):
            path = project_copy / "results/benchmarks/kinect-sim-xsub/hacm/seed-0/pretrain/metrics.json"
            metrics = json.loads(path.read_text())
            budgets.append((metrics["tokens_seen"], metrics["tokens"]))
            assert f"{metrics['tokens_seen']} of {metrics['tokens']} tokens seen" in output.stdout + output.stderr
    assert budgets == [(74, 750), (43, 432)]
    assert "mamp" in output.stdout
    assert "random" in output.stdout
