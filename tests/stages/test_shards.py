"""A data set parsed in parts is the one parsed at once, byte for byte."""

import shutil

from hacm.files import hash_tree
from pipeline.store.store import SkeletonStore
from tests.conftest import run

INGEST = ("python", "-m", "stages.ingest", "--dataset", "kinect-sim")


def test_parts_parsed_beforehand_make_the_same_store(project_copy):
    folder = project_copy / "data/kinect-sim/recordings"
    expected = hash_tree(folder)
    names = list(SkeletonStore.open(folder))
    shutil.rmtree(folder)
    parts = []
    for index in range(3):
        run(project_copy, *INGEST, "--shard", str(index), "--of", "3")
        parts.append(list(SkeletonStore.open(project_copy / f".state/ingest/kinect-sim/{index}-of-3")))
    assert sorted(name for part in parts for name in part) == sorted(names)
    assert all(parts)
    assert not folder.exists()
    done = run(project_copy, *INGEST, HACM_AGAIN="1")
    assert f"{len(names)} recordings" in done.stderr
    assert f"{len(names)} unchanged and not parsed again" in done.stderr
    assert hash_tree(folder) == expected
    assert not (project_copy / ".state/ingest/kinect-sim").exists()


def test_a_part_that_is_not_there_is_refused(small_project):
    done = run(small_project, *INGEST, "--shard", "3", "--of", "3", check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "error: --shard: 3 is none of 3 parts; they count from 0"


def test_snakemake_parses_in_parts_and_dvc_sees_one_stage(project_copy):
    """The store gone, Snakemake makes it anew from two parts; nothing after it runs, and DVC is clean.

    What Snakemake itself noted of the jobs is of no account: one that was killed notes nothing.
    """
    folder = project_copy / "data/kinect-sim/recordings"
    expected = hash_tree(folder)
    shutil.rmtree(folder)
    shards = ("--config", "shards={kinect-sim: 2}")
    done = run(project_copy, "snakemake", "--profile", "profiles/local", "--cores", "1", *shards, HACM_AGAIN="1")
    assert done.stderr.count("\nlocalrule ingest_shard:") + done.stderr.count("\nrule ingest_shard:") == 2
    assert "unchanged and not parsed again" in (project_copy / ".state/engine/logs/ingest@kinect-sim.log").read_text()
    assert hash_tree(folder) == expected
    assert "up to date by content" in (project_copy / ".state/engine/logs/normalize@kinect-sim.end").read_text()
    assert run(project_copy, "dvc", "status").stdout.strip() == "Data and pipelines are up to date."
    shutil.rmtree(project_copy / ".snakemake")
    assert "Nothing to be done" in run(project_copy, "snakemake", "--profile", "profiles/local", *shards).stderr
