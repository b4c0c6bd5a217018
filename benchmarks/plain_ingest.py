"""What preparation scripts in this field do, written anew as the yardstick: one core, line by line, step by step.

    python -m benchmarks.plain_ingest ARCHIVE FOLDER

Unpack the zip; split every file into lines and put each body's joints (and colour columns, which those scripts keep
too) into arrays by body id that grow frame by frame; pickle them all; choose the bodies; pickle those; translate frame
by frame; pad to one float32 array of 300 frames × 150 columns per clip; write it. The choice of bodies is the project's
own code, without the loops of those scripts: the yardstick is rather too fast than too slow. FOLDER/times.json says
what each step took.
"""

import json
import pickle
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hacm.cleaning import CleaningSettings, denoise
from hacm.recordings import Recording
from hacm.recordings.ntu import identify
from hacm.skeletons.shipped import KINECT_V2

FRAMES, COLUMNS, JOINTS = 300, 150, 25

Body = dict[str, Any]


def unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder / "unpacked")


def parse_all(folder: Path) -> None:
    recordings = {}
    for path in sorted((folder / "unpacked").rglob("*.skeleton")):
        with open(path) as stream:
            recordings[path.name] = parse(stream.readlines())
    with open(folder / "parsed.pkl", "wb") as stream:
        pickle.dump(recordings, stream, pickle.HIGHEST_PROTOCOL)


def parse(lines: list[str]) -> tuple[int, dict[str, Body]]:
    """Number of frames, and of each body id its frames, joints (n, 25, 3) and colours (n, 25, 2)."""
    frames = int(lines[0])
    bodies: dict[str, Body] = {}
    at = 1
    for frame in range(frames):
        count = int(lines[at])
        at += 1
        for _ in range(count):
            body = lines[at].split()[0]
            joints = np.zeros((JOINTS, 3), dtype=np.float32)
            colours = np.zeros((JOINTS, 2), dtype=np.float32)
            at += 2
            for joint in range(JOINTS):
                fields = lines[at].split()
                joints[joint] = np.array(fields[:3], dtype=np.float32)
                colours[joint] = np.array(fields[5:7], dtype=np.float32)
                at += 1
            if body in bodies:
                track = bodies[body]
                track["joints"] = np.vstack((track["joints"], joints[np.newaxis]))
                track["colours"] = np.vstack((track["colours"], colours[np.newaxis]))
                track["frames"].append(frame)
            else:
                bodies[body] = {"joints": joints[np.newaxis], "colours": colours[np.newaxis], "frames": [frame]}
    return frames, bodies


def choose_bodies(folder: Path) -> None:
    with open(folder / "parsed.pkl", "rb") as stream:
        recordings = pickle.load(stream)
    chosen = {}
    for name, (frames, bodies) in recordings.items():
        tracks = np.full((len(bodies), frames, JOINTS, 3), np.nan, dtype=np.float32)
        for number, body in enumerate(bodies.values()):
            tracks[number, body["frames"]] = body["joints"]
        recording = Recording(identify(name), 30.0, KINECT_V2, tracks)
        clip = denoise(recording, CleaningSettings()).bodies_MTVC
        chosen[name] = clip.transpose(1, 0, 2, 3).reshape(clip.shape[1], -1)
    with open(folder / "chosen.pkl", "wb") as stream:
        pickle.dump(chosen, stream, pickle.HIGHEST_PROTOCOL)


def transform(folder: Path) -> None:
    with open(folder / "chosen.pkl", "rb") as stream:
        chosen = pickle.load(stream)
    padded = np.zeros((len(chosen), FRAMES, COLUMNS), dtype=np.float32)
    for clip, joints in zip(padded, chosen.values(), strict=True):
        translate(joints)
        clip[: min(len(joints), FRAMES), : joints.shape[1]] = joints[:FRAMES]
    np.savez(folder / "joints.npz", x=padded)


def translate(joints: NDArray[np.float32]) -> None:
    """The origin is the spine of the first body, in its first frame; bodies that are absent stay zero."""
    first = next(frame for frame in range(len(joints)) if np.any(joints[frame, :75] != 0))
    origin = joints[first, 3:6].copy()
    for frame in range(len(joints)):
        for begin in range(0, joints.shape[1], 75):
            body = joints[frame, begin : begin + 75]
            if joints.shape[1] == 75 or body.sum() != 0:
                body -= np.tile(origin, 25)


def main() -> None:
    archive, folder = Path(sys.argv[1]), Path(sys.argv[2])
    times = {}
    steps = {
        "unpack": lambda: unpack(archive, folder),
        "parse": lambda: parse_all(folder),
        "choose bodies": lambda: choose_bodies(folder),
        "translate, pad, write": lambda: transform(folder),
    }
    for name, step in steps.items():
        begin = time.perf_counter()
        step()
        times[name] = time.perf_counter() - begin
    (folder / "times.json").write_text(json.dumps(times))


if __name__ == "__main__":
    main()
