"""docs/use.md: its commands run in a finished project, its Python as well."""

import re

import numpy as np
import polars as pl

from pipeline.store.store import SkeletonStore
from tests.conftest import PROJECT, run, shell_lines

PAGE = (PROJECT / "docs" / "use.md").read_text(encoding="utf-8")


def test_commands_and_code_of_the_page_run(project_copy):
    lines = shell_lines(PAGE, "1. From a benchmark to a model") + shell_lines(PAGE, "2. From the shell")
    assert [line.split()[1] for line in lines] == ["export-model", "models", "predict", "embed"]
    outputs = [run(project_copy, "sh", "-ec", line).stdout for line in lines]
    assert "# kinect-model" in outputs[1]
    rows = pl.read_csv(project_copy.parent / "predictions.csv")
    features = pl.read_parquet(project_copy.parent / "features.parquet")
    assert rows["recording"].to_list() == features["recording"].to_list()
    assert len(rows) == 32
    clips = SkeletonStore.open(project_copy / "data/kinect-sim/clips")
    np.save(project_copy.parent / "waving.npy", clips["S002C001P001R001A023"][0])
    code, *_ = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    shown = run(project_copy, "python", "-c", code).stdout
    assert any(name in shown for name in ("hand waving", "sit down", "pick up", "shaking hands"))
