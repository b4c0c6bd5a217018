"""What docs/ points at is there: tests, settings, and settings of experiments that are valid."""

import json
import re
from pathlib import Path

import pytest

from pipeline.yaml_tree import ABSENT, editor, look_up, plain, read_yaml
from stages.shared.parameters import check_file
from tests.conftest import PROJECT, shipped_params

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
