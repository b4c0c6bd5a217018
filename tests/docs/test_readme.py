"""What the README says is done here: its commands run, its tree is the tree."""

import re
from pathlib import Path

from tests.conftest import run, shell_lines

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_commands_of_the_smaller_trial_run(project_copy):
    lines = shell_lines(README, "A smaller trial, another setting")
    assert len(lines) == 8
    assert lines[0] == ". .venv/bin/activate"  # the tests run in that environment already
    run(project_copy, "git", "config", "user.name", "reader")
    run(project_copy, "git", "config", "user.email", "reader@example.org")
    run(project_copy, "git", "add", "-A")
    run(project_copy, "git", "commit", "-qm", "before")
    said = {line: run(project_copy, "sh", "-ec", line).stdout for line in lines[1:]}
    assert "masking.ratio" in next(text for line, text in said.items() if line.startswith("dvc params diff"))
    assert "ingest.limit" in run(project_copy, "dvc", "params", "diff").stdout


def test_make_knows_the_targets():
    makefile = (PROJECT / "Makefile").read_text()
    for line in shell_lines(README, "Two commands"):
        target = line.split()[1]
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), line


def test_every_stage_is_explained():
    explained = set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE))
    declared = set(re.findall(r"^  (\w+):$", (PROJECT / "dvc.yaml").read_text(), re.MULTILINE))
    assert explained == declared


def test_the_tree_is_the_tree():
    """Every package and loose module of hacm, pipeline and stages stands in the tree, and nothing that is not there."""
    tree = README.split("## Repository layout", 1)[1].split("```", 2)[1]
    for top in ("hacm", "pipeline", "stages"):
        block = re.search(rf"^{top}/ .*\n((?:  .*\n)*)", tree, re.MULTILINE)
        named = set(re.findall(r"^  ([\w.]+)/? ", block[1], re.MULTILINE))
        entries = [path for path in (PROJECT / top).iterdir() if not path.name.startswith("_")]
        folders = {path.name for path in entries if path.is_dir() and any(path.glob("*.py"))}
        modules = {path.name for path in entries if path.suffix == ".py"}
        boxes = modules if top == "stages" else set()  # test_every_stage_is_explained has the boxes
        assert named == (folders | modules) - boxes, top
