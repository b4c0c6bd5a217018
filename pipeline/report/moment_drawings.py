"""The worst moments that an audit found, as rows of poses.

Legend: T frames shown, V joints, C coordinates.
"""

import numpy as np
from matplotlib import rc_context
from matplotlib.collections import LineCollection

from pipeline.report.audits import WorstMoment
from pipeline.report.charts import WIDTH
from pipeline.report.svg import FAINT, GREY, MUTED, ORANGE, STYLE, Drawing, Values, canvas, pixel_axes, to_drawing

HEIGHT, TOP = 150.0, 10.0


@rc_context(STYLE)
def pose_row(moment: WorstMoment, name: str) -> Drawing:
    """One body's poses around the frame, as the camera sees them, each in its column; one scale for all.

    Absent bodies, all zero, leave their column empty.
    """
    poses_TVC = np.array(moment.poses)
    seen_T = np.asarray(poses_TVC.any(axis=(1, 2)))
    figure = canvas(WIDTH, TOP + HEIGHT + 24)
    axes = pixel_axes(figure)
    pitch = WIDTH / len(poses_TVC)
    low_C, high_C = (
        (poses_TVC[seen_T].min(axis=(0, 1)), poses_TVC[seen_T].max(axis=(0, 1))) if seen_T.any() else np.zeros((2, 3))
    )
    scale = min((pitch - 8) / max(high_C[0] - low_C[0], 1e-6), HEIGHT / max(high_C[1] - low_C[1], 1e-6))
    bones = [(joint, parent) for joint, parent in enumerate(moment.parents) if parent >= 0]
    marked = np.isin(np.arange(len(moment.parents)), moment.marked)
    for column, pose_VC in enumerate(poses_TVC):
        middle = pitch * (column + 0.5)
        colour = ORANGE if moment.frames[column] == moment.frame else MUTED
        axes.text(middle, TOP + HEIGHT + 18, str(moment.frames[column]), ha="center", color=colour, fontsize=9)
        if not seen_T[column]:
            continue
        x_V = middle + (pose_VC[:, 0] - (low_C[0] + high_C[0]) / 2) * scale
        y_V = TOP + HEIGHT - (pose_VC[:, 1] - low_C[1]) * scale
        points = np.stack((x_V, y_V), axis=1)
        axes.add_collection(
            LineCollection([points[list(bone)] for bone in bones], colors=FAINT, linewidths=1.2, zorder=1),
            autolim=False,
        )
        for chosen, size, tint in ((~marked, 2.2, GREY), (marked, 4.5, ORANGE)):
            axes.plot(
                x_V[chosen], y_V[chosen], linestyle="", marker="o", markersize=size,
                markerfacecolor=tint, markeredgecolor=tint,
            )  # fmt: skip
    values = Values(
        ("frame", "joint number", "parent", "x", "y", "z", "marked"),
        tuple(
            (frame, joint, moment.parents[joint], *(round(part, 4) for part in place), int(joint in moment.marked))
            for frame, pose in zip(moment.frames, moment.poses, strict=True)
            for joint, place in enumerate(pose)
        ),
    )
    description = f"Poses of clip {moment.clip} around frame {moment.frame}: {moment.kind}"
    return to_drawing(figure, name, description, values)
