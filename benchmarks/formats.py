"""Time and memory of reading what pose estimators and capture systems write, one file after the other.

    python -m benchmarks.formats [--files 1000] [--frames 100] [--json FILE]

Files are made up: the same recording of one person is read again and again, from disk. Seconds, of the clock and of the
processor, are scaled to 10,000 files; `megabytes` is by how much reading lets memory grow at most. HDF5 (SLEAP, and
DeepLabCut's .h5) is read in a process of its own, whose memory and processor time are not counted.
"""

import argparse
import importlib.util
import io
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.measure import growth
from hacm.files import write_json
from hacm.recordings.anywhere import Finder
from hacm.recordings.arrays import ArrayReader
from hacm.recordings.poses import PoseReader
from hacm.recordings.poses.reader import read_poses
from hacm.skeletons.shipped import BODY_25, COCO_17, KINECT_V2, MEDIAPIPE_33
from hacm.skeletons.topology import Topology
from pipeline.results.machine import describe_machine

SCALE = 10_000
MEGABYTE = 1e6
JOINTS = KINECT_V2.joints


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=100, help="of each recording")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    found = {"files": options.files, "frames": options.frames, "machine": describe_machine(), "formats": {}}
    for name, make in FORMATS.items():
        with tempfile.TemporaryDirectory(prefix="hacm-formats-") as folder:
            try:
                read = make(Path(folder), options.frames)
            except ImportError as error:
                print(f"{name}: left out: {error}")
                continue
            read()  # compiles, and starts processes
            found["formats"][name] = measure(read, options.files)
            size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
            found["formats"][name]["kilobytes"] = size / 1000
    show(found)
    if options.json:
        write_json(options.json, found)


def measure(read: Callable[[], object], files: int) -> dict[str, float]:
    """Seconds for SCALE files, and megabytes."""
    seconds = processor = 0.0

    def read_all() -> None:
        nonlocal seconds, processor
        begin, used = time.perf_counter(), time.process_time()
        for _ in range(files):
            read()
        seconds, processor = time.perf_counter() - begin, time.process_time() - used

    grown = growth(read_all)
    scale = SCALE / files
    return {"seconds": seconds * scale, "processor_seconds": processor * scale, "megabytes": grown / MEGABYTE}


def show(found: dict[str, Any]) -> None:
    table = Table("format", "kB per recording", f"s for {SCALE:,}", "s of the processor", "MB")
    for name, figures in found["formats"].items():
        table.add_row(
            name, *(f"{figures[key]:.0f}" for key in ("kilobytes", "seconds", "processor_seconds", "megabytes"))
        )
    Console().print(table)


def values(frames: int, joints: int, columns: int) -> Any:
    """Places of a body that hardly moves."""
    rng = np.random.default_rng(0)
    return np.round(rng.uniform(0.1, 0.9, (1, joints, columns)) + rng.normal(0, 0.01, (frames, joints, columns)), 4)


def reading(folder: Path, name: str, data: bytes, topology: Topology, *beside: bytes, **settings: Any) -> Any:
    """A function that reads the file as the reader of a data set does."""
    path = folder / name
    path.write_bytes(data)
    reader = PoseReader(topology, fps=30, nameless=True, **settings)
    return lambda: reader.finish(read_poses(path.read_bytes(), name, *beside), name)


def mediapipe_csv(folder: Path, frames: int) -> Any:
    names = [f"{joint} {axis}" for joint in MEDIAPIPE_33.recorded for axis in ("x", "y", "z", "visibility")]
    stream = io.StringIO()
    np.savetxt(stream, values(frames, 33, 4).reshape(frames, -1), "%g", ",", header=",".join(names), comments="")
    return reading(folder, "a.csv", stream.getvalue().encode(), MEDIAPIPE_33)


def mediapipe_json(folder: Path, frames: int) -> Any:
    return reading(folder, "a.json", json.dumps(values(frames, 33, 4).tolist()).encode(), MEDIAPIPE_33)


