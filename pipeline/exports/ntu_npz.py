"""The `.npz` of the field's NTU RGB+D scripts (CTR-GCN and those after it: NTU60_CS.npz), for any skeleton.

    x_train, x_test            float32 (N, frames, 2·V·3): a frame is body 0, then body 1, joint after joint, x y z;
                               zeros where there is no second body and after the clip's end
    y_train, y_test            float64 (N, classes), one-hot
    names_…, frames_…, bodies_…   of each part: the clips' names, and what padding hides: how many frames and bodies
    classes, data_version      the classes' names in column order; the store's version

The first four are what those scripts' loaders read; they do not look at the others.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np
import polars as pl
from numpy.lib import format as npy
from numpy.typing import NDArray

from hacm.errors import UserError
from hacm.files import replace_file
from pipeline.exports import PARTS, LabelledClips

SUFFIX = ".npz"
FRAMES = 300
"""The longest clip of NTU RGB+D, and so the length that its scripts pad to."""

BODIES = 2
JOINTS = np.dtype("<f4")
ONE_HOT = np.dtype("<f8")
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The first date a zip archive can hold, in place of the time of writing: equal clips are equal files."""
UNIX = 3
NAMED = 3
"""How many of the clips at fault an error names."""


def write(clips: LabelledClips, path: Path, *, frames: int = FRAMES, compress: bool = False) -> list[str]:
    """Write the file; returns the names of clips with a frame that holds no body, of which loaders may cut the end.

    frames: what every clip is padded to. compress: by zip's deflate. UserError if a clip has more frames: none is cut.
    """
    expect_room(clips.table, frames)
    bodiless: list[str] = []
    compression = ZIP_DEFLATED if compress else ZIP_STORED
    with replace_file(path) as temporary, ZipFile(temporary, "w", compression) as archive:
        for part in PARTS:
            rows = clips.part(part)
            shape = (len(rows), frames, BODIES * clips.joints * 3)
            add_array(archive, f"x_{part}", JOINTS, shape, pad_all(clips, rows, frames, bodiless))
            add_array(archive, f"y_{part}", ONE_HOT, (len(rows), len(clips.classes)), one_hot(rows, len(clips.classes)))
        for part in PARTS:
            rows = clips.part(part)
            add_whole(archive, f"names_{part}", np.array(rows["name"].to_list(), dtype=np.str_))
            for column in ("frames", "bodies"):
                add_whole(archive, f"{column}_{part}", rows[column].cast(pl.Int64).to_numpy())
        add_whole(archive, "classes", np.array(clips.classes, dtype=np.str_))
        add_whole(archive, "data_version", np.array(clips.data_version))
    return bodiless


def expect_room(table: pl.DataFrame, frames: int) -> None:
    """UserError naming the first clips that have more than `frames` frames."""
    longer = table.filter(pl.col("frames") > frames).select("name", "frames").rows()
    if not longer:
        return
    named = ", ".join(f"{name} ({count})" for name, count in longer[:NAMED]) + (" …" if len(longer) > NAMED else "")
    raise UserError(
        f"clips of more than {frames} frames: {len(longer)}, namely {named}; pad to more with --frames "
        f"{max(count for _, count in longer)}, or cut them when they are cleaned (params.yaml, cleaning.max_frames)"
    )


def pad_all(
    clips: LabelledClips, rows: pl.DataFrame, frames: int, bodiless: list[str]
) -> Iterator[NDArray[np.float32]]:
    """Each clip as its (frames, 2·V·3) block; the name of one with a frame without body is appended to `bodiless`."""
    for name, bodies_MTVC in zip(rows["name"], clips.stream(rows), strict=True):
        if not bodies_MTVC.any(axis=(0, 2, 3)).all():
            bodiless.append(name)
        yield pad(bodies_MTVC, frames)


def pad(bodies_MTVC: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """(M, T, V, 3) → (frames, 2·V·3), with zeros for what is not there."""
    bodies, length, joints, coordinates = bodies_MTVC.shape
    padded = np.zeros((frames, BODIES, joints, coordinates), dtype=JOINTS)
    padded[:length, :bodies] = bodies_MTVC.swapaxes(0, 1)
    return padded.reshape(frames, -1)


def one_hot(rows: pl.DataFrame, classes: int) -> Iterator[NDArray[np.float64]]:
    """Each clip's row: 1 in the column of its class, 0 elsewhere."""
    for number in rows["class"]:
        row = np.zeros(classes, dtype=ONE_HOT)
        row[number] = 1
        yield row


def add_whole(archive: ZipFile, name: str, array: NDArray[np.generic]) -> None:
    """Append a small array."""
    add_array(archive, name, array.dtype, array.shape, (array,))


def add_array(
    archive: ZipFile,
    name: str,
    dtype: np.dtype[np.generic],
    shape: tuple[int, ...],
    blocks: Iterable[NDArray[np.generic]],
) -> None:
    """Append an array that is never whole in memory: `blocks` are its values in C order, piece after piece."""
    member = ZipInfo(f"{name}.npy", EARLIEST)
    member.compress_type = archive.compression
    member.create_system = UNIX
    header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    # The size is not known before the end, and may pass the 4 GiB that a plain zip can hold.
    with archive.open(member, "w", force_zip64=True) as stream:
        npy.write_array_header_1_0(stream, header)
        for block in blocks:
            stream.write(block.tobytes())
