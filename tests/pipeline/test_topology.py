"""Skeletons: each mistake in one is told in one line."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hacm.errors import UserError
from hacm.skeletons.topology import KINECT_V2, TOPOLOGIES, Topology
from pipeline.datasets.registry import find_topology

BODY = Topology("stick", ("hip", "chest", "left hand", "right hand"), (-1, 0, 1, 1), (0, 1), 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"parents": (-1, 0, 1)}, "4 joint names but 3 parents"),
        ({"joints": ("hip", "chest", "hand", "hand")}, "joint names repeat"),
        ({"joints": ("hip", "chest", "hand", "")}, "'' in joints is not a name"),
        ({"joints": ["hip", "chest", "left hand", "right hand"]}, "joints must be a tuple, (…), not list"),
        ({"joints": (), "parents": (), "roots": ()}, "exactly one joint must have parent -1"),
        ({"parents": (-1, -1, 1, 1)}, "exactly one joint must have parent -1"),
        ({"parents": (1, 0, 1, 1)}, "exactly one joint must have parent -1"),
        ({"parents": (-1, 0, 3, 2)}, "parents form a loop at joint left hand"),
        ({"parents": (-1, 0, 1, 3)}, "parents form a loop at joint right hand"),
        ({"parents": (-1, 0, 1, 4)}, "a parent lies outside 0..3"),
        ({"parents": (-1, 0, 1, -2)}, "a parent lies outside 0..3"),
        ({"parents": (-1, 0, 1, "chest")}, "'chest' in parents is not the number of a joint"),
        ({"parents": (None, 0, 1, 1)}, "None in parents is not the number of a joint"),
        ({"roots": ()}, "at least one joint and leave at least one"),
        ({"roots": (0, 1, 2, 3)}, "at least one joint and leave at least one"),
        ({"roots": (1, 0)}, "roots must be ascending joint numbers"),
        ({"roots": (0, 0)}, "roots must be ascending joint numbers"),
        ({"roots": (0, 4)}, "roots must be ascending joint numbers"),
        ({"roots": (0.0,)}, "0.0 in roots is not the number of a joint"),
        ({"roots": 0}, "roots must be a tuple"),
        ({"centre": 4}, "centre 4 is not a joint"),
        ({"centre": -1}, "centre -1 is not a joint"),
        ({"centre": "chest"}, "centre 'chest' is not the number of a joint"),
        ({"name": ""}, "the name must be a text"),
    ],
)
def test_each_mistake_is_one_line(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError) as caught:
        replace(BODY, **change)
    message = str(caught.value)
    assert message.startswith("topology ")
    assert reason in message
    assert "\n" not in message


@given(st.lists(st.integers(-1, 6), min_size=2, max_size=7))
def test_a_skeleton_is_accepted_if_and_only_if_it_is_one_tree(parents: list[int]) -> None:
    count = len(parents)
    depth = {joint: 0 for joint in range(count) if parents[joint] == -1}
    for _ in range(count):  # whoever hangs on a joint that is reached is reached
        depth |= {joint: 1 for joint in range(count) if parents[joint] in depth}
    is_tree = parents.count(-1) == 1 and len(depth) == count
    try:
        Topology("any", tuple(map(str, range(count))), tuple(parents), (0,), 0)
    except UserError:
        assert not is_tree
    else:
        assert is_tree


def test_known_ones_are_found_and_described() -> None:
    for name, topology in TOPOLOGIES.items():
        assert find_topology(name) is topology
        assert (
            Topology(
                name,
                **{
                    key: tuple(value) if isinstance(value, list) else value
                    for key, value in topology.describe().items()
                },
            )
            == topology
        )
    with pytest.raises(UserError, match=f"unknown topology 'stick'; known: {KINECT_V2.name}"):
        find_topology("stick")