def openpose(folder: Path, frames: int) -> Any:
    for frame, one in enumerate(values(frames, 25, 3)):
        content = {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": one.ravel().tolist()}]}
        (folder / f"a_{frame:012d}_keypoints.json").write_text(json.dumps(content))
    finder = Finder(ArrayReader(BODY_25, fps=30, dimensions=2, up="-y", nameless=True))
    return lambda: list(finder.find(folder))


def coco(folder: Path, frames: int) -> Any:
    rows = [{"image_id": frame, "category_id": 1, "keypoints": one.ravel().tolist(), "score": 0.9}
            for frame, one in enumerate(values(frames, 17, 3))]  # fmt: skip
    return reading(folder, "a.json", json.dumps(rows).encode(), COCO_17, dimensions=2, up="-y")


def mmpose(folder: Path, frames: int) -> Any:
    rows = []
    for frame, one in enumerate(values(frames, 17, 3)):
        person = {"keypoints": one[:, :2].tolist(), "keypoint_scores": one[:, 2].tolist()}
        rows.append({"frame_id": frame, "instances": [person]})
    return reading(folder, "a.json", json.dumps(rows).encode(), COCO_17, dimensions=2, up="-y")


def bvh(folder: Path, frames: int) -> Any:
    """25 joints in a row."""
    channels = "CHANNELS 3 Zrotation Xrotation Yrotation"
    words = ("ROOT", *["JOINT"] * 24)
    head = "".join(f"{word} {name}\n{{\nOFFSET 0 10 0\n{channels}\n" for word, name in zip(words, JOINTS, strict=True))
    rows = "\n".join(" ".join(map(str, row)) for row in (90 * values(frames, 25, 3)).round(3).reshape(frames, -1))
    text = f"HIERARCHY\n{head}" + "}\n" * 25 + f"MOTION\nFrames: {frames}\nFrame Time: 0.0333333\n{rows}\n"
    return reading(folder, "a.bvh", text.encode(), KINECT_V2, metres=0.01)


def trc(folder: Path, frames: int) -> Any:
    head = ("PathFileType\t4\t(X/Y/Z)\ta.trc\nDataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\n"
            f"30\t30\t{frames}\t25\tm\nFrame#\tTime\t" + "\t\t\t".join(JOINTS) + "\n\n")  # fmt: skip
    rows = "\n".join(
        "\t".join(map(str, (frame + 1, frame / 30, *row)))
        for frame, row in enumerate(values(frames, 25, 3).reshape(frames, -1).tolist())
    )
    return reading(folder, "a.trc", (head + rows).encode(), KINECT_V2)


def acclaim(folder: Path, frames: int) -> Any:
    """24 bones that hang on the root."""
    bones = "".join(
        f"begin\nname b{number}\ndirection 0 1 0\nlength 2\naxis 0 0 0 XYZ\ndof rx ry rz\nend\n" for number in range(24)
    )
    names = [f"b{number}" for number in range(24)]
    root = "order TX TY TZ RX RY RZ\naxis XYZ\nposition 0 0 0\norientation 0 0 0\n"
    asf = (f":units\nlength 0.45\nangle deg\n:root\n{root}"
           f":bonedata\n{bones}:hierarchy\nbegin\nroot {' '.join(names)}\nend\n")  # fmt: skip
    turns = (90 * values(frames, 24, 3)).round(3).tolist()
    amc = ":FULLY-SPECIFIED\n:DEGREES\n" + "".join(
        f"{frame + 1}\nroot 0 0 0 0 0 0\n"
        + "".join(f"{name} {' '.join(map(str, row))}\n" for name, row in zip(names, turns[frame], strict=True))
        for frame in range(frames)
    )
    topology = Topology("bones", ("root", *names), (-1, *[0] * 24), (0,), 0)
    return reading(folder, "a.amc", amc.encode(), topology, asf.encode())


def c3d(folder: Path, frames: int) -> Any:
    import c3d as package

    writer = package.Writer(point_rate=100, analog_rate=0, point_scale=-1.0)
    for frame in values(frames, 25, 3):
        writer.add_frames([(np.column_stack([1000 * frame, np.zeros((25, 2))]).astype(np.float32), np.array([[]]))])
    writer.set_point_labels(list(JOINTS))
    stream = io.BytesIO()
    writer.write(stream)
    return reading(folder, "a.c3d", stream.getvalue(), KINECT_V2)


def deeplabcut(folder: Path, frames: int) -> Any:
    names = [name for name in COCO_17.recorded for _ in range(3)]
    rows: list[list[Any]] = [["scorer", *["DLC"] * 51], ["bodyparts", *names]]
    rows.append(["coords", *["x", "y", "likelihood"] * 17])
    rows += [[frame, *row] for frame, row in enumerate(values(frames, 17, 3).reshape(frames, -1).tolist())]
    text = "\n".join(",".join(map(str, row)) for row in rows)
    return reading(folder, "a.csv", text.encode(), COCO_17, dimensions=2, up="-y")


def anipose(folder: Path, frames: int) -> Any:
    names = [f"{joint}_{end}" for joint in JOINTS for end in ("x", "y", "z", "error", "ncams", "score")]
    stream = io.StringIO()
    np.savetxt(stream, values(frames, 25, 6).reshape(frames, -1), "%g", ",", header=",".join(names), comments="")
    return reading(folder, "a.csv", stream.getvalue().encode(), KINECT_V2)


def sleap(folder: Path, frames: int, suffix: str) -> Any:
    import sleap_io

    skeleton = sleap_io.Skeleton(list(COCO_17.recorded))
    video, track = sleap_io.Video(filename="a.mp4", open_backend=False), sleap_io.Track("one")
    labels = sleap_io.Labels([
        sleap_io.LabeledFrame(video=video, frame_idx=frame, instances=[
            sleap_io.PredictedInstance.from_numpy(
                one[:, :2], skeleton=skeleton, point_scores=one[:, 2], score=0.9, track=track
            )
        ])
        for frame, one in enumerate(values(frames, 17, 3))
    ])  # fmt: skip
    path = folder / f"a{suffix}"
    labels.save(path) if suffix == ".slp" else sleap_io.save_analysis_h5(labels, path)
    return reading(folder, path.name, path.read_bytes(), COCO_17, dimensions=2, up="-y")


def deeplabcut_hdf5(folder: Path, frames: int) -> Any:
    import pandas as pd

    if importlib.util.find_spec("tables") is None:
        raise ImportError("tables is not installed")
    columns = pd.MultiIndex.from_product([["DLC"], list(COCO_17.recorded), ["x", "y", "likelihood"]])
    frame = pd.DataFrame(values(frames, 17, 3).reshape(frames, -1), columns=columns)
    frame.to_hdf(folder / "a.h5", key="df_with_missing", mode="w", format="table")
    return reading(folder, "a.h5", (folder / "a.h5").read_bytes(), COCO_17, dimensions=2, up="-y")


FORMATS: dict[str, Callable[[Path, int], Any]] = {
    "MediaPipe .csv": mediapipe_csv,
    "MediaPipe .json": mediapipe_json,
    "OpenPose": openpose,
    "COCO, AlphaPose": coco,
    "MMPose": mmpose,
    "BVH": bvh,
    "TRC": trc,
    "ASF with AMC": acclaim,
    "C3D": c3d,
    "DeepLabCut, Lightning Pose .csv": deeplabcut,
    "DeepLabCut .h5": deeplabcut_hdf5,
    "Anipose": anipose,
    "SLEAP .h5": lambda folder, frames: sleap(folder, frames, ".h5"),
    "SLEAP .slp": lambda folder, frames: sleap(folder, frames, ".slp"),
}


if __name__ == "__main__":
    main()
