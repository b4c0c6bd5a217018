"""Golden numbers that travel with the project: whole passes, computed once by a second implementation."""

import itertools
import json

import numpy as np
import pytest
import torch

from hacm.model.network import HACM
from hacm.skeletons.skeleton import Skeleton
from tests.helpers import reference
from tests.helpers.golden import compare

GOLDEN = json.loads(reference.PATH.read_text(encoding="utf-8"))
SKELETON = Skeleton(joints=6, parents=(-1, 0, 1, 2, 0, 4), roots=tuple(reference.ROOTS), centre=0)


@pytest.mark.parametrize("case", reference.CASES)
@torch.no_grad()
def test_golden_small_pass(case: str) -> None:
    settings, expected = reference.CASES[case], GOLDEN[case]
    model = HACM(SKELETON, settings.model, settings.masking, settings.loss).eval()
    weights = reference.make_weights({name: tuple(each.shape) for name, each in model.state_dict().items()})
    model.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
    joints, hierarchies = (torch.from_numpy(values).float() for values in reference.make_clips())
    noise = torch.from_numpy(reference.make_noise(model.segments * model.joints)).float()
    output = model(joints, hierarchies, noise=noise)
    masks = [[int(token) for token in sequence] for sequence in expected["mask"]]
    compare(f"small golden, {case}: mask", output.mask_BSJ.flatten(1), masks)
    for part in ("loss", "reconstruction", "contrast"):
        compare(f"small golden, {case}: losses", getattr(output, part), expected[part], rtol=1e-5)
    compare(
        f"small golden, {case}: predictions and features",
        reference.sample(output.prediction_BSJP) + reference.sample(model.features(joints)),
        expected["prediction"] + expected["features"],
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("case", reference.CASES)
def test_the_second_implementation_still_says_so(case: str) -> None:
    settings = reference.CASES[case]
    found = reference.whole_pass(reference.make_weights(reference.shapes_of(settings)), settings)
    assert found.pop("mask") == GOLDEN[case]["mask"]
    for name, value in found.items():
        np.testing.assert_allclose(value, GOLDEN[case][name], rtol=1e-9)


def test_the_cases_differ() -> None:
    """Each case says something of its own."""
    assert set(GOLDEN) == set(reference.CASES)
    assert len({tuple(golden["mask"]) for golden in GOLDEN.values()}) >= len(GOLDEN) - 1
    for first, second in itertools.combinations(GOLDEN.values(), 2):
        assert abs(first["reconstruction"] - second["reconstruction"]) > 1e-3
