"""Drawings of skeletons: the joint hierarchy in the Poincaré disk, and a clip with its masked joints.

x_SVC: S segments, V joints, J kept joints, C coordinates (metres, or pixels on the page), P points, E bones' ends.
Points of the disk are complex numbers inside the unit circle.
"""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle, PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray

from pipeline.report.charts import WIDTH, shortened
from pipeline.report.model import Example, TreeJoint
from pipeline.report.svg import (
    BLUE,
    FAINT,
    GREY,
    GRID,
    INK,
    MUTED,
    ORANGE,
    PAPER,
    STYLE,
    Drawing,
    Hint,
    Values,
    canvas,
    pixel_axes,
    to_drawing,
)


def geodesic(start: complex, end: complex, points: int = 24) -> NDArray[np.complex128]:
    """Points of the hyperbolic segment between two points of the unit disk, evenly spaced in hyperbolic distance.

    γ(t) = start ⊕ (t ⊗ (−start ⊕ end)), with a ⊕ b = (a + b) / (1 + ā·b) and t ⊗ w = tanh(t·artanh|w|)·w/|w|. The
    result lies on the circle through both that meets the unit circle at right angles, or on a diameter.
    """
    step = (end - start) / (1 - start.conjugate() * end)
    if step == 0:
        return np.full(points, start, dtype=np.complex128)
    reach = np.tanh(np.linspace(0, 1, points) * math.atanh(abs(step))) * (step / abs(step))
    return (start + reach) / (1 + start.conjugate() * reach)


def is_planar(tree: Sequence[TreeJoint]) -> bool:
    """Whether the joints' radii are those of their (x, y): false when more coordinates exist than are drawn."""
    return all(
        math.isclose(row.radius, 2 * math.atanh(math.hypot(row.x, row.y)), rel_tol=1e-3, abs_tol=1e-3) for row in tree
    )


@rc_context(STYLE)
def disk_chart(tree: Sequence[TreeJoint], name: str) -> Drawing:
    """The embedded kinematic tree: joints in the unit disk, bones as geodesics, names beside it."""
    height, radius = 344.0, 132.0
    centre = complex(WIDTH / 2, height / 2 - 14)
    figure = canvas(WIDTH, height)
    axes = pixel_axes(figure)
    axes.add_patch(Circle((centre.real, centre.imag), radius, facecolor="none", edgecolor=MUTED, linewidth=1))
    for level in range(1, 6):
        ring = radius * math.tanh(level / 2)
        axes.add_patch(Circle((centre.real, centre.imag), ring, facecolor="none", edgecolor=GRID, linewidth=0.8))
    place = {row.joint: complex(row.x, row.y) for row in tree}
    on_page = {joint: centre + radius * point.conjugate() for joint, point in place.items()}
    _leaders(axes, tree, on_page)
    arcs = [geodesic(place[row.joint], place[row.parent]) for row in tree if row.parent in place]
    lines = [np.stack((centre.real + radius * arc.real, centre.imag - radius * arc.imag), axis=1) for arc in arcs]
    axes.add_collection(LineCollection(lines, colors=INK, linewidths=1.2, zorder=2), autolim=False)
    for token, marker, face, edge in ((False, "s", PAPER, INK), (True, "o", BLUE, BLUE)):
        points = [on_page[row.joint] for row in tree if row.token == token]
        axes.plot(
            [point.real for point in points], [point.imag for point in points], linestyle="", marker=marker,
            markersize=6, markerfacecolor=face, markeredgecolor=edge, markeredgewidth=1.1, zorder=3,
        )  # fmt: skip
    _key(axes, height - 12, (("o", BLUE, BLUE, "token", 112), ("s", PAPER, INK, "root set", 176)))
    axes.text(252, height - 12, "rings: radius 1, 2, …", va="center", color=MUTED, fontsize=9.5)
    names = {row.joint: row.name for row in tree}
    values = Values(
        ("joint", "parent", "x", "y", "radius", "token"),
        tuple((row.name, names.get(row.parent, ""), row.x, row.y, row.radius, int(row.token)) for row in tree),
    )
    hints = [
        Hint(on_page[row.joint].real - 5, on_page[row.joint].imag - 5, 10, 10, f"{row.name}: radius {row.radius:.2f}")
        for row in tree
    ]
    description = "Kinematic tree embedded in the Poincaré disk, bones drawn as geodesics"
    return to_drawing(figure, name, description, values, hints)


