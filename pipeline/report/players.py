"""Skeletons of the page that move: the masking example and the audit's worst moments.

Shapes: M bodies, T frames, S segments, V joints, J kept joints, C coordinates.
"""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from hacm.viewing import player
from hacm.viewing.player import MASKED, NO_TOKEN, SEEN, Colouring, Panel, Scene
from pipeline.report.audits import WorstMoment
from pipeline.report.blocks import Moving
from pipeline.report.model import Example, TreeJoint

EXAMPLE_FPS = 30.0
"""A clip is resampled to so many frames whatever its length was; they are played at this rate."""
MOMENT_FPS = 5.0
"""The few frames around a worst moment are played slowly."""


def example_block(example: Example, tree: Sequence[TreeJoint], synthetic: bool) -> Moving:
    """The masking example with its caption. tree: as in example_player."""
    depth = ", and a joint's depth in the hierarchy as a colour to choose" if _depth(example, tree) else ""
    return Moving(
        example_player(example, tree),
        f"Clip {example.name} ({example.label}) as it is masked: masked joints are hollow on the left and left out on"
        f" the right{depth}. Resampled to {len(example.bodies[0])} frames, played at {EXAMPLE_FPS:g} a second.",
        synthetic,
    )


def moment_block(moment: WorstMoment, synthetic: bool) -> Moving:
    """A worst moment with its caption."""
    return Moving(
        moment_player(moment),
        f"{moment.kind}: clip {moment.clip}, body {moment.body + 1}, frames {moment.frames[0]} to {moment.frames[-1]},"
        f" {MOMENT_FPS:g} a second.",
        synthetic,
    )


def example_player(example: Example, tree: Sequence[TreeJoint]) -> Markup:
    """The masking example: all of it, with what is masked hollow; beside it without what is masked.

    tree: the joint hierarchy of its data set, whose depth is a colour to choose; none if it is of other joints.
    """
    bodies_MTVC = np.array(example.bodies, dtype=np.float64)
    state_MTV = np.full(bodies_MTVC.shape[:3], NO_TOKEN)
    hidden_MSJ = np.array(example.masked, dtype=bool)
    state_MTV[..., list(example.kept)] = np.where(hidden_MSJ.repeat(example.segment, axis=1), MASKED, SEEN)
    present = [number for number, body_TVC in enumerate(bodies_MTVC) if body_TVC.any()]
    bodies_MTVC, state_MTV = bodies_MTVC[present], state_MTV[present]
    colourings = _depth(example, tree)
    scene = Scene(
        title=f"clip {example.name} ({example.label})",
        joints=example.joints,
        parents=example.parents,
        fps=EXAMPLE_FPS,
        panels=(
            Panel(bodies_MTVC, "all of it", state_MTV, colourings),
            Panel(
                np.where(state_MTV[..., None] == MASKED, np.nan, bodies_MTVC),
                "what the encoder sees of it",
                state_MTV,
                colourings,
            ),
        ),
    )
    return Markup(player.player_html(scene))


def _depth(example: Example, tree: Sequence[TreeJoint]) -> tuple[Colouring, ...]:
    radius = {row.name: row.radius for row in tree}
    if set(radius) != set(example.joints):
        return ()
    depth_V = np.array([radius[name] for name in example.joints])
    return (Colouring("depth in the hierarchy", depth_V.reshape(1, 1, -1)),)


def moment_player(moment: WorstMoment) -> Markup:
    """The frames around an audit's worst moment, the joints in question in another colour."""
    joints = len(moment.parents)
    at_fault_V = np.isin(np.arange(joints), moment.marked).astype(np.float64)
    panel = Panel(
        np.array(moment.poses)[None], colourings=(Colouring("in question", at_fault_V.reshape(1, 1, -1), 0, 1),)
    )
    scene = Scene(
        title=f"clip {moment.clip} around frame {moment.frame}",
        joints=tuple(map(str, range(joints))),
        parents=moment.parents,
        fps=MOMENT_FPS,
        panels=(panel,),
        first_frame=moment.frames[0],
    )
    return Markup(player.player_html(scene))
