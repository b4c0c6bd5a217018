"""Prepared files as the scripts of other codebases write them, in code of its own that follows those scripts' text."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

Bodies = NDArray[np.float32]
"""(M, T, V, 3), where V is 25; of two dimensions (M, T, 17, 2)."""


def write_ntu_npz(
    path: Path,
    parts: Mapping[str, Sequence[tuple[Bodies, int]]],
    *,
    classes: int = 60,
    one_hot: bool = True,
    length: int = 300,
) -> None:
    """seq_transformation.py of CTR-GCN and MAMP: align_frames, one_hot_vector, split_dataset. SLiM's labels are ints."""
    arrays: dict[str, Any] = {}
    for part, clips in parts.items():
        aligned = np.zeros((len(clips), length, 150), dtype=np.float32)
        for idx, (bodies, _) in enumerate(clips):
            frames = bodies.shape[1]
            ske_joints = np.hstack([body.reshape(frames, 75) for body in bodies])
            if ske_joints.shape[1] == 75:
                ske_joints = np.hstack((ske_joints, np.zeros_like(ske_joints)))
            aligned[idx, :frames] = ske_joints
        labels = [label for _, label in clips]
        arrays[f"x_{part}"] = aligned
        if one_hot:
            vector = np.zeros((len(labels), classes))
            for idx, label in enumerate(labels):
                vector[idx, label] = 1
            arrays[f"y_{part}"] = vector
        else:
            arrays[f"y_{part}"] = np.array(labels)
    np.savez(
        path, x_train=arrays["x_train"], y_train=arrays["y_train"], x_test=arrays["x_test"], y_test=arrays["y_test"]
    )


def write_st_gcn(
    folder: Path,
    part: str,
    clips: Mapping[str, tuple[Bodies, int]],
    *,
    name: str = "data",
    frames: bool = False,
    labels: type = int,
    length: int = 300,
) -> None:
    """ntu_gendata.py of ST-GCN; with frames and float labels pku_gendata.py of CMD, whose padding repeats the clip."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{part}_label.pkl", "wb") as file:
        pickle.dump((list(clips), [labels(label) for _, label in clips.values()]), file)
    fp = open_memmap(
        str(folder / f"{part}_{name}.npy"), dtype="float32", mode="w+", shape=(len(clips), 3, length, 25, 2)
    )
    for i, (bodies, _) in enumerate(clips.values()):
        data = bodies.transpose(3, 1, 2, 0)[:, :length]
        fp[i, :, : data.shape[1], :, : data.shape[3]] = data
        if frames:
            for rest in range(data.shape[1], length):
                fp[i, :, rest] = fp[i, :, rest % data.shape[1]]
    fp.flush()
    if frames:
        fl = open_memmap(str(folder / f"{part}_num_frame.npy"), dtype="int", mode="w+", shape=(len(clips),))
        fl[:] = [bodies.shape[1] for bodies, _ in clips.values()]
        fl.flush()


def write_pyskl(
    path: Path,
    clips: Mapping[str, tuple[Bodies, int]],
    split: Mapping[str, Sequence[str]],
    *,
    dtype: str = "f2",
    protocol: int = 4,
    scores: Mapping[str, NDArray[np.float32]] | None = None,
    img_shape: tuple[int, int] = (1080, 1920),
) -> None:
    """PYSKL's annotation format (tools/data/README.md). Of two dimensions, with scores (M, T, V)."""
    annotations = [
        {"frame_dir": name, "label": label, "keypoint": bodies.astype(dtype), "total_frames": bodies.shape[1]}
        for name, (bodies, label) in clips.items()
    ]
    for annotation in annotations if scores is not None else ():
        annotation |= {
            "img_shape": img_shape,
            "original_shape": img_shape,
            "keypoint_score": scores[annotation["frame_dir"]].astype(dtype),
        }
    with open(path, "wb") as file:
        pickle.dump(
            {"split": {key: list(names) for key, names in split.items()}, "annotations": annotations}, file, protocol
        )