def _leaders(axes: Axes, tree: Sequence[TreeJoint], on_page: dict[int, complex]) -> None:
    """Joint names in a column on either side, each tied to its joint by a thin line."""
    left = [row for row in tree if on_page[row.joint].real < WIDTH / 2]
    right = [row for row in tree if on_page[row.joint].real >= WIDTH / 2]
    for rows, name_x, tie_x, align in ((left, 70, 73, "right"), (right, WIDTH - 70, WIDTH - 73, "left")):
        ordered = sorted(rows, key=lambda row: (on_page[row.joint].imag, row.joint))
        least, most = 8.0, 312.0
        gap = min(13.5, (most - least) / max(len(rows) - 1, 1))
        heights = spread([on_page[row.joint].imag for row in ordered], gap, least, most)
        for row, y in zip(ordered, heights, strict=True):
            point = on_page[row.joint]
            axes.plot([tie_x, point.real], [y, point.imag], color=FAINT, linewidth=0.6, zorder=1)
            colour = INK if row.token else MUTED
            axes.text(name_x, y, shortened(row.name, 15), ha=align, va="center", fontsize=9, color=colour)


def spread(heights: Sequence[float], gap: float, least: float, most: float) -> list[float]:
    """Ascending heights pushed apart to at least the gap, as near to where they were as a walk down and up allows."""
    placed = list(heights)
    floor = least
    for number, height in enumerate(placed):
        placed[number] = floor = max(height, floor)
        floor += gap
    ceiling = most
    for number in reversed(range(len(placed))):
        placed[number] = ceiling = min(placed[number], ceiling)
        ceiling -= gap
    return placed


def _key(axes: Axes, y: float, entries: Sequence[tuple[str, str, str, str, float]]) -> None:
    """Legend entries: marker, face, edge, label, x."""
    for marker, face, edge, label, x in entries:
        axes.plot([x], [y], marker=marker, markersize=6, markerfacecolor=face, markeredgecolor=edge, linestyle="")
        axes.text(x + 9, y, label, va="center", color=MUTED, fontsize=9.5)


def _strips(example: Example, segments: int) -> list[tuple[str, str, tuple[int, ...]]]:
    """(label, colour, segments) of each strip: one a branch, or the clip in two halves when there are no branches."""
    branches = (("temporal", BLUE, example.branch.temporal), ("spatial", ORANGE, example.branch.spatial))
    strips = [branch for branch in branches if branch[2]]
    half = (segments + 1) // 2
    return strips or [("", BLUE, tuple(range(half))), ("", BLUE, tuple(range(half, segments)))]


def branch_colours(example: Example, segments: int) -> list[str]:
    """Each segment's colour: that of its branch."""
    colours = [GREY] * segments
    for _, colour, members in _strips(example, segments):
        for segment in members:
            colours[segment] = colour
    return colours


