"""Embed the kinematic tree in the Poincaré ball, and compute every frame's hyperbolic joint hierarchy (hacm.md §3)."""

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    return command.parser(__doc__, "dataset", example="--dataset kinect-sim")


command.answer_early(command_line, __name__)

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hacm.files import replace_directory, write_json
from hacm.hierarchy import TreeEmbedding, embed_tree, frame_hierarchy
from hacm.settings import HierarchySettings
from hacm.skeletons.bones import measure_mean_bones
from hacm.skeletons.topology import Topology
from pipeline.datasets.registry import find_dataset
from pipeline.datasets.splits import assign, select
from pipeline.store.rows import RowWriter
from pipeline.store.seal import seal_folder
from pipeline.store.store import SkeletonStore
from stages.shared import box, parameters, places
from stages.shared.loading import skeleton_of
from stages.shared.progress import Work, say
from stages.shared.stores import expect_skeleton, open_store

PARAMS = parameters.keys(parameters.HIERARCHY, parameters.TREE_SPLIT)


def main() -> None:
    options = command_line().parse_args()
    dataset = find_dataset(options.dataset)
    params = parameters.load(parameters.HIERARCHY, parameters.TREE_SPLIT, dataset=dataset.name)
    settings = params.get(parameters.HIERARCHY)
    store = open_store(places.clips(dataset.name))
    expect_skeleton(store, dataset.topology)
    training = select(assign(store.manifest, dataset.splits), params.get(parameters.TREE_SPLIT), "train")
    bones = measure_mean_bones(store.read(training.to_list())[0], dataset.topology)
    tree = embed_tree(skeleton_of(dataset.topology), bones, settings.tree)
    with replace_directory(places.hierarchy(dataset.name)) as folder:
        mean_N = write_frames(folder / "hierarchy.zarr", store, dataset.topology, settings)
        write_json(folder / "hierarchy.json", {"data_version": store.version, "settings": asdict(settings)})
        np.save(folder / "tree_points.npy", tree.points_VD, allow_pickle=False)
        seal_folder(folder)
    with replace_directory(places.dataset_results(dataset.name) / "hierarchy") as folder:
        write_json(folder / "metrics.json", summarize(tree, settings, mean_N))
        tabulate(tree, dataset.topology, bones).write_csv(folder / "tree.csv")
    say(f"{dataset.name}: tree distortion {tree.distortion:.4f} (random {tree.distortion_random:.4f}, "
        f"Euclidean {tree.distortion_euclidean:.4f})")  # fmt: skip


def write_frames(path: Path, store: SkeletonStore, topology: Topology, settings: HierarchySettings) -> list[float]:
    """Write h(f, v) of every row beside the clips; returns each clip's mean."""
    skeleton = skeleton_of(topology)
    means = []
    with (
        RowWriter(path, (len(topology.kept),), {"data_version": store.version, "scale": settings.scale}) as rows,
        Work("hierarchies", len(store), "clips") as work,
    ):
        for _, bodies in store.stream():
            flat = bodies.reshape(-1, *bodies.shape[2:])
            values = np.asarray(frame_hierarchy(flat, skeleton, settings.scale, settings.root_weight))
            rows.append(values)
            means.append(float(values.mean()) if values.size else 0.0)
            work.advance()
    return means


def summarize(tree: TreeEmbedding, settings: HierarchySettings, means: list[float]) -> dict[str, Any]:
    """Small flat figures for `dvc metrics`."""
    return {
        "tree_distortion": round(tree.distortion, 6),
        "tree_distortion_random": round(tree.distortion_random, 6),
        "tree_distortion_euclidean": round(tree.distortion_euclidean, 6),
        "tree_largest_radius": round(float(np.max(tree.radius_V)), 4),
        "mean_hierarchy": round(float(np.mean(means)), 4),
        "scale": settings.scale,
    }


def tabulate(tree: TreeEmbedding, topology: Topology, bones: np.ndarray) -> pl.DataFrame:
    """One row per joint: position in the disk, level (geodesic radius), bone, whether it becomes a token."""
    return pl.DataFrame(
        {
            "joint": range(len(topology.joints)),
            "parent": topology.parents,
            "name": topology.joints,
            "x": tree.points_VD[:, 0],
            "y": tree.points_VD[:, 1],
            "radius": tree.radius_V,
            "bone_metres": bones,
            "token": [int(joint in topology.kept) for joint in range(len(topology.joints))],
        }
    )


if __name__ == "__main__":
    box.run(main, "hierarchy", command_line())
