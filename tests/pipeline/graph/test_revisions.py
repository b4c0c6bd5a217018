"""Files of past revisions, for a project at the top of its git repository and for one in a subfolder."""

import subprocess
from pathlib import Path

import pytest

from hacm.errors import UserError
from pipeline.graph.cache import read_cached
from pipeline.graph.git import ask_git, describe_code, folder_in_repository, is_as_committed
from pipeline.graph.lock import read_lock
from pipeline.graph.revisions import RevisionFiles, list_commits, read_lock_at, resolve_revision
from tests.conftest import run

DVC_YAML = """\
stages:
  copy:
    cmd: python copy.py
    deps: [copy.py, input.txt]
    outs: [out.txt, folder]
"""
COPY = """\
from pathlib import Path
text = Path("input.txt").read_text()
Path("out.txt").write_text(text)
Path("folder/inner").mkdir(parents=True)
Path("folder/inner/copy.txt").write_text(2 * text)
"""


def commit(folder: Path, message: str) -> str:
    run(folder, "git", "add", "-A")
    run(folder, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", message)
    return run(folder, "git", "rev-parse", "HEAD").stdout.strip()


@pytest.fixture(scope="module", params=["", "work/project"], ids=["top", "subfolder"])
def repository(request, tmp_path_factory) -> tuple[Path, str, str]:
    """The project's folder, and its first and second commit, of which the input is `one` and `two`."""
    top = tmp_path_factory.mktemp("repository")
    folder = top / request.param
    folder.mkdir(parents=True, exist_ok=True)
    run(top, "git", "init", "-q")
    run(folder, "dvc", "init", "-q", *(["--subdir"] if request.param else []))
    (folder / "dvc.yaml").write_text(DVC_YAML)
    (folder / "copy.py").write_text(COPY)
    commits = []
    for text in ("one", "two"):
        (folder / "input.txt").write_text(text)
        run(folder, "dvc", "repro", "-q")
        commits.append(commit(top, text))
    (top / "beside.txt").write_text("not of the project, or at its top")
    run(top, "git", "add", "-A")
    run(top, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "beside")
    return folder, *commits


@pytest.fixture
def project(repository, monkeypatch) -> tuple[str, str]:
    """The working directory; its first two commits."""
    folder, *commits = repository
    monkeypatch.chdir(folder)
    return commits[0], commits[1]


def test_files_of_git_and_of_dvc_come_as_they_were(project, tmp_path):
    for number, (rev, text) in enumerate(zip(project, ("one", "two"), strict=True)):
        files = RevisionFiles(rev)
        for path in ("input.txt", "out.txt"):
            assert files.holds(Path(path))
            files.fetch(Path(path), tmp_path / f"{number}-{path}")
            assert (tmp_path / f"{number}-{path}").read_text() == text
        files.fetch(Path("folder"), tmp_path / f"{number}-folder")
        assert (tmp_path / f"{number}-folder/inner/copy.txt").read_text() == 2 * text


def test_the_workspace_is_read_in_place(project, tmp_path):
    files = RevisionFiles(None)
    files.fetch(Path("out.txt"), tmp_path / "out.txt")
    assert (tmp_path / "out.txt").resolve() == Path("out.txt").resolve()
    assert not files.holds(Path("absent.txt"))
    with pytest.raises(UserError, match=r"absent\.txt: not found in the workspace"):
        files.fetch(Path("absent.txt"), tmp_path / "absent.txt")


def test_what_a_revision_lacks_is_named(project, tmp_path):
    files = RevisionFiles(project[0])
    assert not files.holds(Path("absent.txt"))
    with pytest.raises(UserError, match=rf"absent\.txt: not in {project[0]}"):
        files.fetch(Path("absent.txt"), tmp_path / "absent.txt")
    with pytest.raises(UserError, match="no git revision, tag or experiment"):
        RevisionFiles("v99")


def test_the_lock_and_the_cache_of_a_revision(project):
    assert resolve_revision("HEAD~2") == project[0]
    assert read_lock_at("HEAD") == read_lock(Path("dvc.lock").read_text())
    then = read_lock_at(project[0])["copy"]
    assert then.outs["out.txt"] != read_lock_at("HEAD")["copy"].outs["out.txt"]
    assert read_cached(str(then.outs["out.txt"])) == b"one"
    assert read_cached(str(then.outs["folder"]), "inner/copy.txt") == b"oneone"
    assert read_cached(str(then.outs["folder"]), "absent.txt") is None
    assert read_cached("0" * 32) is None


def test_commits_between_revisions(project):
    first, second = project
    (line,) = list_commits(first, "HEAD", "input.txt")
    assert second.startswith(line.split()[0])
    assert list_commits(second, "HEAD", "input.txt") == []
    assert list_commits(None, "HEAD", "input.txt") == []
    assert list_commits(first, "HEAD", "copy.py") == []


def test_edits_of_the_project_count_and_those_beside_it_do_not(project):
    top = Path(str(ask_git("rev-parse", "--show-toplevel")).strip())
    assert describe_code() == {"code": str(ask_git("rev-parse", "HEAD")).strip(), "dirty": False}
    assert Path.cwd() == top / folder_in_repository()
    if folder_in_repository():
        (top / "beside.txt").write_text("edited")
        assert not describe_code()["dirty"]
    lock = Path("dvc.lock").read_text()
    Path("dvc.lock").write_text(lock + "# of another run\n")
    assert not describe_code()["dirty"]
    Path("dvc.lock").write_text(lock)
    text = Path("copy.py").read_text()
    Path("copy.py").write_text(text + "# edited\n")
    try:
        assert describe_code()["dirty"]
        assert not is_as_committed("HEAD", "copy.py")
        assert is_as_committed("HEAD", "input.txt")
        assert list_commits(project[0], None, "copy.py") == ["uncommitted changes"]
    finally:
        Path("copy.py").write_text(text)


def test_without_git_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert subprocess.run(["git", "rev-parse"], capture_output=True, check=False).returncode
    assert describe_code() == {"code": "unknown", "dirty": True}
    assert ask_git("log") is None
    assert folder_in_repository() == ""
    assert not is_as_committed("HEAD", "copy.py")
    monkeypatch.setenv("PATH", "")
    assert ask_git("--version") is None
