"""The same batches wherever the rows lie: on the device, in the host's memory, mapped from a file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from hacm.clips import ragged as clips_module
from hacm.clips.augment import Batch
from hacm.clips.ragged import Clips, gather_rows, place_rows
from hacm.settings import TrainSettings
from hacm.training.batches import Ahead, Batches
from hacm.training.engine import pretrain
from tests.helpers.small_training import SETTINGS, SKELETON, moving_clips

CPU = torch.device("cpu")


def with_hierarchies() -> Clips:
    clips = moving_clips()
    return replace(clips, hierarchy_RJ=torch.rand(len(clips.joints_RVC), 4))


def batches(clips: Clips, rows: str, settings: TrainSettings = SETTINGS, part: tuple[int, int] = (0, 1)) -> Batches:
    return Batches(clips, torch.arange(12), settings, 0, CPU, part=part, rows=rows)  # type: ignore[arg-type]


def assert_equal(found: Batch, expected: Batch) -> None:
    assert found.total == expected.total
    for name in ("x_BTVC", "hierarchy_BTJ", "clip_B", "present_B"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name


def mapped(clips: Clips, folder: Path) -> Clips:
    """The clips with rows that stay in files until they are read."""

    def through_file(tensor: Tensor, name: str) -> Tensor:
        np.save(folder / name, tensor.numpy())
        return torch.from_numpy(np.load(folder / f"{name}.npy", mmap_mode="c"))

    assert clips.hierarchy_RJ is not None
    joints, hierarchy = through_file(clips.joints_RVC, "joints"), through_file(clips.hierarchy_RJ, "hierarchy")
    return replace(clips, joints_RVC=joints, hierarchy_RJ=hierarchy)


@pytest.mark.parametrize("absent_bodies", ["drop", "keep"])
@pytest.mark.parametrize("part", [(0, 1), (1, 2)])
def test_rows_in_the_hosts_memory_or_in_files_give_the_same_batches(
    absent_bodies: str, part: tuple[int, int], tmp_path: Path
) -> None:
    changed = replace(SETTINGS, pretrain=replace(SETTINGS.pretrain, absent_bodies=absent_bodies))  # type: ignore[arg-type]
    clips = with_hierarchies()
    here = batches(clips, "device", changed, part)
    ahead = batches(clips, "host", changed, part)
    files = batches(mapped(clips, tmp_path), "host", changed, part)
    assert here._ahead is None
    assert ahead._ahead is not None
    for step in range(here.steps):
        expected = here.take(step)
        assert_equal(ahead.take(step), expected)
        assert_equal(files.take(step), expected)


def test_steps_may_be_asked_for_in_any_order() -> None:
    clips = with_hierarchies()
    here, ahead = batches(clips, "device"), batches(clips, "host")
    for step in (0, 5, 6, 2, 2, 8):
        assert_equal(ahead.take(step), here.load(step))


def test_the_next_batch_is_loaded_before_it_is_asked_for_and_none_beyond_the_end() -> None:
    loaded: list[int] = []
    batch = batches(with_hierarchies(), "device").load(0)

    def load(step: int) -> Batch:
        loaded.append(step)
        return batch

    ahead = Ahead(load, 3, CPU)
    ahead.take(0)
    ahead._thread.submit(lambda: None).result()
    assert loaded == [0, 1]
    for step in (1, 2):
        ahead.take(step)
    ahead._thread.submit(lambda: None).result()
    assert loaded == [0, 1, 2]


def test_what_loading_raises_reaches_the_step_that_needs_it() -> None:
    def load(step: int) -> Batch:
        if step == 1:
            raise OSError("the file is gone")
        return batches(with_hierarchies(), "device").load(step)

    ahead = Ahead(load, 5, CPU)
    ahead.take(0)
    with pytest.raises(OSError, match="the file is gone"):
        ahead.take(1)


def test_training_ends_with_the_same_weights_bit_for_bit() -> None:
    ends = []
    for rows in ("device", "host"):
        model, records = pretrain(
            moving_clips(), torch.arange(12), SKELETON, SETTINGS, seed=0, state_dir=None, fingerprint="", device="cpu",
            rows=rows,
        )  # type: ignore[arg-type]  # fmt: skip
        ends.append((model.state_dict(), records))
    assert ends[0][1] == ends[1][1]
    assert all(torch.equal(tensor, ends[1][0][name]) for name, tensor in ends[0][0].items())


@pytest.mark.parametrize(
    ("free", "rows", "moves"), [(3, "auto", True), (1, "auto", False), (1, "device", True), (9, "host", False)]
)
def test_rows_go_to_the_device_if_they_take_at_most_half_of_what_is_free(
    free: int, rows: str, moves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = with_hierarchies()
    assert clips.row_bytes == len(clips.joints_RVC) * (6 * 3 + 4) * 4
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free * clips.row_bytes, 10**12))
    asked: list[str] = []
    monkeypatch.setattr(Clips, "to", lambda self, device: asked.append(str(device)) or self)
    assert place_rows(clips, "cuda", rows) is clips  # type: ignore[arg-type]
    assert asked == (["cuda"] if moves else [])


def test_presence_is_found_in_blocks_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = moving_clips()
    start = int(clips.offset_N[3] + clips.frames_N[3])  # the second body of clip 3 is not there
    clips.joints_RVC[start : start + int(clips.frames_N[3])] = 0
    expected = replace(clips).present_NM
    assert not expected[3, 1]
    monkeypatch.setattr(clips_module, "ROWS_AT_ONCE", 7)
    assert torch.equal(replace(clips).present_NM, expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_rows_gathered_on_the_host_and_on_a_cuda_device_are_the_same() -> None:
    clips, cuda = with_hierarchies(), torch.device("cuda")
    index_I = torch.randint(len(clips.joints_RVC), (50,))
    here, there = gather_rows(clips.joints_RVC, index_I, cuda), gather_rows(clips.joints_RVC.cuda(), index_I, cuda)
    assert torch.equal(here, there)
    device = Batches(clips, torch.arange(12), SETTINGS, 0, cuda, rows="device")
    host = Batches(clips, torch.arange(12), SETTINGS, 0, cuda, rows="host")
    for step in range(device.steps):
        assert_equal(host.take(step), device.take(step))
