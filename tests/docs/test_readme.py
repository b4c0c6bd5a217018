"""What the README and docs/architecture.md say is there, is there: make's targets, the boxes, the tree; and the README is short."""

import re
from pathlib import Path

from tests.conftest import shell_lines

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_readme_is_short():
    assert README.count("\n") < 150


def test_make_knows_the_targets():
    makefile = (PROJECT / "Makefile").read_text()
    for line in shell_lines(README, "Two commands"):
        target = line.split()[1]
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), line


def test_pages_that_the_readme_links_are_there():
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    assert len(links) > 15
    assert [link for link in links if not (PROJECT / link).exists()] == []


def test_every_stage_is_explained():
    section = ARCHITECTURE.split("\n## The graph\n", 1)[1].split("\n## ", 1)[0]
    explained = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    declared = set(re.findall(r"^  (\w+):$", (PROJECT / "dvc.yaml").read_text(), re.MULTILINE))
    assert explained == declared


def test_the_tree_is_the_tree():
    """Every package and loose module of hacm, pipeline and stages stands in the tree, and nothing that is not there."""
    tree = ARCHITECTURE.split("## Repository layout", 1)[1].split("```", 2)[1]
    for top in ("hacm", "pipeline", "stages"):
        block = re.search(rf"^{top}/ .*\n((?:  .*\n)*)", tree, re.MULTILINE)
        named = set(re.findall(r"^  ([\w.]+)/? ", block[1], re.MULTILINE))
        entries = [path for path in (PROJECT / top).iterdir() if not path.name.startswith("_")]
        folders = {path.name for path in entries if path.is_dir() and any(path.glob("*.py"))}
        modules = {path.name for path in entries if path.suffix == ".py"}
        boxes = modules if top == "stages" else set()  # test_every_stage_is_explained has the boxes
        assert named == (folders | modules) - boxes, top
