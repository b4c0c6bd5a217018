"""docs/use.md: its commands run in a finished project, its Python as well; DVC brings versions of models."""

import json
import re
import shutil

import numpy as np
import polars as pl
import yaml

from hacm.files import hash_tree
from hacm.models.finding import SHIPPED
from pipeline.store.store import SkeletonStore
from tests.conftest import PROJECT, run, shell_lines

PAGE = (PROJECT / "docs" / "use.md").read_text(encoding="utf-8")


def test_commands_and_code_of_the_page_run(project_copy):
    headings = (
        "2. From a benchmark to a model",
        "3. From the shell",
        "7. Long recordings, and recordings alike",
        "8. Look at it",
    )
    lines = [line for heading in headings for line in shell_lines(PAGE, heading)]
    assert [line.split()[1] for line in lines] == [
        "export-model",
        "models",
        "predict",
        "embed",
        "segment",
        "search",
        "view",
    ]
    outputs = [run(project_copy, "sh", "-ec", line).stdout for line in lines]
    assert "# kinect-model" in outputs[1]
    rows = pl.read_csv(project_copy.parent / "predictions.csv")
    features = pl.read_parquet(project_copy.parent / "features.parquet")
    assert rows["recording"].to_list() == features["recording"].to_list()
    assert len(rows) == 32
    spans = json.loads((project_copy.parent / "spans.json").read_text())
    assert [row["recording"] for row in spans if row["start"] == 0] == rows["recording"].to_list()
    assert (project_copy.parent / "view.html").read_text(encoding="utf-8").count("<figure class=") == 32
    assert outputs[5].count("0.000") >= 32  # every recording is nearest to itself
    clips = SkeletonStore.open(project_copy / "data/kinect-sim/clips")
    np.save(project_copy.parent / "waving.npy", clips["S002C001P001R001A023"][0])
    code, *_ = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    shown = run(project_copy, "python", "-c", code).stdout
    assert any(name in shown for name in ("hand waving", "sit down", "pick up", "shaking hands"))


def test_dvc_brings_the_version_that_a_tag_names(tmp_path):
    """From a repository of its own, to a folder without one."""
    repository, place = tmp_path / "repository", "hacm/models/shipped"
    shutil.copytree(SHIPPED, repository / place)
    listed = {"artifacts": yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["artifacts"]}
    (repository / "dvc.yaml").write_text(yaml.safe_dump(listed))
    me = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    run(repository, "git", "init", "-q")
    run(repository, "dvc", "init", "-q")
    for version in ("first", "second"):
        (repository / place / "utd-mhad/card.md").write_text(version)
        run(repository, "git", "add", "--all")
        run(repository, "git", *me, "commit", "-qm", version)
        if version == "first":
            before = hash_tree(repository / place / "utd-mhad")
            run(repository, "git", *me, "tag", "--annotate", "utd-mhad@v1.0.0", "--message", "first")
    command = re.findall(r"^\$ (dvc artifacts get .*)$", PAGE, re.MULTILINE)[0]
    address = "https://example.org/you/this-repository"
    assert address in command
    run(tmp_path, *command.replace(address, str(repository)).split())
    assert hash_tree(tmp_path / "utd-mhad") == before
    assert (tmp_path / "utd-mhad/card.md").read_text() == "first"
