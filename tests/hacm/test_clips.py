"""Ragged clips: where a row lies, which bodies are present, what is refused."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hacm.clips.ragged import Clips, pack_clips
from tests.helpers.random_clips import random_clips


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 2), st.integers(1, 9)), min_size=1, max_size=6))
def test_rows_lie_clip_after_clip_body_after_body(shapes: list[tuple[int, int]]) -> None:
    clips = [torch.randn(bodies, frames, 4, 3) for bodies, frames in shapes]
    packed = pack_clips(clips, [0] * len(clips))
    for number, clip in enumerate(clips):
        for body in range(clip.shape[0]):
            for frame in range(clip.shape[1]):
                row = int(packed.offset_N[number]) + body * int(packed.frames_N[number]) + frame
                assert torch.equal(packed.joints_RVC[row], clip[body, frame])


def test_a_body_is_present_unless_it_does_not_exist_or_is_zero_throughout() -> None:
    second_absent, second_late, first_absent = torch.ones(2, 4, 5, 3), torch.ones(2, 4, 5, 3), torch.ones(2, 4, 5, 3)
    second_absent[1] = 0
    second_late[1, :3] = 0
    second_late[1, 3, :4] = 0
    first_absent[0] = 0
    clips = pack_clips([second_absent, torch.ones(1, 7, 5, 3), second_late, first_absent], [0, 0, 0, 0])
    assert clips.present_NM.tolist() == [[True, False], [True, False], [True, True], [False, True]]


def test_a_clip_without_any_present_body_is_named() -> None:
    clips = pack_clips([torch.ones(1, 3, 5, 3), torch.zeros(2, 3, 5, 3)], [0, 0])
    with pytest.raises(ValueError, match="clip 1 is zero throughout"):
        _ = clips.present_NM


def test_moving_keeps_everything_and_the_per_clip_vectors_on_the_cpu() -> None:
    clips = random_clips([(1, 4), (2, 3)])
    present = clips.present_NM
    moved = clips.to("meta")
    assert moved.joints_RVC.device.type == "meta"
    assert moved.hierarchy_RJ is not None
    assert moved.hierarchy_RJ.device.type == "meta"
    assert moved.device.type == "meta"
    assert moved.offset_N.device.type == "cpu"
    assert moved.present_NM is present
    assert len(moved) == 2


def change(clips: Clips, name: str, value: Tensor) -> Clips:
    return replace(clips, **{name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("joints_RVC", torch.zeros(10, 5, 3, dtype=torch.float64), "float32"),
        ("joints_RVC", torch.zeros(10, 15), "joints must be"),
        ("hierarchy_RJ", torch.zeros(9, 3), r"hierarchies must be \(10"),
        ("frames_N", torch.tensor([4, 3, 1]), "frames_N must be int64"),
        ("frames_N", torch.tensor([4.0, 3.0]), "frames_N must be int64"),
        ("frames_N", torch.tensor([4, 0]), "at least one frame"),
        ("bodies_N", torch.tensor([1, 3]), "one to 2 bodies"),
        ("offset_N", torch.tensor([0, 5]), "outside the 10 rows"),
        ("offset_N", torch.tensor([-1, 4]), "outside the 10 rows"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, value: Tensor, message: str) -> None:
    clips = random_clips([(1, 4), (2, 3)])
    with pytest.raises(ValueError, match=message):
        change(clips, name, value)


def test_clips_are_taken_out_in_any_order_with_rows_of_their_own() -> None:
    clips = random_clips([(1, 4), (2, 3), (2, 5), (1, 2)], classes=4)
    start = int(clips.offset_N[2]) + 5
    clips.joints_RVC[start : start + 5] = 0
    before = clips.joints_RVC.clone()
    taken = clips.take(torch.tensor([2, 0, 2]))
    assert taken.label_N.tolist() == [2, 0, 2]
    assert taken.hierarchy_RJ is None
    expected = [clips.joints_RVC[start - 5 : start + 5], clips.joints_RVC[:4], clips.joints_RVC[start - 5 : start + 5]]
    assert torch.equal(taken.joints_RVC, torch.cat(expected))
    assert taken.offset_N.tolist() == [0, 10, 14]
    taken.joints_RVC[:] = 0
    assert torch.equal(clips.joints_RVC, before)
    assert taken.present_NM.tolist() == [[True, False], [True, False], [True, False]]
