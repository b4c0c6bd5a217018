"""Downloading: mirrors, official addresses, gated archives, and everything that must be refused."""

import functools
import http.server
import itertools
import shutil
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import py7zr
import pytest

from hacm.files import read_json
from hacm.recordings.notes import Kind, Note
from pipeline.datasets.definition import FACTS
from pipeline.datasets.registry import find_shipped
from pipeline.store.manifest import notes_of
from pipeline.store.store import SkeletonStore
from tests.conftest import PROJECT, run
from tests.helpers.pku_text import PKU_SPLITS, pku_texts
from tests.helpers.raw_files import ntu_archive, stage, write_tree

UTD = PROJECT.parent / "shared" / "data" / "utd-mhad-skeleton.tar.xz"


@pytest.fixture
def serve_folder():
    """Serve a folder on loopback; gives its address, with a slash at the end."""
    servers = []

    def serve(folder: Path) -> str:
        handler = functools.partial(Quiet, directory=str(folder))
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def refused(place: Path, dataset: str, **extra: str) -> str:
    """The last line of a download that ends in an error; from an empty mirror, so that nothing is asked of the net."""
    (place / "mirror").mkdir(exist_ok=True)
    extra.setdefault("HACM_MIRROR", str(place / "mirror"))
    done = stage(place, "download", dataset, **extra)
    assert done.returncode == 1, done.stderr
    assert not (place / "data" / dataset / "raw" / "receipt.json").exists()
    return done.stderr.splitlines()[-1]


def change_ntu60(place: Path, old: str, new: str) -> None:
    """Change one setting in the section datasets.ntu60 of params.yaml."""
    head, tail = (place / "params.yaml").read_text().split("  ntu60: # gated")
    assert old in tail
    (place / "params.yaml").write_text(f"{head}  ntu60: # gated{tail.replace(old, new, 1)}")


def test_gated_data_set_says_where_to_ask_and_where_to_put_it(place):
    message = refused(place, "ntu120")
    for word in (
        "nturgbd_skeletons_s001_to_s017.zip and nturgbd_skeletons_s018_to_s032.zip",
        "rose1.ntu.edu.sg",
        "data/ntu120/raw",
    ):
        assert word in message


def test_ntu_archive_is_verified_parsed_and_counted(place):
    raw = place / "data/ntu60/raw"
    names = ntu_archive(raw / "nturgbd_skeletons_s001_to_s017.zip")
    assert stage(place, "download", "ntu60").returncode == 0
    assert read_json(raw / "receipt.json")["recordings"] == len(names)
    done = stage(place, "ingest", "ntu60")
    assert done.returncode == 1
    assert f"{len(names)} recordings, 56880 are expected; absent: S002C001P001R001A001, " in done.stderr
    assert (
        "and 694 more" in done.stderr
    )  # beside the ten; four groups of 180, of each 2 actions from 2 cameras are here
    written = (place / "data/ntu60/differences.txt").read_text().splitlines()
    assert len(written) == 4 * 180 - len(names) + 1
    assert written[-1].endswith("312 of 316")
    assert not (place / "data/ntu60/recordings").exists()
    change_ntu60(place, "allow_partial: false", "allow_partial: true")
    for name in ("ingest", "normalize"):
        assert stage(place, name, "ntu60").returncode == 0
    assert sorted(SkeletonStore.open(place / "data/ntu60/clips")) == sorted(names)
    assert not (place / "data/ntu60/differences.txt").exists()


def test_unpacked_folder_gives_the_same_version_as_the_archive(place, tmp_path):
    ntu_archive(place / "data/ntu60/raw/nturgbd_skeletons_s001_to_s017.zip")
    versions = []
    for _ in range(2):
        assert stage(place, "download", "ntu60").returncode == 0
        assert stage(place, "ingest", "ntu60", "--limit", "9").returncode == 0
        versions.append(SkeletonStore.open(place / "data/ntu60/trial/recordings").version)
        raw = place / "data/ntu60/raw"
        with zipfile.ZipFile(raw / "nturgbd_skeletons_s001_to_s017.zip") as archive:
            archive.extractall(raw)
    assert versions[0] == versions[1]


