"""The commits that have what was recorded, in a history written down here."""

from pathlib import Path

import pytest

from pipeline.graph import content
from pipeline.graph.commits import CodeCommits, find_commits
from pipeline.graph.content import hash_path
from tests.conftest import run
from tests.pipeline.lineage.conftest import commit

STATES = [
    {"a.py": "1", "deep/b.py": "1", "deep/c/d.py": "1"},
    {"a.py": "2"},
    {"deep/c/d.py": "2"},
    {"other.py": "1"},
    {"a.py": "1"},
]
"""What each commit writes."""


@pytest.fixture
def history(tmp_path, monkeypatch):
    """The working directory, its commits, and the sums of a.py and deep at each."""
    monkeypatch.chdir(tmp_path)
    content.ignored_names.cache_clear()
    Path(".dvcignore").write_text("__pycache__\n")
    run(tmp_path, "git", "init", "-q")
    commits, sums = [], []
    for state in STATES:
        for file, text in state.items():
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text(text)
        commits.append(commit(tmp_path, "state"))
        sums.append({path: hash_path(path) for path in ("a.py", "deep")})
    yield commits, sums
    content.ignored_names.cache_clear()


def test_every_state_is_found_where_it_was(history):
    commits, sums = history
    one, two, three, _, five = commits
    expected = [
        CodeCommits({"a.py": five, "deep": one}, [one]),
        CodeCommits({"a.py": two, "deep": one}, [two]),
        CodeCommits({"a.py": two, "deep": three}, [three]),
        CodeCommits({"a.py": two, "deep": three}, [three]),  # the fourth touches neither
        CodeCommits({"a.py": five, "deep": three}, [five]),
    ]
    assert [find_commits(state) for state in sums] == expected


def test_the_past_does_not_know_what_came_later(history):
    commits, sums = history
    assert find_commits(sums[4], commits[3]) == CodeCommits({"a.py": commits[0], "deep": commits[2]}, [])
    assert find_commits(sums[4], commits[3], [commits[4], "f" * 40]).whole == [commits[4]]


def test_what_was_never_committed_is_in_no_commit(history):
    commits, sums = history
    assert find_commits({"a.py": "0" * 32, "deep": sums[0]["deep"], "absent": "0" * 32}) == CodeCommits(
        {"a.py": None, "deep": commits[0], "absent": None}, []
    )
    assert find_commits({}) == CodeCommits({}, [])


def test_what_dvc_ignores_counts_for_nothing(history, tmp_path):
    commits, sums = history
    Path("deep/__pycache__").mkdir()
    Path("deep/__pycache__/b.pyc").write_text("x")
    latest = commit(tmp_path, "compiled")
    assert find_commits({"deep": sums[4]["deep"]}) == CodeCommits({"deep": latest}, [latest, commits[2]])


def test_in_a_folder_of_a_larger_repository(history, monkeypatch):
    commits, _ = history
    monkeypatch.chdir("deep")
    assert find_commits({"b.py": hash_path("b.py")}).by_path == {"b.py": commits[0]}


def test_without_git_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.py").write_text("1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert find_commits({"a.py": hash_path("a.py")}) == CodeCommits({"a.py": None}, [])
