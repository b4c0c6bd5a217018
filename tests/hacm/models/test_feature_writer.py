"""Features are written part by part: what was added is what is read, and memory stays small."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from hacm.models.feature_writer import FeatureWriter
from tests.conftest import PROJECT

NAMES = [["a", "bb"], ["ccccc"], ["", "d", "e"]]
"""Of three parts."""


def parts():
    random = np.random.default_rng(0)
    for number, names in enumerate(NAMES):
        table = pl.DataFrame({"recording": names, "frames": [number + 3] * len(names)})
        yield table, random.standard_normal((len(names), 4)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".parquet", ".npz"])
def test_what_was_added_is_what_is_read(tmp_path, suffix):
    path = tmp_path / f"features{suffix}"
    with FeatureWriter(path) as writer:
        for table, features_ND in parts():
            writer.add(table, features_ND)
        writer.finish()
    if suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    else:
        found = {column.name: column.to_numpy() for column in pl.read_parquet(path)}
    assert list(found) == ["recording", "frames", "features"]
    assert found["recording"].tolist() == [name for names in NAMES for name in names]
    assert found["frames"].tolist() == [3, 3, 4, 5, 5, 5]
    np.testing.assert_array_equal(found["features"], np.concatenate([features_ND for _, features_ND in parts()]))
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_nothing_is_left_of_what_was_not_finished(tmp_path):
    with pytest.raises(KeyboardInterrupt), FeatureWriter(tmp_path / "features.npz") as writer:
        writer.add(*next(parts()))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_number_of_rows(tmp_path):
    """85 MB of features take less than half of that; kept until the end they would take all of it, and twice."""
    code = f"""
import resource, numpy as np, polars as pl
from pathlib import Path
from hacm.models.feature_writer import FeatureWriter
most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
features = np.random.default_rng(0).standard_normal((256, 832)).astype(np.float32)
table = pl.DataFrame({{"recording": ["a name"] * 256}})
before = most()
with FeatureWriter(Path({str(tmp_path / "features.npz")!r})) as writer:
    for _ in range(100):
        writer.add(table, features)
    writer.finish()
print(most() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    size = (tmp_path / "features.npz").stat().st_size
    assert size > 85e6
    assert int(done.stdout) < size / 2
