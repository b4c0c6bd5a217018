"""A pretraining that is watched: the same artefacts, and one column more."""

from pathlib import Path

import polars as pl
from safetensors.numpy import load_file

from tests.conftest import run, write_small_params
from tests.helpers.pretrained import BENCHMARK, RESULTS


def weights(folder: Path) -> dict:
    return load_file(folder / "models" / BENCHMARK / "hacm/seed-0/weights.safetensors")


def test_looks_are_in_a_column_of_their_own_and_change_nothing(project_copy):
    before, trained = pl.read_csv(project_copy / RESULTS / "loss.csv"), weights(project_copy)
    write_small_params(project_copy / "params.yaml", {"train.pretrain.watch_epochs": 2})
    with (project_copy / "hacm/training/watching.py").open("a") as code:
        code.write("MOST_TIME = 1e9\n")  # epochs of so small a project leave no time for a look
    run(project_copy, "python", "-m", "stages.pretrain", "--benchmark", BENCHMARK)
    after = pl.read_csv(project_copy / RESULTS / "loss.csv")
    assert after.drop("knn_top1").equals(before)
    looks = after["knn_top1"].to_list()
    assert [value is None for value in looks] == [True, False, True, False]
    assert all(0 <= value <= 1 for value in looks[1::2])
    again = weights(project_copy)
    assert trained.keys() == again.keys()
    assert all((trained[name] == again[name]).all() for name in trained)
