"""Groups of what is alike: known ones are found, the same again, and what is in none is told."""

import importlib.util
import json
import sys
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from hacm.commands import cluster, embed
from hacm.errors import UserError
from hacm.models import clusters, folder
from hacm.models.clusters import ALONE, find_groups
from tests.helpers.small_model import build

needs_sklearn = pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="needs the extra sklearn")


def blobs(per_group: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Three groups in directions of their own, in a mixed order."""
    draw = np.random.default_rng(0)
    label_N = draw.permutation(np.repeat([0, 1, 2], per_group))
    features_ND = np.eye(40, dtype=np.float32)[label_N] * 5 + draw.normal(0, 0.1, (len(label_N), 40))
    return features_ND.astype(np.float32), label_N


@needs_sklearn
@pytest.mark.parametrize("groups", [None, 3])
def test_known_groups_are_found_and_the_same_again(groups):
    features_ND, label_N = blobs()
    found = find_groups(features_ND, None, groups)
    assert [group.number for group in found] == [0, 1, 2]
    assert all(len(set(label_N[group.members_N])) == 1 for group in found)
    assert sorted(np.concatenate([group.members_N for group in found])) == list(range(len(label_N)))
    again = find_groups(features_ND, None, groups)
    assert all(np.array_equal(a.members_N, b.members_N) for a, b in zip(found, again, strict=True))


@needs_sklearn
def test_what_is_like_nothing_else_is_in_none_and_comes_last():
    features_ND, _ = blobs()
    odd = np.zeros((1, 40), np.float32)
    odd[0, 39] = 5
    found = find_groups(np.concatenate([features_ND, odd]), None)
    assert found[-1].number == ALONE
    assert len(features_ND) in found[-1].members_N
    assert all(len(a.members_N) >= len(b.members_N) for a, b in pairwise(found[:-1]))


@needs_sklearn
def test_the_most_typical_come_first():
    features_ND, _ = blobs()
    (first, *_) = find_groups(features_ND, None, 3)
    unit_ND = features_ND / np.linalg.norm(features_ND, axis=1, keepdims=True)
    away = [float(np.linalg.norm(unit_ND[place] - unit_ND[first.members_N].mean(0))) for place in first.members_N]
    assert away[0] < np.median(away) < away[-1]


def test_without_scikit_learn_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(UserError, match=r"hacm-pipeline\[sklearn\]"):
        find_groups(np.ones((9, 4), np.float32), None)


@needs_sklearn
def test_the_command_groups_recordings_and_features_alike(tmp_path, monkeypatch, capsys):
    built = build()
    folder.save(tmp_path / "small", built.parts)
    (tmp_path / "clips").mkdir()
    for number, clip in enumerate(built.test_clips()):
        np.save(tmp_path / f"clips/{number}.npy", clip)

    def call(command, *words):
        monkeypatch.setattr(sys, "argv", ["hacm", *map(str, words), "--model", str(tmp_path / "small")])
        assert command.main() == 0
        return capsys.readouterr().out

    call(embed, tmp_path / "clips", "--out", tmp_path / "f.parquet")
    first = json.loads(call(cluster, tmp_path / "clips", "--groups", 2, "--json", "--out", tmp_path / "g.csv"))
    assert json.loads(call(cluster, tmp_path / "f.parquet", "--groups", 2, "--json")) == first
    assert {row["group"] for row in first} == {1, 2}
    assert pl.read_csv(tmp_path / "g.csv")["recording"].cast(pl.String).to_list() == [row["recording"] for row in first]


@needs_sklearn
def test_too_few_are_one_line():
    with pytest.raises(UserError, match="2 recordings are too few"):
        find_groups(np.ones((2, 4), np.float32), None, smallest=clusters.SMALLEST)
