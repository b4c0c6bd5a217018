"""Where a project, its raw data and its disks may lie."""

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from hacm.archives.members import members
from hacm.errors import UserError
from hacm.files import read_json, replace_directory, replace_file, write_json
from pipeline.datasets.registry import find_dataset
from pipeline.datasets.utd_mhad import UTD_MHAD
from pipeline.graph.no_git import CONFIG, tell_dvc_of_git
from pipeline.graph.revisions import resolve_revision
from stages.download import find_present
from tests.conftest import PROJECT, environment, run
from tests.helpers.raw_files import ntu_archive, stage

NO_GIT = "error: HEAD: this project is not under git, so it has no past revisions; git init, and commit dvc.lock"
AUTHOR = ("-c", "user.name=t", "-c", "user.email=t@example.org")


@contextmanager
def mounted(target: Path, *options: str):
    """A mount for the time of the block; skips the test where this user may not mount."""
    if subprocess.run(["mount", *options, str(target)], capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(target)], check=True)


def test_raw_data_on_a_read_only_disk_is_read(place, tmp_path_factory):
    """The record of its verification is kept elsewhere, and a replaced file is still noticed."""
    disk, raw = tmp_path_factory.mktemp("disk"), place / "data/ntu60/raw"
    names = ntu_archive(disk / "nturgbd_skeletons_s001_to_s017.zip")
    raw.mkdir(parents=True)
    receipt = place / ".state/receipts/ntu60/receipt.json"
    with mounted(raw, "--bind", str(disk)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(raw)], check=True)
        for _ in range(2):
            done = stage(place, "download", "ntu60")
            assert done.returncode == 0, done.stderr
            assert read_json(receipt)["recordings"] == len(names)
        done = stage(place, "ingest", "ntu60", "--limit", "2")
        assert done.returncode == 0, done.stderr
    ntu_archive(disk / "nturgbd_skeletons_s001_to_s017.zip", change="\n")
    with mounted(raw, "--bind", str(disk)):
        done = stage(place, "download", "ntu60")
        assert "has changed since it was first recorded" in done.stderr
        assert ".state/receipts/ntu60/receipt.json" in done.stderr


def test_links_in_a_raw_folder_are_called_links(place):
    raw = place / "data/ntu60/raw"
    ntu_archive(place / "archive.zip")
    shutil.unpack_archive(place / "archive.zip", place / "elsewhere")
    folder = raw / "nturgb+d_skeletons"
    folder.mkdir(parents=True)
    first = min((place / "elsewhere/nturgb+d_skeletons").iterdir())
    why = ", which is not followed here", ", which is not there"
    for link, target, words in (("part", first.parent, why[0]), (first.name, first, why[0]),
                                (first.name, place / "gone", why[1]), ("part", place / "gone", why[1]),
                                ("loop", "loop", ", which leads back to itself")):  # fmt: skip
        (folder / link).symlink_to(target)
        done = stage(place, "download", "ntu60", HACM_MIRROR=str(place))
        assert done.returncode == 1
        assert f"nturgb+d_skeletons/{link}: a link to {target}{words}" in done.stderr
        (folder / link).unlink()
    folder.rmdir()
    folder.symlink_to(first.parent)  # a link to the whole is followed
    done = stage(place, "download", "ntu60")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("dataset", ["ntu60", "utd-mhad", "ui-prmd"])
@pytest.mark.parametrize(
    ("link", "target", "words"),
    [
        ("S001C001P001R001A001.skeleton", "/tmp/nowhere.skeleton", "which is not there"),
        ("a1_s1_t1_skeleton.mat", "/dev/null/inside", "which is not there"),
        ("Skeleton.zip", "/tmp/nowhere.zip", "which is not there"),
        ("session 1", "/tmp/no/such/folder", "which is not there"),
        ("a1_s1_t1_skeleton.mat", "a1_s1_t1_skeleton.mat", "which leads back to itself"),
    ],
)
def test_a_link_that_leads_nowhere_is_called_one(tmp_path, dataset, link, target, words):
    """Whatever it is called: what it should lead to may be a recording, an archive or a folder of either."""
    (tmp_path / link).symlink_to(target)
    for find in (lambda: find_present(find_dataset(dataset), tmp_path), lambda: list(members(tmp_path / link))):
        with pytest.raises(UserError) as error:
            find()
        assert str(error.value) == (
            f"{tmp_path / link}: a link to {target}, {words}; put there what it should lead to, or remove it"
        )
    raw = tmp_path / "raw"
    raw.symlink_to("gone")
    with pytest.raises(UserError, match="raw: a link to gone, which is not there"):
        find_present(find_dataset(dataset), raw)
    # A link that leads somewhere is followed, whatever it is called.
    (tmp_path / link).unlink()
    raw.unlink()
    (tmp_path / "real.zip").touch()
    (tmp_path / "other.zip").symlink_to("real.zip")
    find_present(find_dataset(dataset), tmp_path)


def test_utd_mhad_as_loose_files_or_an_unpacked_folder_is_taken(tmp_path):
    name = "a1_s1_t1_skeleton.mat"
    (tmp_path / name).touch()
    assert find_present(UTD_MHAD, tmp_path) == [tmp_path / name]
    (tmp_path / "Skeleton").mkdir()
    assert find_present(UTD_MHAD, tmp_path) == [tmp_path / "Skeleton"]


def test_a_virtual_environment_that_is_a_link_is_ignored_by_git(tmp_path):
    shutil.copy(PROJECT / ".gitignore", tmp_path)
    run(tmp_path, "git", "init", "-q")
    (tmp_path / ".venv").symlink_to("/tmp")
    assert run(tmp_path, "git", "check-ignore", ".venv").stdout == ".venv\n"