def test_recordings_under_any_name_in_any_packing_are_taken(place):
    """An archive under another name, loose files, folders in folders, a second folder beside the first."""
    raw = place / "data/ntu60/raw"
    names = ntu_archive(place / "archive.zip")
    with zipfile.ZipFile(place / "archive.zip") as archive:
        archive.extractall(place / "unpacked")
    files = sorted((place / "unpacked/nturgb+d_skeletons").iterdir())

    def packed_as(*folders: str) -> None:
        shutil.rmtree(raw, ignore_errors=True)
        for number, file in enumerate(files):
            target = raw / folders[number % len(folders)]
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)

    def renamed() -> None:
        raw.mkdir(parents=True)
        shutil.copy(place / "archive.zip", raw / "skeletons from the lab.zip")

    renamed()
    ways = [lambda: None, lambda: packed_as(""), lambda: packed_as("a/b/c", "a/d"),
            lambda: packed_as("nturgb+d_skeletons", "nturgb+d_skeletons120")]  # fmt: skip
    for pack in ways:
        pack()
        done = stage(place, "download", "ntu60")
        assert done.returncode == 0, done.stderr
        assert read_json(raw / "receipt.json")["recordings"] == len(names)


def test_what_lies_there_beside_is_named(place):
    raw = place / "data/ntu60/raw"
    raw.mkdir(parents=True)
    (raw / "thesis.pdf").write_bytes(b"%PDF")
    with zipfile.ZipFile(raw / "videos.zip", "w") as archive:
        archive.writestr("a.avi", "RIFF")
    assert "what is there holds none of it, or not all: thesis.pdf, videos.zip" in refused(place, "ntu60")
    names = ntu_archive(raw / "nturgbd_skeletons_s001_to_s017.zip")
    shutil.copy(raw / "nturgbd_skeletons_s001_to_s017.zip", raw / "again.zip")
    done = stage(place, "download", "ntu60")
    assert (
        "2 of 4 files in data/ntu60/raw are not read, for nturgbd_skeletons_s001_to_s017.zip is there: again.zip, videos.zip"
        in done.stderr
    )
    assert "1 of 4 files in data/ntu60/raw is none of its recordings and is not read: thesis.pdf" in done.stderr
    assert read_json(raw / "receipt.json")["recordings"] == len(names)
    message = refused(place, "ntu120")
    assert "nothing in data/ntu120/raw" in message or "is not in data/ntu120/raw" in message


def test_files_that_are_none_of_the_recordings_are_counted_and_named(place, tmp_path):
    """Four good recordings among others: loose, in a folder; hidden files and the receipt do not count."""
    raw = place / "data/ntu60/raw"
    names = ntu_archive(place / "archive.zip")[:4]
    strangers = ["s1_a3_t1.csv.gz", "s1_a3_t1.tsv", "s1_a3_t1.txt", "s1_a3_t1.xlsx"]
    for folder in (raw, raw / "nturgb+d_skeletons"):
        shutil.rmtree(raw, ignore_errors=True)
        folder.mkdir(parents=True)
        with zipfile.ZipFile(place / "archive.zip") as archive:
            for name in names:
                (folder / f"{name}.skeleton").write_bytes(archive.read(f"nturgb+d_skeletons/{name}.skeleton"))
        for _ in range(2):
            done = stage(place, "download", "ntu60")
            assert done.returncode == 0, done.stderr
            assert "not read" not in done.stderr
        (raw / ".hidden").touch()
        for stranger in strangers:
            (folder / stranger).touch()
        done = stage(place, "download", "ntu60")
        where = "" if folder == raw else "nturgb+d_skeletons/"
        assert (
            "ntu60: 4 of 8 files in data/ntu60/raw are none of its recordings and are not read: "
            + ", ".join(where + stranger for stranger in strangers)
        ) in done.stderr
        assert read_json(raw / "receipt.json")["recordings"] == 4
    (raw / "thesis.pdf").touch()
    for stranger in strangers:
        (folder / stranger).unlink()
    done = stage(place, "download", "ntu60")
    assert "1 of 5 files in data/ntu60/raw is none of its recordings and is not read: thesis.pdf" in done.stderr


def test_companions_and_what_is_in_archives_are_not_taken_for_strangers(place):
    """PKU-MMD's labels and splits belong to it; of an archive only that it is read counts."""
    raw = place / "data/pku1/raw"
    pku_folders(raw)
    assert "not read" not in stage(place, "download", "pku1").stderr
    (raw / "notes.docx").touch()
    assert "pku1: 1 of " in stage(place, "download", "pku1").stderr
    write_zip(place / "data/ui-prmd/raw/UI-PRMD.zip", ui_prmd_texts())
    done = stage(place, "download", "ui-prmd")
    assert done.returncode == 0, done.stderr
    assert "not read" not in done.stderr