@rc_context(STYLE)
def pose_strip(example: Example, body: int, name: str) -> Drawing:
    """One body's pose amid every segment, seen from the front: seen tokens filled, masked ones hollow."""
    masked_SJ = np.array(example.masked[body], dtype=bool)
    middle_SVC = np.array(example.bodies[body])[example.segment // 2 :: example.segment]
    strips = _strips(example, len(masked_SJ))
    width, left, row_height, top = 980.0, 70.0, 132.0, 30.0
    figure = canvas(width, top + row_height * len(strips))
    axes = pixel_axes(figure)
    pitch = (width - left) / (max(len(members) for *_, members in strips) + 0.5)
    scale, across, low = _pose_window(example, middle_SVC, pitch - 6, row_height - 32)
    for number, (label, colour, members) in enumerate(strips):
        floor = top + row_height * (number + 1) - 18
        if label:
            axes.text(2, floor - row_height / 2 + 16, f"{label}\nbranch", va="center", color=colour, linespacing=1.3)
        shift = 0.5 * (number % 2) if label else 0.0  # branches alternate in time, so their strips interlock
        place_SC = np.array([(left + pitch * (column + 0.5 + shift), floor) for column in range(len(members))])
        for (x, _), segment in zip(place_SC, members, strict=True):
            axes.text(x, floor + 12, str(segment), ha="center", color=MUTED, fontsize=9)
        points_SVC = _standing(example, middle_SVC[list(members)], place_SC, (scale, across, low))
        _draw_poses(axes, example, points_SVC, masked_SJ[list(members)], colour)
    seen = [("o", colour, colour, f"seen, {label} branch" if label else "seen") for label, colour, _ in strips]
    entries = [*dict.fromkeys(seen), ("o", PAPER, MUTED, "masked"), ("s", GREY, GREY, "root set, not a token")]
    _key(axes, 12, [(*entry, left + 10 + 165 * number) for number, entry in enumerate(entries)])
    description = f"Poses of body {body + 1} over the clip's segments with masked joints hollow"
    return to_drawing(figure, name, description, _pose_values(example, middle_SVC, masked_SJ))


def _pose_values(example: Example, middle_SVC: NDArray[np.float64], masked_SJ: NDArray[np.bool_]) -> Values:
    """Where every joint is amid every segment, in metres, and whether its token is masked; the root set has none."""
    token = {joint: place for place, joint in enumerate(example.kept)}
    rows = tuple(
        (segment, name, *(round(float(part), 4) for part in middle_SVC[segment, joint]),
         int(masked_SJ[segment, token[joint]]) if joint in token else "")
        for segment in range(len(middle_SVC))
        for joint, name in enumerate(example.joints)
    )  # fmt: skip
    return Values(("segment", "joint", "x", "y", "z", "masked"), rows)


def _sideways(example: Example, poses_SVC: NDArray[np.float64]) -> NDArray[np.float64]:
    """(S, V) metres to the right of the skeleton's root joint, so that a walking body stays in its column."""
    root = example.parents.index(-1) if -1 in example.parents else 0
    return poses_SVC[..., 0] - poses_SVC[:, root : root + 1, 0]


def _pose_window(
    example: Example, poses_SVC: NDArray[np.float64], width: float, height: float
) -> tuple[float, float, float]:
    """(pixels a metre, middle across and floor in metres): one window that every pose fits."""
    seen = poses_SVC[poses_SVC.any(axis=(1, 2))]
    if len(seen) == 0:
        return 1.0, 0.0, 0.0
    across_SV, up_SV = _sideways(example, seen), seen[..., 1]
    left, right, low, high = (float(x) for x in (across_SV.min(), across_SV.max(), up_SV.min(), up_SV.max()))
    scale = min(width / max(right - left, 1e-6), height / max(high - low, 1e-6))
    return scale, (left + right) / 2, low


def _standing(
    example: Example,
    poses_SVC: NDArray[np.float64],
    place_SC: NDArray[np.float64],
    window: tuple[float, float, float],
) -> NDArray[np.float64]:
    """Page coordinates (S, V, 2) of poses over their places; NaN for poses that are all zero, the absent."""
    scale, across, low = window
    x_SV = place_SC[:, :1] + (_sideways(example, poses_SVC) - across) * scale
    points_SVC = np.stack((x_SV, place_SC[:, 1:] - 4 - (poses_SVC[..., 1] - low) * scale), axis=-1)
    points_SVC[~poses_SVC.any(axis=(1, 2))] = np.nan
    return points_SVC


def _draw_poses(
    axes: Axes, example: Example, points_SVC: NDArray[np.float64], masked_SJ: NDArray[np.bool_], colour: str
) -> None:
    """Draws all bones as one path and all joints of a kind as one line, which keeps the page small."""
    here_SVC = points_SVC[~np.isnan(points_SVC).any(axis=(1, 2))]
    hidden_SJ = masked_SJ[~np.isnan(points_SVC).any(axis=(1, 2))]
    bones = [(joint, parent) for joint, parent in enumerate(example.parents) if parent >= 0]
    ends_EC = here_SVC[:, np.array(bones, dtype=int).reshape(-1, 2)].reshape(-1, 2)
    if len(ends_EC):
        path = Path(ends_EC, [Path.MOVETO, Path.LINETO] * (len(ends_EC) // 2))
        axes.add_patch(PathPatch(path, facecolor="none", edgecolor=FAINT, linewidth=1.2, zorder=1))
    kept_SJC = here_SVC[:, list(example.kept)]
    roots_SVC = np.delete(here_SVC, example.kept, axis=1)
    styles = (
        (roots_SVC.reshape(-1, 2), "s", 2.2, GREY, GREY),
        (kept_SJC[hidden_SJ], "o", 3.8, PAPER, MUTED),
        (kept_SJC[~hidden_SJ], "o", 5.0, colour, colour),
    )
    for level, (points_PC, marker, size, face, edge) in enumerate(styles):
        if len(points_PC):
            axes.plot(
                points_PC[:, 0], points_PC[:, 1], linestyle="", marker=marker, markersize=size,
                markerfacecolor=face, markeredgecolor=edge, markeredgewidth=0.7, zorder=2 + level,
            )  # fmt: skip


@rc_context(STYLE)
def mask_grid(example: Example, body: int, name: str) -> Drawing:
    """Segment × joint: the tokens of one body that the encoder sees, in their branch's colour."""
    masked_SJ = np.array(example.masked[body], dtype=bool)
    segments, joints = masked_SJ.shape
    left, top, row_height = 104.0, 8.0, 14.0
    pitch = (WIDTH - left - 4) / segments
    bottom = top + row_height * joints
    figure = canvas(WIDTH, bottom + 54)
    axes = pixel_axes(figure)
    colours = branch_colours(example, segments)
    key = [(f"seen, {label} branch" if label else "seen", colour) for label, colour, _ in _strips(example, segments)]
    for number, (label, colour) in enumerate(dict.fromkeys([*key, ("masked", GRID)])):
        _key(axes, bottom + 46, [("s", colour, colour, label, left + 6 + 126 * number)])
    for row, joint in enumerate(example.kept):
        y = top + row_height * (row + 0.5)
        axes.text(left - 6, y, shortened(example.joints[joint], 17), ha="right", va="center", fontsize=9)
        axes.plot([left, WIDTH - 4], [y, y], color=GRID, linewidth=row_height - 3, solid_capstyle="butt", zorder=0)
    for segment in range(segments):
        seen = np.flatnonzero(~masked_SJ[segment])
        x = left + pitch * (segment + 0.5)
        axes.vlines(
            np.full(len(seen), x), top + row_height * seen + 1.5, top + row_height * (seen + 1) - 1.5,
            colors=colours[segment], linewidth=pitch - 2.5,
        )  # fmt: skip
        if segment % 2 == 0:
            axes.text(x, bottom + 11, str(segment), ha="center", color=MUTED, fontsize=8.5)
    axes.text((left + WIDTH) / 2, bottom + 28, "segment", ha="center", color=MUTED)
    values = Values(
        ("segment", "joint", "masked"),
        tuple(
            (segment, example.joints[joint], int(masked_SJ[segment, row]))
            for segment in range(segments)
            for row, joint in enumerate(example.kept)
        ),
    )
    hints = [
        Hint(left, top + row_height * row, WIDTH - left - 4, row_height, _said_of_joint(example, masked_SJ, row))
        for row in range(joints)
    ]
    return to_drawing(
        figure, name, f"Tokens of body {body + 1} that the encoder sees, by segment and joint", values, hints
    )


def _said_of_joint(example: Example, masked_SJ: NDArray[np.bool_], row: int) -> str:
    seen = ", ".join(str(segment) for segment in np.flatnonzero(~masked_SJ[:, row])) or "none"
    return f"{example.joints[example.kept[row]]}: seen in segments {seen}"
