"""Nearest recordings: exact against every pair compared at once, whatever is held at a time."""

import json
import sys

import numpy as np
import polars as pl
import pytest
import torch

import hacm
from hacm.commands import embed, search
from hacm.errors import UserError
from hacm.models import folder, retrieval
from hacm.models.familiarity import Neighbours
from hacm.models.retrieval import FeatureFile, nearest
from tests.helpers.small_model import build


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_the_nearest_are_those_of_all_pairs_compared_at_once(size, scaled):
    generator = torch.Generator().manual_seed(size)
    query_QD, all_ND = torch.randn(4, 6, generator=generator), torch.randn(40, 6, generator=generator) + 1
    scale = Neighbours.of(all_ND) if scaled else None
    found = nearest(query_QD, all_ND.split(size), 5, scale)
    if scale is not None:
        deviation_D, mean_D = torch.std_mean(all_ND, 0, correction=0)
        query_QD, all_ND = (query_QD - mean_D) / deviation_D, (all_ND - mean_D) / deviation_D
    cosine_QN = torch.cosine_similarity(query_QD[:, None].double(), all_ND[None].double(), dim=2)
    for neighbours, cosine_N in zip(found, cosine_QN, strict=True):
        assert [one.place for one in neighbours] == cosine_N.argsort(descending=True)[:5].tolist()
        expected = cosine_N.sort(descending=True).values[:5]
        np.testing.assert_allclose([1 - one.distance for one in neighbours], expected, atol=1e-5)


def test_of_equally_near_ones_the_earlier_and_of_few_all():
    all_ND = torch.ones(5, 3)
    (found,) = nearest(torch.ones(1, 3), all_ND.split(2), 3)
    assert [one.place for one in found] == [0, 1, 2]
    (found,) = nearest(torch.ones(1, 3), all_ND.split(2), 9)
    assert len(found) == 5
    assert nearest(torch.ones(1, 3), [], 2) == [[]]


@pytest.fixture
def place(tmp_path):
    """A model, and a folder of its test clips as arrays."""
    built = build()
    folder.save(tmp_path / "small", built.parts)
    (tmp_path / "clips").mkdir()
    for number, clip in enumerate(clip for clip in built.test_clips() if len(clip) == 1):
        np.save(tmp_path / f"clips/{number}.npy", clip[0])
    return tmp_path


def call(command, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["hacm", *map(str, words)])
    return command.main()


@pytest.mark.parametrize("kind", ["features.parquet", "features.npz", "clips"])
def test_a_recording_is_nearest_to_itself(place, kind, monkeypatch, capsys):
    gallery = place / kind
    if kind != "clips":
        assert call(embed, monkeypatch, place / "clips", "--model", place / "small", "--out", gallery) == 0
    capsys.readouterr()
    query = place / "clips/1.npy"
    assert call(search, monkeypatch, query, "--in", gallery, "--model", place / "small", "--top", 2, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["rank"] for row in rows] == [1, 2]
    assert rows[0]["recording"] == rows[0]["query"] == "1"
    assert rows[0]["distance"] == pytest.approx(0, abs=1e-6)
    model = hacm.load(place / "small")
    features_ND = torch.from_numpy(model.features([np.load(path) for path in sorted(place.glob("clips/*.npy"))]))
    ((_, second),) = nearest(features_ND[1:2], [features_ND], 2, model.parts.neighbours)
    assert rows[1]["recording"] == str(second.place)


def test_features_are_read_a_part_at_a_time(place, monkeypatch):
    assert call(embed, monkeypatch, place / "clips", "--model", place / "small", "--out", place / "f.parquet") == 0
    whole = torch.cat(list(FeatureFile(place / "f.parquet").chunks()))
    monkeypatch.setattr(retrieval, "ROWS", 2)
    parts = list(FeatureFile(place / "f.parquet").chunks())
    assert {len(part) for part in parts} <= {1, 2}
    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.parametrize("name", ["f.parquet", "f.npz"])
def test_names_are_those_of_the_places(place, name, monkeypatch):
    assert call(embed, monkeypatch, place / "clips", "--model", place / "small", "--out", place / name) == 0
    file = FeatureFile(place / name)
    every = file.clips()
    assert len(every) == file.count
    assert [recording for recording, _ in every] == [path.stem for path in sorted(place.glob("clips/*.npy"))]
    assert file.clips([2, 0, 2]) == [every[2], every[0], every[2]]
    assert file.model == "small"


def test_what_is_no_feature_file_is_one_line(place):
    pl.DataFrame({"a": [1]}).write_parquet(place / "other.parquet")
    (place / "damaged.parquet").write_bytes(b"PAR1")
    for name, told in (("other.parquet", "no column `features`"), ("damaged.parquet", "not features that hacm embed")):
        with pytest.raises(UserError, match=told) as error:
            FeatureFile(place / name)
        assert "\n" not in str(error.value)


def test_features_of_another_model_are_refused(place, monkeypatch):
    table = pl.DataFrame({"recording": ["a"], "person": ["1"], "model": ["else"]})
    features = pl.Series("features", np.ones((1, 4), np.float32), dtype=pl.Array(pl.Float32, 4))
    table.with_columns(features).write_parquet(place / "f.parquet")
    with pytest.raises(UserError, match="features by else, not by small"):
        call(search, monkeypatch, place / "clips/0.npy", "--in", place / "f.parquet", "--model", place / "small")
