"""Transfer (hacm.md §6): an encoder pretrained on one data set, fine-tuned on the labels of another.

Shapes: N clips, R rows, V joints of the encoder's skeleton, U joints of the clips', C coordinates.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from hacm.clips.ragged import Clips
from hacm.evaluation.result import Result
from hacm.evaluation.task import Task
from hacm.evaluation.tuning import tune
from hacm.model.network import HACM
from hacm.settings import TransferSettings


def run(
    model: HACM,
    task: Task,
    sources_V: Sequence[Sequence[int]],
    settings: TransferSettings,
    seed: int,
    device: str,
    on_epoch: Callable[[float], None] | None = None,
) -> Result:
    """Fine-tune the encoder on the task's training clips, score its test clips; the model is left as it is.

    task: the other data set's, clips in its own skeleton, augmented as the encoder's clips were (what matters is the
    stream; its crop may suit the clips). sources_V: for each of the encoder's joints the clips' joints whose mean it is
    (JointMap.sources). on_epoch: called with the number of epochs done. ValueError if sources_V does not fit the
    encoder or the clips.
    """
    if len(sources_V) != model.skeleton.joints:
        raise ValueError(f"{len(sources_V)} joints are read, but the encoder's skeleton has {model.skeleton.joints}")
    clips = reread(task.clips, sources_V, model.skeleton.parents)
    return tune(model, replace(task, clips=clips), settings, seed, device, on_epoch)


def reread(clips: Clips, sources_V: Sequence[Sequence[int]], parents: tuple[int, ...]) -> Clips:
    """The clips with joints (R, V, C) read from their (R, U, C); without hierarchies, which are of their skeleton.

    parents: of the skeleton that they are read into. Joints that are read as they stand are not copied. ValueError if a
    number is no joint of theirs.
    """
    joints = clips.joints_RVC.shape[1]
    if not all(sources and all(0 <= joint < joints for joint in sources) for sources in sources_V):
        raise ValueError(f"joints {[list(sources) for sources in sources_V]} are read, but the clips have {joints}")
    if [list(sources) for sources in sources_V] == [[joint] for joint in range(joints)]:
        joints_RVC = clips.joints_RVC
    elif all(len(sources) == 1 for sources in sources_V):
        index_V = torch.tensor([sources[0] for sources in sources_V], device=clips.device)
        joints_RVC = clips.joints_RVC.index_select(1, index_V)
    else:
        joints_RVC = torch.stack([clips.joints_RVC[:, list(sources)].mean(1) for sources in sources_V], 1)
    return replace(clips, joints_RVC=joints_RVC, hierarchy_RJ=None, parents=parents)