def test_authors_list_of_incomplete_recordings_is_excluded_by_name(place):
    listed = (FACTS / "ntu-missing.txt").read_text().split()
    assert len(listed) == len(set(listed)) == 535
    assert sum(int(name[1:4]) <= 17 for name in listed) == 302
    raw = place / "data/ntu60/raw"
    names = ntu_archive(raw / "nturgbd_skeletons_s001_to_s017.zip")
    with zipfile.ZipFile(raw / "nturgbd_skeletons_s001_to_s017.zip", "a") as archive:
        archive.writestr(f"nturgb+d_skeletons/{listed[0]}.skeleton", "0\n")
    assert stage(place, "download", "ntu60").returncode == 0
    assert stage(place, "ingest", "ntu60", "--limit", "9999").returncode == 0
    store = SkeletonStore.open(place / "data/ntu60/trial/recordings")
    assert len(store) == len(names)
    assert store.table("excluded")["reason"].to_list() == ["listed by the data set's authors as missing or incomplete"]


def test_a_recording_that_cannot_be_read_is_excluded_or_stops_the_run(place):
    archive = place / "data/ntu60/raw/nturgbd_skeletons_s001_to_s017.zip"
    names = ntu_archive(archive)
    with zipfile.ZipFile(archive, "a") as stream:
        stream.writestr("nturgb+d_skeletons/S001C001P001R002A001.skeleton", "1\n1\nnonsense\n")
        stream.writestr("nturgb+d_skeletons/../../S001C001P001R002A002.skeleton", "0\n")
    assert stage(place, "download", "ntu60").returncode == 0
    change_ntu60(place, "allow_partial: false", "allow_partial: true")
    done = stage(place, "ingest", "ntu60")
    assert done.returncode == 0, done.stderr
    store = SkeletonStore.open(place / "data/ntu60/recordings")
    assert len(store) == len(names)
    reasons = dict(store.table("excluded").select("name", "reason").iter_rows())
    assert "line 2" in reasons["S001C001P001R002A001"]
    assert reasons["S001C001P001R002A002"] == "path leads out of the archive"
    change_ntu60(place, "strict: false", "strict: true")
    done = stage(place, "ingest", "ntu60")
    assert done.returncode == 1
    assert "datasets.ntu60.ingest.strict" in done.stderr.splitlines()[-1]


def test_refused_members_are_named_with_the_reason(place):
    """A link under a recording's name among good recordings, and then alone."""
    archive = place / "data/ntu60/raw/nturgbd_skeletons_s001_to_s017.zip"
    ntu_archive(archive)
    link = zipfile.ZipInfo("S001C001P001R001A060.skeleton")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(archive, "a") as added:
        added.writestr(link, "elsewhere")
    done = stage(place, "download", "ntu60")
    assert done.returncode == 0, done.stderr
    assert "refused, and left out of what is parsed (1): S001C001P001R001A060.skeleton: " in done.stderr
    (place / "data/ntu60/raw/receipt.json").unlink()
    with zipfile.ZipFile(archive, "w") as alone:
        alone.writestr(link, "elsewhere")
    message = refused(place, "ntu60")
    assert "holds no recording of NTU RGB+D (1 refused: S001C001P001R001A060.skeleton: " in message


def test_a_changed_archive_is_refused_after_the_first_sight(place):
    archive = place / "data/ntu60/raw/nturgbd_skeletons_s001_to_s017.zip"
    ntu_archive(archive)
    assert stage(place, "download", "ntu60").returncode == 0
    ntu_archive(archive, change="\n")
    done = stage(place, "download", "ntu60")
    assert done.returncode == 1
    assert "has changed since it was first recorded" in done.stderr


@pytest.mark.parametrize("content", [b"", b"not a zip at all", b"PK\x03\x04" + bytes(500)])
def test_damaged_archive(place, content):
    archive = place / "data/utd-mhad/raw/Skeleton.zip"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(content)
    assert str(archive.relative_to(place)) in refused(place, "utd-mhad")


def test_truncated_archive(place):
    archive = place / "data/ntu60/raw/nturgbd_skeletons_s001_to_s017.zip"
    ntu_archive(archive)
    archive.write_bytes(archive.read_bytes()[:-5000])
    assert archive.name in refused(place, "ntu60")


def test_archive_of_something_else(place):
    archive = place / "data/utd-mhad/raw/Skeleton.zip"
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("readme.txt", "hello")
    assert "holds no recording of UTD-MHAD" in refused(place, "utd-mhad")


def test_recording_that_differs_from_the_known_copy(place):
    archive = place / "data/utd-mhad/raw/Skeleton.zip"
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("Skeleton/a1_s1_t1_skeleton.mat", b"other")
    message = refused(place, "utd-mhad")
    assert "a1_s1_t1_skeleton.mat differs from the known copy" in message
    assert "datasets.utd-mhad.source.verify" in message


