"""A model to use of a checkpoint that others released: features at once, classes after `hacm fit`.

What it was trained on stands in no file, so recordings are held against people in general.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hacm.cleaning import CleaningSettings
from hacm.errors import UserError
from hacm.model.network import HACM
from hacm.models.description import Description, Origin, Seen, describe_skeleton
from hacm.models.finding import SHIPPED, list_shipped
from hacm.models.folder import Parts, build, read_description
from hacm.settings import AugmentSettings
from hacm.skeletons.correspondence import map_joints
from hacm.skeletons.topology import Topology

NOT_STATED = "not stated"
UNNAMED = "recordings that the file does not name"
FPS = 30.0
"""Of Kinect v2, the sensor of the data sets that both methods were published on."""
FRAMES = (30, 300)
"""A movement takes 1 to 10 s."""
BODIES = 2
SIZE = (0.08, 0.3)
"""Metres, the mean bone of a child and of a tall adult, in skeletons of 15 to 25 joints."""
UPRIGHT = 0.5


def tell_release(facts: Mapping[str, Any]) -> str:
    """Who released a checkpoint and in which file, for a card. facts: method, file, sha256, and epoch or None."""
    epoch = "" if facts["epoch"] is None else f", epoch {facts['epoch']}"
    return f"the authors of {facts['method']} (their file {facts['file']}{epoch}, SHA-256 {facts['sha256']})"


def make_model(model: HACM, facts: Mapping[str, Any], topology: Topology, name: str, augment: AugmentSettings) -> Parts:
    """The released encoder without a head or distances; cleaning is the field's for Kinect v2. facts: see tell_release.

    UserError for a skeleton that no shipped model's is read as.
    """
    description = Description(
        name=name,
        origin=Origin(
            dataset=NOT_STATED,
            title=NOT_STATED,
            synthetic=False,
            data_version=NOT_STATED,
            data_licence=NOT_STATED,
            benchmark=NOT_STATED,
            variant="released",
            seed=0,
            clips=0,
            subjects=0,
            encoder_from=UNNAMED,
            released_by=tell_release(facts),
        ),
        topology=describe_skeleton(topology),
        model=model.model_settings,
        augment=augment,
        cleaning=CleaningSettings(),
        absent_bodies="drop",
        seen=people_in_general(topology),
        head=None,
        classes=(),
    )
    parts = build(description, {})
    parts.encoder.encoder.load_state_dict(model.encoder.state_dict())
    return parts


def people_in_general(topology: Topology) -> Seen:
    """What recordings are held against where training is not known: movements of children and adults who mostly stand.

    How high each joint is follows from the people that a shipped model was trained on. UserError for a skeleton that is
    not read from that model's.
    """
    return Seen(
        fps=FPS, frames=FRAMES, bodies=BODIES, size=SIZE, height_V=heights_of(topology), upright=UPRIGHT
    )  # fmt: skip


def heights_of(topology: Topology) -> tuple[float, ...]:
    """Metres above the mean of the joints, of people who mostly stand."""
    for name in reversed(list_shipped()):  # utd-mhad's people stand straighter than ui-prmd's
        known = read_description(SHIPPED / name)
        try:
            way = map_joints(topology, known.skeleton)
        except UserError:
            continue
        joints_VC = np.zeros((len(known.seen.height_V), 3), np.float32)
        joints_VC[:, 1] = known.seen.height_V
        height_V = way.read(joints_VC)[:, 1]
        return tuple(float(height) for height in height_V - height_V.mean())
    raise UserError(
        f"{topology.name}: how high its joints are is not known, as no shipped model is of a skeleton alike"
    )
