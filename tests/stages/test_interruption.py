"""kill -9 at any moment, the same command again: the same data."""

import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from hacm.files import hash_tree
from tests.conftest import environment, run

MOMENTS = 10
"""For each of the two stages."""


@pytest.mark.parametrize(("stage", "made"), [("ingest", "recordings"), ("normalize", "clips")])
def test_killed_at_random_moments_ends_at_the_same_store(project_copy, stage, made):
    """Half of the attempts find an earlier store there, half do not. None takes finished work over."""
    command = [sys.executable, "-m", f"stages.{stage}", "--dataset", "kinect-sim"]
    folder = project_copy / "data" / "kinect-sim"
    expected = hash_tree(folder / made)
    shutil.rmtree(folder / made)
    begin = time.monotonic()
    run(project_copy, *command, HACM_AGAIN="1")
    whole = time.monotonic() - begin
    dice = random.Random(stage)
    killed = 0
    for moment in range(MOMENTS):
        if moment % 2:
            shutil.rmtree(folder / made, ignore_errors=True)
        process = subprocess.Popen(
            command, cwd=project_copy, env=environment() | {"HACM_AGAIN": "1"}, stderr=subprocess.DEVNULL
        )
        time.sleep(dice.uniform(0.3, 1.0) * whole)  # before, it has but begun to load
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        store = folder / made / "files.json"
        assert not store.exists() or hash_tree(folder / made) == expected, "something half-done under the final name"
    assert killed >= MOMENTS // 2
    run(project_copy, *command, HACM_AGAIN="1")
    assert hash_tree(folder / made) == expected
    leftovers = [path.name for path in folder.iterdir() if path.name.endswith((".incomplete", ".replaced"))]
    assert not leftovers
