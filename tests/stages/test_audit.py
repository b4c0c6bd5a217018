"""The audit as a command: in the graph, by hand on any store, strict, and verifying."""

import json
import shutil

import polars as pl
import pytest

from hacm.files import read_json
from tests.conftest import run


def audit(folder, *options, check=True):
    return run(folder, "hacm", "audit", *options, check=check)


def test_it_leaves_what_the_report_shows(small_project):
    results = small_project / "results/datasets/kinect-sim/audit"
    facts = read_json(results / "audit.json")
    manifest = pl.read_parquet(small_project / "data/kinect-sim/clips/manifest.parquet")
    assert len(pl.read_csv(results / "clips.csv")) == len(manifest) == facts["clips"]
    assert facts["provenance"]["traced_to_recordings"] == len(manifest)
    assert [one["file"] for one in facts["provenance"]["archives"]] == ["kinect-sim.zip"]
    altered = pl.read_csv(results / "altered.csv")
    assert set(altered["name"]) == set(manifest.filter(pl.col("notes").list.len() > 0)["name"])
    assert "its reader" not in set(altered["rule"])
    assert {kind["severity"] for kind in facts["findings"]} <= {"note", "warning"}
    page = (small_project / "report/report.html").read_text()
    assert "By which rule, kinect-sim" in page
    for worst in facts["worst"]:
        assert f"clip {worst['clip']}" in page


def test_by_hand_on_a_store_anywhere_it_writes_nothing(small_project, tmp_path):
    store = shutil.copytree(small_project / "data/kinect-sim/clips", tmp_path / "store")
    before = sorted(small_project.glob("results/datasets/kinect-sim/audit/*"))
    facts = json.loads(audit(small_project, "--store", str(store), "--json").stdout)
    assert facts["version"] == read_json(store / "store.json")["version"]
    done = audit(small_project, "--store", str(store), "--markdown", "--strict")
    assert done.stdout.startswith("# Audit of Kinect simulator (synthetic)\n")
    assert sorted(small_project.glob("results/datasets/kinect-sim/audit/*")) == before


def test_strict_fails_on_what_it_is_told_to(small_project):
    store = str(small_project / "data/kinect-sim/clips")
    done = audit(small_project, "--store", store, "--strict", "leak-subject", check=False)
    assert done.returncode == 2
    assert "error: kinect-sim: 1 findings that --strict names; the first: xview: " in done.stderr
    assert "Traceback" not in done.stderr
    assert audit(small_project, "--store", store, "--strict", "counts", "leak-near", "error").returncode == 0


