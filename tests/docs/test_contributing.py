"""CONTRIBUTING.md and the hooks name what is there."""

import re

import yaml

from tests.conftest import PROJECT


def test_named_files_are_there():
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:hacm|pipeline|stages|tests|fuzzing|docs)/[\w./]+)(?:::\w+)?`", text))
    named |= set(re.findall(r"\]\(([\w./]+)\)", text))
    assert len(named) > 15
    for name in named:
        assert "NAME" in name or (PROJECT / name).exists(), name


def test_hooks_run_what_make_lint_runs_and_nothing_is_fetched():
    hooks = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    lint = makefile.split("\nlint:")[1].split("\n\n")[0]
    for hook in hooks[0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["id"] == "large-files" or hook["entry"] in lint


def test_versions_agree():
    version = re.search(r'__version__ = "(.+)"', (PROJECT / "hacm/__init__.py").read_text())[1]
    assert f"\nversion: {version}\n" in (PROJECT / "CITATION.cff").read_text()
    assert f"\n## {version} " in (PROJECT / "CHANGELOG.md").read_text()
