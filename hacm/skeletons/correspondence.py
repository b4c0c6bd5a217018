"""Which joint of one skeleton stands for which of another, so that an encoder can be shown clips of another sensor.

An encoder knows its own skeleton only. Clips of another one are read joint by joint: each of the encoder's joints from
the clips' joint that lies nearest to it on a body that stands upright. Where a sensor sees less (no hand tips, say),
several joints are read from one.
"""

from collections.abc import Mapping

from hacm.errors import UserError
from hacm.skeletons.topology import KINECT_V1, KINECT_V2, UI_PRMD, Topology

SIDES = ("left", "right")

# UI-PRMD's software names a joint after the segment that begins there: "left hand" is the wrist, "head" the upper end
# of the neck.
CORRESPONDENCES: dict[tuple[str, str], dict[str, str]] = {
    (KINECT_V2.name, KINECT_V1.name): {
        "spine base": "hip centre", "spine mid": "spine",
        "spine shoulder": "shoulder centre", "neck": "shoulder centre",
        "* hand tip": "* hand", "* thumb": "* hand",
    },
    (KINECT_V1.name, KINECT_V2.name): {
        "hip centre": "spine base", "spine": "spine mid", "shoulder centre": "spine shoulder",
    },
    (KINECT_V2.name, UI_PRMD.name): {
        "spine base": "waist", "spine mid": "spine", "spine shoulder": "chest", "neck": "head", "head": "head tip",
        "* shoulder": "* upper arm", "* elbow": "* forearm", "* wrist": "* hand", "* hand tip": "* hand",
        "* thumb": "* hand",
        "* hip": "* upper leg", "* knee": "* lower leg", "* ankle": "* foot", "* foot": "* toes",
    },
    (UI_PRMD.name, KINECT_V2.name): {
        "waist": "spine base", "spine": "spine mid", "chest": "spine shoulder", "neck": "spine shoulder",
        "head": "neck", "head tip": "head", "* collar": "spine shoulder",
        "* upper arm": "* shoulder", "* forearm": "* elbow", "* hand": "* wrist",
        "* upper leg": "* hip", "* lower leg": "* knee", "* foot": "* ankle", "* toes": "* foot",
    },
    (KINECT_V1.name, UI_PRMD.name): {
        "hip centre": "waist", "shoulder centre": "chest", "head": "head tip",
        "* shoulder": "* upper arm", "* elbow": "* forearm", "* wrist": "* hand",
        "* hip": "* upper leg", "* knee": "* lower leg", "* ankle": "* foot", "* foot": "* toes",
    },
    (UI_PRMD.name, KINECT_V1.name): {
        "waist": "hip centre", "chest": "shoulder centre", "neck": "shoulder centre", "head": "shoulder centre",
        "head tip": "head", "* collar": "shoulder centre",
        "* upper arm": "* shoulder", "* forearm": "* elbow", "* hand": "* wrist",
        "* upper leg": "* hip", "* lower leg": "* knee", "* foot": "* ankle", "* toes": "* foot",
    },
}  # fmt: skip
"""By (encoder's skeleton, clips' skeleton): each of the encoder's joints and the clips' joint that it is read from.

`*` stands for left and for right. A joint that is not listed is read from the one of the same name.
"""


def read_joints(
    encoder: Topology, clips: Topology, known: Mapping[tuple[str, str], Mapping[str, str]] = CORRESPONDENCES
) -> tuple[int, ...]:
    """For each joint of the encoder's skeleton the number of the clips' joint that it is read from.

    known: as CORRESPONDENCES, with those of other data sets.
    UserError, saying what to do, if no correspondence of these two is declared or what is declared names no joint.
    """
    if encoder.name == clips.name:
        return tuple(range(len(encoder.joints)))
    pair = f"from {clips.name} to {encoder.name}"
    declared = known.get((encoder.name, clips.name))
    if declared is None:
        raise UserError(
            f"no correspondence of joints is declared {pair}: add ({encoder.name!r}, {clips.name!r}) to "
            "`correspondences` of the data set in pipeline/own whose skeleton it is (docs/protocols.md)"
        )
    named = _both_sides(declared)
    for joint in named:
        if joint not in encoder.joints:
            raise UserError(f"correspondence of joints {pair}: {encoder.name} has no joint {joint!r}; mend its name")
    sources = [named.get(joint, joint) for joint in encoder.joints]
    for joint, source in zip(encoder.joints, sources, strict=True):
        if source not in clips.joints:
            raise UserError(
                f"correspondence of joints {pair}: {clips.name} has no joint {source!r}; "
                f"say from which of its joints {joint!r} is read"
            )
    return tuple(clips.joints.index(source) for source in sources)


def _both_sides(declared: Mapping[str, str]) -> dict[str, str]:
    return {joint.replace("*", side): source.replace("*", side) for joint, source in declared.items() for side in SIDES}