def test_the_official_layouts_trouble_is_told_first(place, serve_folder):
    """Not that the other layout is absent too."""
    address = serve_folder(place / "nothing")
    message = refused(place, "utd-mhad", HACM_MIRROR=address, no_proxy="127.0.0.1")
    assert f"{address}Skeleton.zip: cannot be downloaded (HTTP 404" in message


def test_mirror_without_the_file(place):
    message = refused(place, "utd-mhad")
    assert str(place / "mirror") in message
    assert find_shipped()["utd-mhad"].page in message


@pytest.mark.parametrize("dataset", ["utd-mhad", "ntu60"])
def test_mirror_that_is_no_folder_is_said(place, dataset):
    assert "HACM_MIRROR=/nowhere/at/all: no such folder" in refused(place, dataset, HACM_MIRROR="/nowhere/at/all")


def test_a_damaged_archive_is_fetched_again(place):
    """From a mirror that has it; the damaged one is kept under another name, and what happens is said."""
    names = ntu_archive(place / "mirror/nturgbd_skeletons_s001_to_s017.zip")
    raw = place / "data/ntu60/raw"
    shutil.copytree(place / "mirror", raw)
    archive = raw / "nturgbd_skeletons_s001_to_s017.zip"
    damaged = archive.read_bytes()[:-5000]
    archive.write_bytes(damaged)
    done = stage(place, "download", "ntu60", HACM_MIRROR=str(place / "mirror"))
    assert done.returncode == 0, done.stderr
    assert f"kept as {archive.name}.damaged, fetching it again" in done.stderr
    assert (raw / f"{archive.name}.damaged").read_bytes() == damaged
    assert read_json(raw / "receipt.json")["recordings"] == len(names)


def test_a_damaged_archive_stays_where_no_other_can_be_had(place):
    archive = place / "data/ntu60/raw/nturgbd_skeletons_s001_to_s017.zip"
    ntu_archive(archive)
    archive.write_bytes(archive.read_bytes()[:-5000])
    message = refused(place, "ntu60")
    assert f"{archive.relative_to(place)}: damaged or cut short" in message
    assert message.endswith(f"copy it again, or ask for it at {find_shipped()['ntu60'].page}")
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]


def test_a_mirror_whose_copy_is_damaged_too(place):
    archive = place / "data/utd-mhad/raw/Skeleton.zip"
    for path in (archive, place / "mirror/Skeleton.zip"):
        write_zip(path, {"Skeleton/a1_s1_t1_skeleton.mat": b"other"})
    assert "a1_s1_t1_skeleton.mat differs from the known copy" in refused(place, "utd-mhad")
    assert sorted(path.name for path in archive.parent.iterdir()) == ["Skeleton.zip", "Skeleton.zip.damaged"]


@pytest.mark.real
@pytest.mark.skipif(not UTD.exists(), reason="needs the real recordings, which the project may not carry")
class TestRealRecordings:
    def test_from_a_mirror_folder(self, place):
        assert stage(place, "download", "utd-mhad", HACM_MIRROR=str(UTD.parent)).returncode == 0
        assert read_json(place / "data/utd-mhad/raw/receipt.json")["recordings"] == 861

    def test_from_a_mirror_address_in_the_official_layout(self, place, tmp_path, serve_folder):
        """The authors' Skeleton.zip holds the same files in a folder Skeleton/; only that layout is made here."""
        served = tmp_path / "served"
        served.mkdir()
        with tarfile.open(UTD) as source, zipfile.ZipFile(served / "Skeleton.zip", "w") as target:
            for member in source:
                if member.name.endswith(".mat"):
                    target.writestr(f"Skeleton/{Path(member.name).name}", source.extractfile(member).read())

        address = serve_folder(served)
        assert stage(place, "download", "utd-mhad", HACM_MIRROR=address, no_proxy="127.0.0.1").returncode == 0
        for name in ("ingest", "normalize"):
            assert stage(place, name, "utd-mhad").returncode == 0
        store = SkeletonStore.open(place / "data/utd-mhad/clips")
        assert len(store) == 861
        assert store.manifest["label"].n_unique() == 27


