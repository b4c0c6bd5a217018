"""docs/own-data.md is followed from its first line to its last."""

import re
from pathlib import Path

import numpy as np
import pytest

from hacm.files import read_json
from pipeline.store.rows import RowReader
from pipeline.store.store import SkeletonStore
from pipeline.yaml_tree import editor, merge
from tests.conftest import PROJECT, copy_project, run

pytestmark = pytest.mark.slow  # runs a whole project of its own


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