@pytest.mark.parametrize("damage", ["bit", "label", "split"])
def test_verify_names_what_changed(project_copy, damage):
    assert "nothing changed" in audit(project_copy, "--verify").stdout
    store = project_copy / "data/kinect-sim/clips"
    manifest = pl.read_parquet(store / "manifest.parquet")
    name = manifest["name"][5]
    if damage == "bit":
        shard = next((store / "joints.zarr/c").rglob("0/0/0"))
        content = bytearray(shard.read_bytes())
        content[len(content) // 2] ^= 4
        shard.write_bytes(content)
        words = ["changed: file joints.zarr/c/0/0/0", "changed: clip S00"]
    elif damage == "label":
        changed = pl.when(pl.col("name") == name).then(pl.col("label") + 1).otherwise("label")
        manifest.with_columns(changed.cast(pl.Int32).alias("label")).write_parquet(store / "manifest.parquet")
        words = [f"changed: row {name}", "changed: version", "changed: file manifest.parquet"]
    else:
        path = project_copy / "data/benchmarks/kinect-sim-xsub/split/split.parquet"
        split = pl.read_parquet(path)
        name = split.filter(pl.col("part") == "train")["name"][0]
        moved = pl.when(pl.col("name") == name).then(pl.lit("test")).otherwise("part")
        split.with_columns(part=moved).write_parquet(path)
        words = [f"changed: split kinect-sim-xsub: {name}: is in test", "subjects are on both sides"]
    done = audit(project_copy, "--dataset", "kinect-sim", "--verify", check=False)
    assert done.returncode == 2
    for text in words:
        assert text in done.stdout
    assert done.stderr.splitlines()[-1].startswith("error: data/kinect-sim/clips: ")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


VERIFY = ("--dataset", "kinect-sim", "--verify")
RAW, RECORDINGS = "data/kinect-sim/raw", "data/kinect-sim/recordings"


@pytest.mark.parametrize(
    ("file", "named"),
    [
        (f"{RAW}/kinect-sim.zip", (f"changed: file {RAW}/kinect-sim.zip: is not what was verified",)),
        (f"{RECORDINGS}/joints.zarr/c/0/0/0",
         (f"changed: file {RECORDINGS}/joints.zarr/c/0/0/0: ", f"changed: clip {RECORDINGS}: S00")),
        (f"{RECORDINGS}/excluded.parquet", (f"changed: file {RECORDINGS}/excluded.parquet: ",)),
    ],
)  # fmt: skip
def test_verify_goes_back_to_recordings_and_raw_files(project_copy, file, named):
    flip(project_copy / file)
    done = audit(project_copy, *VERIFY, check=False)
    assert done.returncode == 2
    assert "nothing changed" not in done.stdout
    for text in named:
        assert text in done.stdout
    assert done.stderr.splitlines()[-1].startswith(f"error: {RAW if RAW in file else RECORDINGS}")
    # A store that is asked for alone is verified alone.
    assert "nothing changed" in audit(project_copy, "--store", "data/kinect-sim/clips", "--verify").stdout


def test_what_is_not_here_is_not_verified_and_said_not_to_be(project_copy):
    """An archive that is gone, as in a clone after `dvc pull`; then its folder; then the recordings."""
    raw, recordings = project_copy / RAW, project_copy / RECORDINGS
    receipt = (raw / "receipt.json").read_text()
    (raw / "kinect-sim.zip").unlink()
    for _ in range(2):
        done = audit(project_copy, *VERIFY)
        assert f"{RAW}: raw files are missing" in done.stderr
        assert "nothing changed" in done.stdout
        shutil.rmtree(raw, ignore_errors=True)
    shutil.rmtree(recordings)
    assert f"{RECORDINGS}: not here, and not verified" in audit(project_copy, *VERIFY).stderr
    raw.mkdir()
    for text in ("[]", receipt[: len(receipt) // 2]):
        (raw / "receipt.json").write_text(text)
        done = audit(project_copy, *VERIFY, check=False)
        assert done.returncode == 2
        assert f"error: {RAW}/receipt.json: " in done.stderr.splitlines()[-1]


def test_one_of_several_raw_files_that_is_missing_is_a_fault(project_copy):
    receipt = project_copy / RAW / "receipt.json"
    receipt.write_text(json.dumps({"files": read_json(receipt)["files"] | {"second.zip": "0" * 64}, "recordings": 32}))
    done = audit(project_copy, *VERIFY, check=False)
    assert done.returncode == 2
    assert f"changed: file {RAW}/second.zip: is missing" in done.stdout


def test_revisions_are_compared_without_checking_them_out(project_copy):
    """A commit whose clips are in the cache alone, beside the workspace and beside itself."""
    for key, value in (("user.name", "reader"), ("user.email", "reader@example.org")):
        run(project_copy, "git", "config", key, value)
    run(project_copy, "git", "add", "-A")
    run(project_copy, "git", "commit", "-qm", "before")
    run(project_copy, "git", "tag", "paper")
    text = (project_copy / "params.yaml").read_text()
    (project_copy / "params.yaml").write_text(text.replace("max_frames: 300", "max_frames: 70"))
    run(project_copy, "dvc", "repro", "normalize@kinect-sim")
    facts = json.loads(audit(project_copy, "--from", "paper", "--json").stdout)
    old, new = facts["from"], facts["to"]
    assert (old["revision"], new["revision"]) == ("paper", "workspace")
    assert new["version"] == read_json(project_copy / "data/kinect-sim/clips/store.json")["version"] != old["version"]
    longer = [row["name"] for row in facts["values"]]
    assert 0 < len(longer) <= old["clips"]
    assert all(row["frames_before"] > row["frames_after"] == 70 and row["most"] == 0 for row in facts["values"])
    assert [row["name"] for row in facts["recleaned"]] == longer
    assert [(one["what"], one["before"], one["after"]) for one in facts["causes"]] == [("cleaning.max_frames", 300, 70)]
    done = audit(project_copy, "--from", "paper", "--to", "HEAD", "--strict")
    assert "The same clips, labels, values and parts." in done.stdout
    assert audit(project_copy, "--from", "paper", "--strict", "--no-values", check=False).returncode == 2
    done = audit(project_copy, "--from", "nothing", check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: nothing: no git revision, tag or experiment")