def ui_prmd_texts() -> dict[str, bytes]:
    """Pairs of texts under the authors' names: three subjects, two movements, correct and incorrect."""
    texts = {}
    for subject, movement, ending in itertools.product((1, 2, 3), (1, 2), ("", "_inc")):
        folder = ("Incorrect " if ending else "") + "Segmented Movements/Kinect"
        name = f"m{movement:02}_s{subject:02}_e01"
        offsets = [f"{movement}.5"] * 66
        for kind, row in (("Positions", offsets), ("Angles", [str(subject)] * 66)):
            line = ",".join(row).encode() + b"\n"
            texts[f"{folder}/{kind}/{name}_{kind.lower()}{ending}.txt"] = line * (30 + movement)
    texts["Segmented Movements/Vicon/Positions/m01_s01_e01_positions.txt"] = b"of another sensor\n"
    return texts


def allow_partial(place: Path, dataset: str) -> None:
    head, tail = (place / "params.yaml").read_text().split(f"\n  {dataset}:", 1)
    tail = tail.replace("allow_partial: false", "allow_partial: true", 1)
    (place / "params.yaml").write_text(f"{head}\n  {dataset}:{tail}")


def write_zip(path: Path, texts: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in texts.items():
            archive.writestr(name, content)


def test_open_data_set_says_where_to_get_it(place):
    message = refused(place, "ui-prmd")
    for word in ("ui-prmd-kinect.tar.bz2", "Segmented Movements", "webpages.uidaho.edu/ui-prmd", "data/ui-prmd/raw"):
        assert word in message
    assert "ask for" not in message
    (place / "data/ui-prmd/raw").mkdir(parents=True)
    (place / "data/ui-prmd/raw/Segmented Movements.rar").write_bytes(b"Rar!")
    assert "unpack Segmented Movements.rar first" in refused(place, "ui-prmd")


def test_pairs_of_files_in_any_packing_give_the_same_version(place):
    texts, raw, versions = ui_prmd_texts(), place / "data/ui-prmd/raw", []
    allow_partial(place, "ui-prmd")
    incorrect = {name: data for name, data in texts.items() if name.startswith("Incorrect")}
    for packing in ("folders", "one zip", "two zips"):
        shutil.rmtree(raw, ignore_errors=True)
        if packing == "folders":
            write_tree(raw, texts)
        elif packing == "one zip":
            write_zip(raw / "UI-PRMD.zip", {f"UI-PRMD/{name}": data for name, data in texts.items()})
        else:
            write_zip(raw / "b.zip", incorrect)
            write_zip(raw / "a.zip", {name: data for name, data in texts.items() if name not in incorrect})
        for name in ("download", "ingest", "normalize"):
            done = stage(place, name, "ui-prmd")
            assert done.returncode == 0, done.stderr
        assert read_json(raw / "receipt.json")["recordings"] == 12
        versions.append(SkeletonStore.open(place / "data/ui-prmd/clips").version)
    assert len(set(versions)) == 1
    manifest = SkeletonStore.open(place / "data/ui-prmd/clips").manifest
    assert sorted(manifest["execution"]) == ["correct"] * 6 + ["incorrect"] * 6
    assert sorted(manifest["frames"]) == [31] * 6 + [32] * 6


def test_a_file_without_its_partner_stops_the_run_or_is_left_out(place):
    texts, raw = ui_prmd_texts(), place / "data/ui-prmd/raw"
    del texts["Segmented Movements/Kinect/Angles/m02_s03_e01_angles.txt"]
    write_tree(raw, texts)
    allow_partial(place, "ui-prmd")
    assert stage(place, "download", "ui-prmd").returncode == 0
    done = stage(place, "ingest", "ui-prmd")
    assert done.returncode == 1
    assert "m02_s03_e01_positions.txt: its angles file is not among the raw files" in done.stderr
    (place / "params.yaml").write_text((place / "params.yaml").read_text().replace("strict: true", "strict: false"))
    assert stage(place, "ingest", "ui-prmd").returncode == 0
    store = SkeletonStore.open(place / "data/ui-prmd/recordings")
    assert len(store) == 11
    assert store.table("excluded")["name"].to_list() == ["m02_s03_e01"]


def test_limit_counts_recordings_and_not_files(place):
    write_tree(place / "data/ui-prmd/raw", ui_prmd_texts())
    assert stage(place, "download", "ui-prmd").returncode == 0
    assert stage(place, "ingest", "ui-prmd", "--limit", "5").returncode == 0
    assert len(SkeletonStore.open(place / "data/ui-prmd/trial/recordings")) == 5


def test_two_companions_that_differ_are_refused(place):
    raw = place / "data/ui-prmd/raw"
    write_tree(raw, ui_prmd_texts())
    write_tree(raw / "again", {"Segmented Movements/Kinect/Angles/m01_s01_e01_angles.txt": b"0\n"})
    assert stage(place, "download", "ui-prmd").returncode == 0
    done = stage(place, "ingest", "ui-prmd")
    assert done.returncode == 1
    assert "are both angles and differ; keep one" in done.stderr


UI_PRMD = PROJECT.parent / "shared" / "data" / "ui-prmd-kinect.tar.bz2"


@pytest.mark.real
@pytest.mark.skipif(not UI_PRMD.exists(), reason="needs the real recordings, which the project may not carry")
def test_real_ui_prmd_from_a_mirror(place):
    assert stage(place, "download", "ui-prmd", HACM_MIRROR=str(UI_PRMD.parent)).returncode == 0
    for name in ("ingest", "normalize"):
        assert stage(place, name, "ui-prmd").returncode == 0
    done = run(place, "python", "-m", "stages.split", "--benchmark", "ui-prmd-xsub")
    assert "1000 training and 1000 test clips" in done.stdout + done.stderr
    manifest = SkeletonStore.open(place / "data/ui-prmd/clips").manifest
    assert manifest["label"].n_unique() == manifest["subject"].n_unique() == 10
    assert manifest["bodies"].unique().to_list() == [1]


JOINT_LINES = {
    "msr-action3d": ("skeleton3D", "MSRAction3DSkeletonReal3D", 20, "0.1 {:.2f}e-3 2.5 1\n"),
    "kard": ("realworld", "KARD", 15, "100 {:.2f} 2500\n"),
}


def joint_lines(dataset: str) -> dict[str, bytes]:
    """Three small recordings of two people, by the names that the authors give them, and a text that is none."""
    ending, folder, joints, line = JOINT_LINES[dataset]
    data = "".join(line.format(100 * joint) for joint in range(joints)).encode() * 9
    names = ("a01_s01_e01", "a01_s02_e01", "a02_s02_e03")
    return {f"{folder}/{name}_{ending}.txt": data for name in names} | {f"{folder}/readme.txt": b"hello"}


def take_any_recordings(place: Path, dataset: str) -> None:
    """Other recordings than the known ones, and not all."""
    head, tail = (place / "params.yaml").read_text().split(f"  {dataset}:", 1)
    tail = tail.replace("verify: true", "verify: false", 1).replace("allow_partial: false", "allow_partial: true", 1)
    (place / "params.yaml").write_text(f"{head}  {dataset}:{tail}")


@pytest.mark.parametrize("dataset", JOINT_LINES)
def test_texts_of_a_line_a_joint_are_read_from_folder_zip_and_tar(place, dataset):
    take_any_recordings(place, dataset)
    texts, raw, versions = joint_lines(dataset), place / "data" / dataset / "raw", []
    for packing in ("folder", "loose", "zip", "tar.gz"):
        shutil.rmtree(raw, ignore_errors=True)
        if packing == "folder":
            write_tree(raw, texts)
        elif packing == "loose":
            write_tree(raw, {name.split("/")[1]: data for name, data in texts.items()})
        elif packing == "zip":
            write_zip(raw / "download.zip", texts)
        else:
            write_tree(place / "tree", texts)
            raw.mkdir()
            with tarfile.open(raw / "download.tar.gz", "w:gz") as archive:
                archive.add(place / "tree", "kinect")
        for name in ("download", "ingest", "normalize"):
            done = stage(place, name, dataset)
            assert done.returncode == 0, done.stderr
        versions.append(SkeletonStore.open(place / f"data/{dataset}/clips").version)
    assert len(set(versions)) == 1
    manifest = SkeletonStore.open(place / f"data/{dataset}/clips").manifest
    assert manifest["name"].to_list() == ["a01_s01_e01", "a01_s02_e01", "a02_s02_e03"]
    assert manifest["label"].to_list() == [0, 0, 1]


@pytest.mark.parametrize("dataset", JOINT_LINES)
def test_where_they_are_to_be_had_is_said_and_a_rar_is_to_be_unpacked(place, dataset):
    message = refused(place, dataset)
    for word in (find_shipped()[dataset].page, f"data/{dataset}/raw", find_shipped()[dataset].contents):
        assert word in message
    raw = place / "data" / dataset / "raw"
    raw.mkdir(parents=True)
    (raw / "MSRAction3DSkeletonReal3D.rar").write_bytes(b"Rar!")
    assert refused(place, dataset).endswith("; unpack MSRAction3DSkeletonReal3D.rar first")


@pytest.mark.parametrize("packing", ["zip", "folder"])
def test_archives_within_archives_are_named_with_the_remedy(place, packing):
    """Alone, or beside recordings that are read."""
    take_any_recordings(place, "kard")
    raw = place / "data/kard/raw"
    inner = {"KARD/S01.tar": b"any", "KARD/more/S02.rar": b"Rar!"}
    for texts in ({}, joint_lines("kard")):
        shutil.rmtree(raw, ignore_errors=True)
        if packing == "folder":
            write_tree(raw, inner | texts)
        else:
            write_zip(raw / "KARD.zip", inner | texts)
        names = [f"{'KARD.zip/' if packing == 'zip' else ''}{name}" for name in inner]
        found = ", ".join(sorted(names) if packing == "zip" else names)
        told = f"2 archives within others or in folders are not read: {found}; put into data/kard/raw itself"
        if texts:
            done = stage(place, "download", "kard")
            assert (done.returncode, f"kard: {told}" in done.stderr) == (0, True), done.stderr
        else:
            assert told in refused(place, "kard")


def test_a_recording_of_msr_action3d_that_differs_from_the_known_copy(place):
    write_tree(place / "data/msr-action3d/raw", joint_lines("msr-action3d"))
    assert "a01_s01_e01_skeleton3D.txt differs from the known copy" in refused(place, "msr-action3d")


def test_what_the_authors_leave_out_is_excluded_by_name_and_strict_does_not_stop(place):
    take_any_recordings(place, "msr-action3d")
    texts = joint_lines("msr-action3d")
    texts["x/a13_s09_e02_skeleton3D.txt"] = b"0 0 0 0\n" * 20 * 9
    write_tree(place / "data/msr-action3d/raw", texts)
    for name in ("download", "ingest"):
        done = stage(place, name, "msr-action3d")
        assert done.returncode == 0, done.stderr
    excluded = SkeletonStore.open(place / "data/msr-action3d/recordings").table("excluded")
    assert excluded["name"].to_list() == ["a13_s09_e02"]
    assert excluded["reason"].to_list() == ["listed by the data set's authors as missing or incomplete"]


REAL_JOINT_LINES = {
    "msr-action3d": (
        "msr-action3d-skeleton.tar.xz",
        "284 training and 273 test clips",
        20,
        "4ebca7214cdb6ff93b2ade4ede217dfc",
    ),
    "kard": ("kard-realworld.tar.xz", "270 training and 270 test clips", 18, "5ba8deeb18324253a497b5224858e6c2"),
}


@pytest.mark.real
@pytest.mark.skipif(not UTD.exists(), reason="needs the real recordings, which the project may not carry")
@pytest.mark.parametrize("dataset", REAL_JOINT_LINES)
def test_real_recordings_of_a_line_a_joint_over_http(place, serve_folder, dataset):
    archive, parts, actions, version = REAL_JOINT_LINES[dataset]
    (place / "served").mkdir()
    shutil.copy(UTD.parent / archive, place / "served")
    address = serve_folder(place / "served")
    assert stage(place, "download", dataset, HACM_MIRROR=address, no_proxy="127.0.0.1").returncode == 0
    for name in ("ingest", "normalize"):
        assert stage(place, name, dataset).returncode == 0
    done = run(place, "python", "-m", "stages.split", "--benchmark", f"{dataset}-xsub")
    assert parts in done.stdout + done.stderr
    store = SkeletonStore.open(place / f"data/{dataset}/clips")
    assert store.version == version
    assert (store.manifest["label"].n_unique(), store.manifest["subject"].n_unique()) == (actions, 10)
    assert store.manifest["bodies"].unique().to_list() == [1]


def pku_folders(raw: Path) -> None:
    videos, labels = pku_texts()
    write_tree(raw / "Skeleton", videos)
    write_tree(raw / "Label_PKUMMD", labels)
    write_tree(raw / "Split", PKU_SPLITS)


def pku_zips(raw: Path) -> None:
    videos, labels = pku_texts()
    write_zip(raw / "Skeleton.zip", {f"PKU_Skeleton_Renew/{name}": data for name, data in videos.items()})
    write_zip(raw / "Label_PKUMMD.zip", labels)
    write_tree(raw, PKU_SPLITS)


def pku_seven_zips(raw: Path) -> None:
    """As the authors have them: both phases' archives are .7z."""
    videos, labels = pku_texts()
    raw.mkdir(parents=True)
    for name, texts in (("Skeleton", videos), ("Label_PKUMMD", labels)):
        with py7zr.SevenZipFile(raw / f"{name}.7z", "w") as archive:
            for file, data in texts.items():
                archive.writestr(data, file)
    write_tree(raw, PKU_SPLITS)


def test_pku_mmd_says_where_to_ask_and_what_to_unpack(place):
    for dataset in ("pku1", "pku2"):
        message = refused(place, dataset)
        for word in (
            "ask for the skeletons, the labels and both split files",
            "icst.pku.edu.cn",
            f"data/{dataset}/raw",
        ):
            assert word in message
    write_tree(place / "data/pku1/raw", {"Skeleton.rar": b"Rar!", "Label_PKUMMD.rar": b"Rar!"})
    assert "unpack Label_PKUMMD.rar, Skeleton.rar first" in refused(place, "pku1")
    write_tree(place / "data/pku1/raw", PKU_SPLITS)
    assert "holds no recording" in refused(place, "pku1")
    assert "unpack Label_PKUMMD.rar, Skeleton.rar first" in refused(place, "pku1")


@pytest.mark.parametrize(("dataset", "packing"), [("pku1", pku_seven_zips), ("pku2", pku_zips)])
def test_pku_mmd_from_raw_files_to_its_splits(place, dataset, packing):
    raw, versions = place / "data" / dataset / "raw", []
    for pack in (pku_folders, packing):
        shutil.rmtree(raw, ignore_errors=True)
        pack(raw)
        assert stage(place, "download", dataset).returncode == 0
        assert read_json(raw / "receipt.json")["recordings"] == 4
        if pack is pku_folders:
            done = stage(place, "ingest", dataset)
            assert f"4 videos, {find_shipped()[dataset].videos} are expected" in done.stderr
            allow_partial(place, dataset)
        for name in ("ingest", "normalize", "audit"):
            done = stage(place, name, dataset)
            assert done.returncode == 0, done.stderr
        versions.append(SkeletonStore.open(place / "data" / dataset / "clips").version)
    assert versions[0] == versions[1]
    check_pku_clips(SkeletonStore.open(place / "data" / dataset / "clips"))
    for rule in ("xsub", "xview"):
        done = run(place, "python", "-m", "stages.split", "--benchmark", f"{dataset}-{rule}")
        assert "6 training and 6 test clips" in done.stdout + done.stderr
    done = run(place, "python", "-m", "stages.baseline", "--benchmark", f"{dataset}-xsub")
    assert read_json(place / f"results/benchmarks/{dataset}-xsub/baseline/metrics.json")["classes"] == 51


def check_pku_clips(store: SkeletonStore) -> None:
    assert sorted(store)[:3] == ["0002-L-001", "0002-L-002", "0002-L-003"]
    assert store.manifest["subject"].null_count() == len(store) == 12
    rows = {name: store.row(f"0002-M-{name}") for name in ("001", "002", "003")}
    assert [rows[name]["bodies"] for name in rows] == [2, 1, 2]
    assert [rows[name]["frames"] for name in rows] == [90, 100, 300]
    assert notes_of(rows["003"]["notes"]) == (Note(Kind.TRUNCATED, frames=330, limit=300),)
    assert [(row["xsub_part"], row["xview_part"]) for row in rows.values()] == [("train", "test")] * 3
    assert store["0002-M-001"][0, 0, 0].tolist() == [np.float32(value) for value in (1, 1.001, 1.002)]  # not centred
    assert store.table("excluded")["reason"].to_list() == ["no body in any frame"] * 4


def test_pku_mmd_label_that_cannot_be_stops_the_run_with_file_and_line(place):
    raw = place / "data/pku1/raw"
    pku_folders(raw)
    (raw / "Label_PKUMMD/0003-L.txt").write_bytes(b"7,0,90,1\n51,200,100,1\n")
    allow_partial(place, "pku1")
    assert stage(place, "download", "pku1").returncode == 0
    done = stage(place, "ingest", "pku1")
    assert done.returncode == 1
    assert "Label_PKUMMD/0003-L.txt: line 2: ends at frame 100, not after its start at 200" in done.stderr
    (place / "params.yaml").write_text((place / "params.yaml").read_text().replace("strict: true", "strict: false"))
    assert stage(place, "ingest", "pku1").returncode == 0
    assert SkeletonStore.open(place / "data/pku1/recordings").table("excluded")["name"].to_list() == ["0003-L-002"]


def test_pku_mmd_split_files_that_differ_are_refused(place):
    raw = place / "data/pku1/raw"
    pku_folders(raw)
    write_tree(raw, {"cross_subject_v2.txt": PKU_SPLITS["cross_view_v2.txt"]})
    assert stage(place, "download", "pku1").returncode == 0
    done = stage(place, "ingest", "pku1")
    assert done.returncode == 1
    assert "are both xsub and differ; keep one" in done.stderr
