"""A recording of any format that is read → a file of another, with what is lost on the way said.

Shape suffixes: M bodies, T frames, V joints, C coordinates, R rows, K columns.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hacm.errors import BadRecording
from hacm.recordings import Identity, Recording
from hacm.recordings.anywhere import Finder
from hacm.recordings.bodies import UPRIGHT, Up
from hacm.recordings.names import plain
from hacm.recordings.notes import Kind
from hacm.recordings.poses import Poses
from hacm.skeletons.recognition import find_named
from hacm.skeletons.shipped import KINECT_V2, MEDIAPIPE_33
from hacm.skeletons.topology import Topology

AXES = "xyz"


@dataclass(frozen=True, eq=False)
class Content:
    """What is written.

    skeleton: None where the joints are of none that is known. values_MTVC: float64, in metres with y up, C 3; or, if
    pictured, as the file has them, C 2 or 3; NaN where a joint was not seen. fps: None where nobody says. lost: what
    the source held and this does not, in words.
    """

    joints: tuple[str, ...]
    skeleton: Topology | None
    values_MTVC: NDArray[np.float64]
    confidence_MTV: NDArray[np.float64] | None = None
    fps: float | None = None
    pictured: bool = False
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class PosedRecording(Recording):
    """A recording together with the poses that it was made of; its own bodies are none."""

    poses: Poses | None = None


class WholeFinder(Finder):
    """Finds recordings as Finder does, and leaves poses whole: joints of any names, two dimensions, confidences."""

    def _finish(self, poses: Poses) -> Recording:
        nobody = np.zeros((0, 1, len(KINECT_V2.joints), 3), np.float32)
        return PosedRecording(Identity("nameless", None, None), 0.0, KINECT_V2, nobody, poses.notes, poses)


def content_of(recording: Recording, metres: float = 1.0, up: Up = "y", fps: float | None = None) -> Content:
    """What is known of a recording. metres, up, fps: of poses that do not say them."""
    lost = tuple(f"{note}" for note in recording.notes if note.kind is Kind.NOT_READ)
    poses = recording.poses if isinstance(recording, PosedRecording) else None
    if poses is None:
        joints = recording.topology.recorded
        values_MTVC = recording.bodies_MTVC[:, :, : len(joints)].astype(np.float64)
        return Content(joints, recording.topology, values_MTVC, None, recording.fps, lost=lost)
    values_MTVC = poses.values_MTVC
    if not poses.pictured:
        turn = UPRIGHT[poses.up or up]
        values_MTVC = np.stack([sign * values_MTVC[..., axis] for axis, sign in turn], axis=-1)
        values_MTVC = values_MTVC * (poses.metres or metres) + 0.0
    skeleton = find_named([plain(name) for name in poses.joints])
    if skeleton is not None:  # in the order, and by the names, that files without names are read in
        place = {plain(name): number for number, name in enumerate(poses.joints)}
        order = [place[name] for name in skeleton.recorded]
        confidence_MTV = None if poses.confidence_MTV is None else poses.confidence_MTV[:, :, order]
        poses = replace(poses, joints=skeleton.recorded, confidence_MTV=confidence_MTV)
        values_MTVC = values_MTVC[:, :, order]
    elif poses.parents is not None:
        lost = (*lost, "which joint hangs on which")
    return Content(
        poses.joints, skeleton, values_MTVC, poses.confidence_MTV, poses.fps or fps, poses.pictured, lost
    )  # fmt: skip


def write(content: Content, suffix: str) -> tuple[bytes, tuple[str, ...]]:
    """A file of one of WRITERS, and what is lost in it, in words; BadRecording if such a file cannot hold it."""
    data, lost = WRITERS[suffix](content)
    return data, (*content.lost, *lost)


def _write_npz(content: Content) -> tuple[bytes, list[str]]:
    arrays = {"joints": content.values_MTVC}
    if content.confidence_MTV is not None:
        arrays["confidence"] = content.confidence_MTV
    if content.fps is not None:
        arrays["fps"] = np.array(content.fps)
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue(), _unnamed(content)


def _write_npy(content: Content) -> tuple[bytes, list[str]]:
    stream = io.BytesIO()
    alone = len(content.values_MTVC) == 1
    np.save(stream, content.values_MTVC[0] if alone else content.values_MTVC)
    lost = ["confidences"] if content.confidence_MTV is not None else []
    return stream.getvalue(), [*lost, *(["frames per second"] if content.fps else []), *_unnamed(content)]


def _unnamed(content: Content) -> list[str]:
    return [] if content.skeleton is not None else [f"names of joints, which are: {', '.join(content.joints)}"]


def _columns(content: Content) -> tuple[dict[str, NDArray[np.float64]], list[str]]:
    """Columns by name, a row for each person in each frame."""
    bodies, frames, _, dimensions = content.values_MTVC.shape
    values_RVC = content.values_MTVC.reshape(-1, *content.values_MTVC.shape[2:])
    lost: list[str] = []
    if content.skeleton is MEDIAPIPE_33 and not content.pictured:
        values_RVC = values_RVC * [1, -1, -1] + 0.0  # these names say that y grows downwards
    columns = {"frame": np.tile(np.arange(frames, dtype=np.float64), bodies)}
    if bodies > 1:
        columns["person"] = np.repeat(np.arange(bodies, dtype=np.float64), frames)
    if content.fps is not None:
        if content.skeleton is MEDIAPIPE_33:
            lost.append("frames per second")
        else:
            columns["fps"] = np.full(bodies * frames, content.fps)
    for number, joint in enumerate(content.joints):
        for axis in range(dimensions):
            columns[f"{joint} {AXES[axis]}"] = values_RVC[:, number, axis]
        if content.confidence_MTV is not None:
            columns[f"{joint} confidence"] = content.confidence_MTV[:, :, number].reshape(-1)
    return columns, lost


def _write_csv(content: Content) -> tuple[bytes, list[str]]:
    columns, lost = _columns(content)
    header = ",".join(f'"{name}"' if "," in name else name for name in columns)
    whole = [name for name in ("frame", "person") if name in columns]
    lines = [header]
    for row in np.column_stack(list(columns.values())).tolist():
        words = ["" if value != value else repr(value) for value in row]
        words[: len(whole)] = [str(int(value)) for value in row[: len(whole)]]
        lines.append(",".join(words))
    return ("\n".join(lines) + "\n").encode(), lost


def _write_parquet(content: Content) -> tuple[bytes, list[str]]:
    import polars as pl

    columns, lost = _columns(content)
    stream = io.BytesIO()
    pl.DataFrame(columns).with_columns(pl.all().fill_nan(None)).write_parquet(stream)
    return stream.getvalue(), lost


def _write_trc(content: Content) -> tuple[bytes, list[str]]:
    _expect_room(content, ".trc")
    if len(content.values_MTVC) != 1:
        raise BadRecording(f"{len(content.values_MTVC)} people, and a .trc holds one")
    if content.fps is None:
        raise BadRecording("nothing says how many frames per second, which a .trc needs (--fps)")
    frames, joints = content.values_MTVC.shape[1:3]
    names = [joint.replace(" ", "_") for joint in content.joints]
    lines = [
        "PathFileType\t4\t(X/Y/Z)\trecording.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{content.fps:.10g}\t{content.fps:.10g}\t{frames}\t{joints}\tm\t{content.fps:.10g}\t1\t{frames}",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"{axis}{number}" for number in range(1, joints + 1) for axis in "XYZ"),
    ]
    for frame, row in enumerate(content.values_MTVC[0].reshape(frames, -1).tolist()):
        places = ("" if value != value else repr(value) for value in row)
        lines.append("\t".join((str(frame + 1), f"{frame / content.fps:.6f}", *places)))
    return ("\n".join(lines) + "\n").encode(), ["confidences"] if content.confidence_MTV is not None else []


def _write_skeleton(content: Content) -> tuple[bytes, list[str]]:
    _expect_room(content, ".skeleton")
    if content.skeleton is not KINECT_V2:
        name = "none that is known" if content.skeleton is None else content.skeleton.name
        raise BadRecording(f"the skeleton is {name}, and NTU's .skeleton holds {KINECT_V2.name} alone")
    seen_MTV = ~np.isnan(content.values_MTVC.sum(axis=3))
    if (seen_MTV.any(axis=2) & ~seen_MTV.all(axis=2)).any():
        raise BadRecording("some joints were not seen, which NTU's .skeleton cannot say")
    lines = [str(content.values_MTVC.shape[1])]
    for frame in range(content.values_MTVC.shape[1]):
        bodies = np.flatnonzero(seen_MTV[:, frame, 0])
        lines.append(str(len(bodies)))
        for body in bodies:
            lines += [f"{body + 1} 0 0 0 0 0 0 0 0 2", str(len(KINECT_V2.joints))]
            places = content.values_MTVC[body, frame].tolist()
            lines += [f"{x!r} {y!r} {z!r} 0 0 0 0 0 0 0 0 2" for x, y, z in places]
    lost = ["confidences"] if content.confidence_MTV is not None else []
    if content.fps not in (None, 30):
        lost.append(f"frames per second ({content.fps:g}; it is read as 30)")
    return ("\n".join(lines) + "\n").encode(), lost


def _expect_room(content: Content, suffix: str) -> None:
    if content.pictured or content.values_MTVC.shape[-1] == 2:
        raise BadRecording(f"places in a picture, and a {suffix} holds places in the room")


Writer = Callable[[Content], tuple[bytes, Sequence[str]]]

WRITERS: dict[str, Writer] = {
    ".npz": _write_npz,
    ".npy": _write_npy,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
    ".trc": _write_trc,
    ".skeleton": _write_skeleton,
}
"""By the ending of a file. All but .parquet are read again."""
