"""What docs/ points at is there: tests, settings, commands."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.params import ABSENT, look_up, read_yaml
from tests.conftest import run, shell_lines

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
