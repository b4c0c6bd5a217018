"""Loads a clean store into the tensors that the method takes."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from hacm.clips.ragged import Clips
from hacm.evaluation.task import Task
from hacm.settings import AugmentSettings
from hacm.skeletons.skeleton import Skeleton
from hacm.skeletons.topology import Topology
from pipeline.datasets.definition import DataSet
from pipeline.datasets.splits import UNLABELLED
from pipeline.store.store import SkeletonStore
from stages.shared import places
from stages.shared.stores import expect_version, list_labels, open_benchmark, open_hierarchies

SESSION_BLOCKS = 10


@dataclass(frozen=True)
class Benchmark:
    """A data set with a split, loaded. Labels are dense: class i of `classes` has the data set's label `labels[i]`.

    unlabelled_index: the clips without a label that are pretrained on beside those of train_index; their label_N is −1.
    subject_N: who performs each clip, as far as it is known (tell_apart). label_rank_DN: each training clip's place
    within its class in each draw of labelled clips.
    """

    dataset: DataSet
    store: SkeletonStore
    clips: Clips
    names: list[str]
    labels: list[int]
    subject_N: NDArray[np.int64]
    train_index: torch.Tensor
    test_index: torch.Tensor
    unlabelled_index: torch.Tensor
    label_rank_DN: torch.Tensor

    def task(self, augment: AugmentSettings) -> Task:
        """The task given to the protocols, for an encoder trained on clips with this augmentation."""
        subject_N = torch.tensor(self.subject_N)  # a copy: polars lends its memory to read only
        return Task(
            self.clips, self.train_index, self.test_index, len(self.classes), augment, self.label_rank_DN, subject_N
        )

    def part(self, name: Literal["train", "test"]) -> torch.Tensor:
        """The clip numbers of one of the split's parts."""
        return self.train_index if name == "train" else self.test_index

    @property
    def pretrain_index(self) -> torch.Tensor:
        """The clip numbers that are pretrained on: the training clips, then those without a label."""
        return torch.cat([self.train_index, self.unlabelled_index]) if len(self.unlabelled_index) else self.train_index

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in label order."""
        return [self.dataset.class_name(label) for label in self.labels]


def skeleton_of(topology: Topology) -> Skeleton:
    """The part of a topology that the method needs."""
    return Skeleton(len(topology.joints), topology.parents, topology.roots, topology.centre)


def load_benchmark(name: str, *, hierarchies: bool, device: str = "cpu") -> Benchmark:
    """The clips of a benchmark's data set on the device, with the clip numbers of its two parts.

    UserError if the clean store is not the version that the split was computed from.
    """
    dataset, store, split = open_benchmark(name)
    names = store.manifest["name"].to_list()
    place = {clip: index for index, clip in enumerate(names)}
    train, test, unlabelled = (split.filter(pl.col("part") == part) for part in ("train", "test", UNLABELLED))
    train_index, test_index, unlabelled_index = (
        torch.tensor([place[clip] for clip in part["name"]], dtype=torch.int64) for part in (train, test, unlabelled)
    )
    labels = list_labels(dataset, store)
    return Benchmark(
        dataset=dataset,
        store=store,
        clips=load_clips(store, labels, load_hierarchies(store, dataset.name) if hierarchies else None).to(device),
        names=names,
        labels=labels,
        subject_N=tell_apart(store.manifest),
        train_index=train_index,
        test_index=test_index,
        unlabelled_index=unlabelled_index,
        label_rank_DN=torch.from_numpy(train.select(pl.col(r"^draw_\d+$").cast(pl.Int64)).to_numpy().T.copy()),
    )


def tell_apart(manifest: pl.DataFrame) -> NDArray[np.int64]:
    """Who performs each clip. Where the data set does not say: ten blocks of recording sessions one after the other,
    so that what is left out of a fit holds at least no session that is in it. Where it says no sessions either: ten
    blocks of clips that follow each other, which files without names mostly have person after person."""
    if manifest.filter(pl.col("label").is_not_null())["subject"].null_count() == 0:
        return manifest["subject"].fill_null(-1).cast(pl.Int64).to_numpy()
    if manifest["setup"].null_count() == len(manifest):
        rank_N = np.arange(len(manifest))
    else:
        rank_N = manifest["setup"].fill_null(0).rank("dense").cast(pl.Int64).to_numpy() - 1
    return rank_N * SESSION_BLOCKS // (int(rank_N.max()) + 1)


def load_clips(store: SkeletonStore, labels: list[int], hierarchy_RJ: np.ndarray | None) -> Clips:
    """The whole store as ragged tensors."""
    manifest = store.manifest
    dense = manifest["label"].replace_strict(labels, range(len(labels)), return_dtype=pl.Int64)
    return Clips(
        joints_RVC=torch.from_numpy(store.read_rows()),
        hierarchy_RJ=None if hierarchy_RJ is None else torch.from_numpy(hierarchy_RJ),
        offset_N=_integers(manifest["offset"]),
        frames_N=_integers(manifest["frames"]),
        bodies_N=_integers(manifest["bodies"]),
        label_N=_integers(dense.fill_null(-1)),
        parents=tuple(store.facts["skeleton"]["parents"]),
        flat=store.dimensions == 2,
    )


def _integers(column: pl.Series) -> torch.Tensor:
    return torch.from_numpy(column.cast(pl.Int64).to_numpy().copy())


def load_hierarchies(store: SkeletonStore, dataset_name: str) -> np.ndarray:
    """Per-frame hierarchies, (R, J); UserError if they were computed from other clips."""
    folder = places.hierarchy(dataset_name)
    version, reader = open_hierarchies(folder, dataset_name)
    expect_version(store, version, folder)
    return reader.read(0, len(reader))
