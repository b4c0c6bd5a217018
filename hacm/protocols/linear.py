"""Linear probe (hacm.md §6): one linear layer on frozen features.

The result is the last epoch's. The released code reports the best epoch on the test split; that figure is handed back
beside it, under that name.
"""

from collections.abc import Callable

from hacm.evaluation.features import Encodes, frozen
from hacm.evaluation.probe import train_probe
from hacm.evaluation.result import Result
from hacm.evaluation.task import Task
from hacm.settings import LinearSettings as Settings


def run(
    model: Encodes,
    task: Task,
    settings: Settings,
    seed: int,
    device: str,
    on_epoch: Callable[[float], None] | None = None,
) -> Result:
    """Train the probe on augmented views of the training clips, score the centre-cropped test clips.

    on_epoch: called with the number of epochs done, also in parts. extra: `best_epoch_as_released_top1`. SettingsError
    with fewer than two training clips.
    """
    with frozen(model):
        trained = train_probe(model, task, settings, seed, device, on_epoch)
    return Result(
        trained.scores_NK,
        trained.target_N,
        extra={"best_epoch_as_released_top1": trained.best_epoch_top1},
        head=trained.probe.state_dict(),
    )
