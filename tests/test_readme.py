"""What the README says is done here: its commands run, its tree is the tree."""

import re
from pathlib import Path

from tests.conftest import run, shell_lines

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_commands_of_the_smaller_trial_run(project_copy):
    lines = shell_lines(README, "A smaller trial, another setting")
    assert len(lines) == 5
    assert lines[0] == ". .venv/bin/activate"  # the tests run in that environment already
    run(project_copy, "git", "config", "user.name", "reader")
    run(project_copy, "git", "config", "user.email", "reader@example.org")
    run(project_copy, "git", "add", "-A")
    run(project_copy, "git", "commit", "-qm", "before")
    for line in lines[1:]:
        run(project_copy, "sh", "-ec", line)
    assert "masking.ratio" in run(project_copy, "dvc", "params", "diff").stdout


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
    tree = README.split("## The house", 1)[1].split("```", 2)[1]
    named = re.findall(r"\b[\w]+\.py\b", tree)
    assert len(named) > 15
    present = {path.name for folder in ("hacm", "pipeline") for path in (PROJECT / folder).glob("*.py")}
    assert set(named) <= present
    assert present - set(named) - {"__init__.py"} == set(), "a module is not in the README's tree"
