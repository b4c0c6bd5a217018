"""Checks that a clip's joints can be those of a body: measurements, one row per clip, and what is abnormal.

Everything is computed on many clips at once, row below row. Absent bodies are all zero, and a pair of frames in one of
which the body is absent says nothing of its movement.
Legend: R rows (one body in one frame), V joints, B bones, L limbs (pairs of left and right), C coordinates (metres).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hacm.errors import name_some
from hacm.skeletons.bones import measure_bones_by_row
from hacm.skeletons.topology import Topology
from pipeline.audit.findings import Finding, count
from pipeline.audit.streaming import ClipBatch

MOST_SPREAD_OF_LIMBS = 0.15
"""Metres between left and right (root mean square over a limb's joints): nearer ones cannot be told from a crossing."""

SWAP_RATIO = 4.0
"""A limb pair has changed places where keeping its names costs so many times the squared distance of changing them."""


@dataclass(frozen=True)
class Check:
    """A limit on a measurement: over it, or under it where `above` is false, a clip is found. kind: of the finding.

    text: the finding in words; {limit}, {clips} ("3 of 768 clips"), {worst} (the worst clip's name), {value} (its
    measurement, with the unit).
    """

    kind: str
    column: str
    limit: float
    unit: str
    severity: str
    text: str
    above: bool = True

    def finds(self) -> pl.Expr:
        """Whether a row of measurements is found."""
        return pl.col(self.column) > self.limit if self.above else pl.col(self.column) < self.limit

    def describe(self, clips: int, of: int, worst: str, value: float) -> str:
        """The finding as a sentence: in how many clips of all, and the worst of them."""
        shown = count(int(value), self.unit) if self.unit in COUNTED else f"{value:.3g} {self.unit}"
        return self.text.format(
            limit=f"{self.limit:g}", clips=f"{clips:,} of {count(of, 'clip')}", worst=worst, value=shown
        )


COUNTED = ("value", "frame", "body", "swap")
"""Units of which there are whole numbers."""

CHECKS = (
    Check("non-finite", "non_finite", 0, "value", "error", "not finite in {clips}; most: {value} in {worst}"),
    Check("empty", "empty_share", 0.999, "of the frames", "error", "nobody in any frame of {clips} (e.g. {worst})"),
    Check("empty", "empty_frames", 0, "frame", "warning", "frames with nobody in {clips}; most: {value} in {worst}"),
    # Cleaning leaves a second body that is empty.
    Check("absent-body", "absent_bodies", 0, "body", "note", "second body empty throughout, {clips} (e.g. {worst})"),
    # Noise never gives one float32 twice, and never repeats a pose.
    Check(
        "frozen", "frozen_frames", 9, "frame", "warning",
        "a joint stands still for more than {limit} frames while others move in {clips}; longest: {value} in {worst}",
    ),
    Check(
        "repeated", "repeated_frames", 0, "frame", "warning",
        "a pose repeats the one before exactly in {clips}; longest: {value} in {worst}",
    ),
    # A boxer's fist reaches 10 m/s, a pitcher's hand 35.
    Check(
        "teleport", "speed", 20.0, "m/s", "warning",
        "a joint moves faster than {limit} m/s in {clips}; fastest: {value} in {worst}",
    ),
    # Bones are rigid.
    Check(
        "bones", "bone_spread", 0.10, "m", "warning",
        "bone length varies by more than {limit} m (SD) in {clips}; largest {value} in {worst}",
    ),
    # Limbs that are 0.15 m apart cannot.
    Check(
        "swap", "swaps", 0, "swap", "warning",
        "left and right limbs swap within one frame in {clips}; most: {value} in {worst}",
    ),
    Check(
        "size", "size", 3.5, "m", "error",
        "body larger than {limit} m (other units, or joints of two people?) in {clips}; largest {value} in {worst}",
    ),
    Check(
        "size", "size", 0.3, "m", "error",
        "body smaller than {limit} m (other units, or joints in one point?) in {clips}; smallest {value} in {worst}",
        above=False,
    ),
    # A third of a second at 30 frames/s.
    Check(
        "length", "frames", 10, "frame", "warning",
        "fewer than {limit} frames in {clips}; shortest: {value} in {worst}", above=False,
    ),
)  # fmt: skip
"""The limits and their units: physical ones, not fitted to a data set."""

MEASURES = (
    "non_finite", "empty_share", "empty_frames", "absent_bodies", "frozen_frames", "repeated_frames", "speed",
    "bone_spread", "swaps", "size",
)  # fmt: skip


def pair_limbs_by_name(topology: Topology) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Joints called `left …` with their `right …`, by limb: those that hang on the same first such joint.

    Empty where the names do not tell left from right.
    """
    number = {name: joint for joint, name in enumerate(topology.joints)}
    pairs = {
        joint: number["right" + name[4:]]
        for name, joint in number.items()
        if name.startswith("left") and "right" + name[4:] in number
    }
    limbs: dict[int, list[int]] = {}
    for joint in pairs:
        top = joint
        while topology.parents[top] in pairs:
            top = topology.parents[top]
        limbs.setdefault(top, []).append(joint)
    return [(np.array(left), np.array([pairs[joint] for joint in left])) for _, left in sorted(limbs.items())]


def find_present(rows_RVC: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(R,): whether the body is there; an absent one is all zero."""
    return np.asarray(rows_RVC.any(axis=(1, 2)))


def measure_steps(rows_RVC: NDArray[np.float32]) -> NDArray[np.float32]:
    """(R, V) metres that each joint moved since the row before; 0 in the first row."""
    steps_RV = np.zeros(rows_RVC.shape[:2], np.float32)
    moved_RVC = rows_RVC[1:] - rows_RVC[:-1]
    np.sqrt(np.einsum("rvc,rvc->rv", moved_RVC, moved_RVC), out=steps_RV[1:])
    return steps_RV


def find_swaps(rows_RVC: NDArray[np.float32], topology: Topology) -> NDArray[np.bool_]:
    """(R, L): whether a limb pair has changed places since the row before.

    So it is where Σ|l(t) − r(t−1)|² + |r(t) − l(t−1)|² is under a quarter of Σ|l(t) − l(t−1)|² + |r(t) − r(t−1)|²,
    and left and right are apart in both rows.
    """
    limbs = pair_limbs_by_name(topology)
    swapped_RL = np.zeros((len(rows_RVC), len(limbs)), bool)
    for limb, (left, right) in enumerate(limbs):
        left_RVC, right_RVC = rows_RVC[:, left], rows_RVC[:, right]
        apart_R = _squares(left_RVC - right_RVC) > len(left) * MOST_SPREAD_OF_LIMBS**2
        kept_R = _squares(left_RVC[1:] - left_RVC[:-1]) + _squares(right_RVC[1:] - right_RVC[:-1])
        changed_R = _squares(left_RVC[1:] - right_RVC[:-1]) + _squares(right_RVC[1:] - left_RVC[:-1])
        swapped_RL[1:, limb] = (kept_R > SWAP_RATIO * changed_R) & apart_R[1:] & apart_R[:-1]
    return swapped_RL


def _squares(rows_RVC: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.einsum("rvc,rvc->r", rows_RVC, rows_RVC)


def count_runs(same_RV: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(R, V): how many rows up to this one are true without a gap."""
    row_R1 = np.arange(len(same_RV))[:, np.newaxis]
    return row_R1 - np.maximum.accumulate(np.where(same_RV, -1, row_R1), axis=0)


def measure(batch: ClipBatch, rows_RVC: NDArray[np.float32], topology: Topology) -> pl.DataFrame:
    """MEASURES of every clip of a batch, whose rows these are, with its name."""
    first, clip = batch.segments
    finite_RVC = np.isfinite(rows_RVC)
    bad_R = np.zeros(len(rows_RVC)) if finite_RVC.all() else (~finite_RVC).sum(axis=(1, 2))
    rows_RVC = rows_RVC if finite_RVC.all() else np.where(finite_RVC, rows_RVC, np.float32(0))
    present_R = find_present(rows_RVC)
    joined_R = present_R.copy()
    joined_R[1:] &= present_R[:-1]
    joined_R[first] = False
    frozen, repeated = _longest_stills(rows_RVC, joined_R, first)
    span_RC = np.where(present_R[:, np.newaxis], rows_RVC.max(axis=1) - rows_RVC.min(axis=1), 0)
    steps_R = np.where(joined_R, measure_steps(rows_RVC).max(axis=1), 0)
    swaps_R = find_swaps(rows_RVC, topology).any(axis=1) & joined_R
    seen = np.add.reduceat(present_R, first, dtype=np.int64)
    empty = _empty_frames(batch, present_R)
    by_body = {
        "non_finite": np.add.reduceat(bad_R, first),
        "absent_bodies": seen == 0,
        "frozen_frames": frozen,
        "repeated_frames": repeated,
        "speed": np.maximum.reduceat(steps_R, first),
        "bone_spread": _spread_of_bones(measure_bones_by_row(rows_RVC, topology), present_R, first),
        "swaps": np.add.reduceat(swaps_R, first, dtype=np.int64),
        "size": np.maximum.reduceat(span_RC.max(axis=1), first),
    }
    added = ("non_finite", "absent_bodies", "swaps")
    by_clip = pl.DataFrame({"clip": clip, **by_body}).group_by("clip", maintain_order=True)
    table = by_clip.agg(pl.col(name).sum() if name in added else pl.col(name).max() for name in by_body)
    facts = batch.clips.select("name", "frames", "fps").with_columns(table.drop("clip"), empty_frames=empty)
    return facts.select(
        "name",
        "frames",
        "fps",
        pl.col("non_finite").cast(pl.Int64),
        (pl.col("empty_frames") / pl.col("frames")).alias("empty_share"),
        "empty_frames",
        # A clip whose bodies are all absent is empty, which is said elsewhere.
        pl.when(pl.col("empty_frames") < pl.col("frames")).then(pl.col("absent_bodies")).otherwise(0).cast(pl.Int64)
        .alias("absent_bodies"),
        pl.when(pl.col("frozen_frames") > pl.col("repeated_frames")).then("frozen_frames").otherwise(0)
        .alias("frozen_frames"),
        "repeated_frames",
        (pl.col("speed") * pl.col("fps")).cast(pl.Float64).alias("speed"),
        pl.col("bone_spread").cast(pl.Float64),
        "swaps",
        pl.when(pl.col("empty_frames") < pl.col("frames")).then(pl.col("size")).cast(pl.Float64).alias("size"),
    )  # fmt: skip


def _longest_stills(
    rows_RVC: NDArray[np.float32], joined_R: NDArray[np.bool_], first: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each body: the most frames on end in which some joint, and in which all joints, did not move at all."""
    same_RV = np.zeros(rows_RVC.shape[:2], bool)
    same_RV[1:] = (rows_RVC[1:] == rows_RVC[:-1]).all(axis=2)
    same_RV &= joined_R[:, np.newaxis]
    if not same_RV.any():
        return np.zeros(len(first), np.int64), np.zeros(len(first), np.int64)
    joint_R = count_runs(same_RV).max(axis=1)
    body_R = count_runs(np.asarray(same_RV.all(axis=1, keepdims=True)))[:, 0]
    return np.maximum.reduceat(joint_R, first), np.maximum.reduceat(body_R, first)


def _spread_of_bones(
    lengths_RB: NDArray[np.float32], present_R: NDArray[np.bool_], first: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Of each body, metres: the standard deviation over its frames of the bone that has the largest."""
    weight_R1 = present_R[:, np.newaxis].astype(np.float64)
    count = np.maximum(np.add.reduceat(weight_R1, first), 1)
    mean = np.add.reduceat(lengths_RB * weight_R1, first) / count
    frames = np.diff(np.append(first, len(lengths_RB)))
    deviation_RB = (lengths_RB - np.repeat(mean, frames, axis=0)) * weight_R1
    return np.sqrt((np.add.reduceat(deviation_RB**2, first) / count).max(axis=1))


def _empty_frames(batch: ClipBatch, present_R: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of each clip: frames in which none of its bodies is present."""
    counts = []
    clips = batch.clips
    for start, bodies, frames in zip(batch.first_row, clips["bodies"], clips["frames"], strict=True):
        counts.append(frames - int(present_R[start : start + bodies * frames].reshape(bodies, frames).any(0).sum()))
    return np.array(counts, np.int64)


def find_value_faults(measures: pl.DataFrame) -> list[Finding]:
    """What CHECKS find, one finding per check, the worst clips first."""
    findings = []
    taken = set[str]()
    for check in CHECKS:
        order = [pl.col(check.column), pl.col("name")]
        found = measures.filter(check.finds()).sort(order, descending=[check.above, False])
        found = found.filter(~pl.col("name").is_in(list(taken))) if check.kind == "empty" else found
        if found.is_empty():
            continue
        names = found["name"].to_list()
        taken.update(names if check.kind == "empty" else ())
        text = check.describe(len(found), len(measures), names[0], found[check.column][0])
        findings.append(Finding(check.kind, check.severity, tuple(names), text))
    return findings + _find_frame_rates(measures)


def _find_frame_rates(measures: pl.DataFrame) -> list[Finding]:
    rates = measures["fps"].value_counts().sort("count", "fps", descending=[True, False])
    findings = []
    impossible = measures.filter(~pl.col("fps").is_between(5, 240) | pl.col("fps").is_nan())["name"].to_list()
    if impossible:
        text = f"frame rates outside 5 to 240 frames/s: {name_some(impossible)}"
        findings.append(Finding("frame-rate", "error", tuple(impossible), text))
    if len(rates) > 1:
        odd = measures.filter(pl.col("fps") != rates["fps"][0])["name"].to_list()
        text = f"{len(rates)} frame rates; most clips have {rates['fps'][0]:g} frames/s, not {name_some(odd)}"
        findings.append(Finding("frame-rate", "warning", tuple(odd), text))
    return findings