def test_dvc_is_told_of_git_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(".dvc").mkdir()
    own = "['remote \"mine\"']\n    url = /srv\n"
    CONFIG.write_text(own)
    for _ in range(2):
        tell_dvc_of_git()
        assert CONFIG.read_text() == f"[core]\n    no_scm = true\n{own}"
    assert run(tmp_path, "dvc", "config", "core.no_scm").stdout == "true\n"
    with pytest.raises(UserError, match="HEAD: this project is not under git"):
        resolve_revision("HEAD")
    Path(".git").mkdir()
    tell_dvc_of_git()
    assert CONFIG.read_text() == own
    CONFIG.unlink()
    tell_dvc_of_git()
    assert not CONFIG.exists()


def test_a_downloaded_zip_runs_without_git(project_copy):
    shutil.rmtree(project_copy / ".git")
    run(project_copy, "hacm", "check")
    assert "up to date" in run(project_copy, "dvc", "repro").stdout + run(project_copy, "dvc", "status").stdout
    for command in ("hacm compare HEAD workspace", "hacm audit --dataset kinect-sim --from HEAD"):
        done = run(project_copy, *command.split(), check=False)
        assert done.returncode == 1
        assert done.stderr.startswith(NO_GIT)
        assert done.stderr.count("\n") == 1
    run(project_copy, "hacm", "lineage", "behind", "results/benchmarks/kinect-sim-xsub/hacm/seed-0/knn")


def test_two_at_once_do_no_harm(project_copy):
    """What the first is at, DVC refuses the second, or it does other stages; then nothing is left to do."""
    text = (project_copy / "params.yaml").read_text()
    assert "k: 1" in text
    (project_copy / "params.yaml").write_text(text.replace("k: 1", "k: 3").replace("bootstrap: 200", "bootstrap: 201"))
    both = ["sh", "-c", "hacm check && exec dvc repro"]
    started = [
        subprocess.Popen(both, cwd=project_copy, env=environment(), text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
        for _ in range(2)
    ]  # fmt: skip
    said = [process.communicate()[0] for process in started]
    assert 0 in [process.returncode for process in started], said
    for process, text in zip(started, said, strict=True):
        assert process.returncode == 0 or "another DVC process" in text or "is busy" in text, text
    run(project_copy, *both)
    assert run(project_copy, "dvc", "status").stdout.strip() == "Data and pipelines are up to date."
    details = json.loads((project_copy / "results/benchmarks/kinect-sim-xsub/hacm/seed-0/knn/details.json").read_text())
    assert (details["settings"]["k"], details["bootstrap"]) == (3, 201)


def test_a_home_that_cannot_be_written_to(project_copy, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    with mounted(home, "-t", "tmpfs", "-o", "ro", "tmpfs"):
        run(project_copy, "snakemake", "--profile", "profiles/local", HOME=str(home))
        run(project_copy, "python", "-m", "stages.report", HOME=str(home), HACM_AGAIN="1")


def test_a_project_in_a_subfolder_of_a_repository_has_revisions(project_copy, tmp_path):
    top = tmp_path / "repository"
    project = top / "work/project"
    shutil.copytree(project_copy, project, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    run(top, "git", "init", "-q")
    run(top, "git", "add", "-A")
    run(top, "git", *AUTHOR, "commit", "-qm", "one")
    page = run(project, "hacm", "audit", "--dataset", "kinect-sim", "--from", "HEAD").stdout
    assert "32 clips) → workspace (" in page
    assert "The same clips, labels, values and parts." in page
    assert "the same version" in run(project, "hacm", "compare", "HEAD", "workspace").stdout
    result = "results/benchmarks/kinect-sim-xsub/hacm/seed-0/knn"
    assert f"{result}: current" in run(project, "hacm", "lineage", "behind", result).stdout


def test_a_full_disk_is_one_line_and_leaves_what_was_there(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "-o", "size=64k", "tmpfs"):
        write_json(disk / "file", [1])
        with replace_directory(disk / "folder") as folder:
            (folder / "old").write_text("old")
        with pytest.raises(UserError, match="no space left"):
            write_json(disk / "file", "x" * 100_000)
        with pytest.raises(UserError, match="no space left"), replace_directory(disk / "folder") as folder:
            (folder / "new").write_bytes(bytes(100_000))
        assert read_json(disk / "file") == [1]
        assert [path.name for path in (disk / "folder").iterdir()] == ["old"]
        assert sorted(path.name for path in disk.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_renamed_is_on_the_disk_before_and_its_name_after(tmp_path, monkeypatch, kind):
    """As far as can be seen without a loss of power: what was synced, and when."""
    seen = []
    sync, replace, rename = os.fsync, os.replace, Path.rename

    def note_sync(number):
        seen.append(Path(os.readlink(f"/proc/self/fd/{number}")).name)
        sync(number)

    def note(function):
        return lambda *arguments: (seen.append("rename"), function(*arguments))[1]

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note(replace))
    monkeypatch.setattr(Path, "rename", note(rename))
    if kind == "file":
        with replace_file(tmp_path / "a") as temporary:
            temporary.write_text("1")
        assert seen == [temporary.name, "rename", tmp_path.name]
    else:
        with replace_directory(tmp_path / "a") as folder:
            (folder / "inner").mkdir()
            (folder / "inner/x").write_text("1")
        assert seen == ["x", "inner", ".a.incomplete", "rename", tmp_path.name]
