"""A model to use, built in a moment on the clips of small_training: encoder, head, calibration, distances."""

from dataclasses import dataclass, replace

import torch

from hacm.cleaning import CleaningSettings
from hacm.clips.ragged import Clips
from hacm.evaluation.result import Result
from hacm.evaluation.task import Task
from hacm.model.network import HACM
from hacm.models import building
from hacm.models.building import take_clips
from hacm.models.description import Origin
from hacm.models.folder import Parts
from hacm.protocols import finetune, linear
from hacm.settings import AugmentSettings, FinetuneSettings, LinearSettings
from hacm.skeletons.topology import Topology
from tests.helpers.small_training import SETTINGS, SKELETON, moving_clips

TOPOLOGY = Topology(
    "six-joints",
    ("base", "chest", "left arm", "left hand", "right arm", "right hand"),
    SKELETON.parents,
    SKELETON.roots,
    SKELETON.centre,
)
CLASSES = ["narrow", "wide"]
ORIGIN = Origin("made-up", "Made-up", True, "f" * 32, "none", "made-up-xsub", "hacm", 0, 16, 4)
AS_THEY_ARE = CleaningSettings(strategy="none", translate="none")
SETTINGS_OF = {
    "linear": LinearSettings(epochs=6, views=2, batch=8),
    "finetune": FinetuneSettings(epochs=2, warmup_epochs=1, batch=8, hidden=12),
}


@dataclass(frozen=True)
class Built:
    """A model and what it is from: the evaluation that kept its head."""

    parts: Parts
    result: Result
    task: Task
    encoder: HACM

    def test_clips(self) -> list:
        """The test clips as arrays, (M, T, V, 3)."""
        return list(take_clips(self.task.clips, self.task.test_index))


def people(clips: Clips) -> Task:
    """Every fifth clip is a test clip; four people one after the other."""
    number_N = torch.arange(len(clips))
    test_N = number_N % 5 == 3
    augment = AugmentSettings(min_frames=6)
    return Task(clips, number_N[~test_N], number_N[test_N], 2, augment, subject_N=number_N * 4 // len(clips))


def build(
    protocol: str = "linear", cleaning: CleaningSettings = AS_THEY_ARE, stream: str = "joint", readout: str = "mean"
) -> Built:
    """Evaluate an encoder with random weights by a protocol, and make a model of it."""
    torch.manual_seed(3)
    encoder = HACM(SKELETON, replace(SETTINGS.model, readout=readout), SETTINGS.masking, SETTINGS.loss).eval()
    task = people(replace(moving_clips(24), parents=SKELETON.parents))
    task = replace(task, augment=replace(task.augment, stream=stream))
    settings = SETTINGS_OF[protocol]
    result = {"linear": linear, "finetune": finetune}[protocol].run(encoder, task, settings, 0, "cpu")
    figures = {"top1": 75.0, "top1_low": 50.0, "top1_high": 90.0, "n": len(task.test_index), "random_top1": 60.0}
    description = building.describe("small", ORIGIN, TOPOLOGY, task, 30.0, cleaning, encoder)
    description = building.add_head(description, settings, CLASSES, figures)
    parts = building.learn_distances(building.assemble(description, encoder, result.head), task)
    return Built(building.calibrate(parts, encoder, task, settings, 0, "cpu"), result, task, encoder)
