"""Fine-tuning (hacm.md §6): the encoder itself is trained further, with labels; see hacm/evaluation/tuning.py."""

from collections.abc import Callable

from hacm.evaluation.features import Encodes
from hacm.evaluation.result import Result
from hacm.evaluation.task import Task
from hacm.evaluation.tuning import tune
from hacm.settings import FinetuneSettings as Settings


def run(
    model: Encodes,
    task: Task,
    settings: Settings,
    seed: int,
    device: str,
    on_epoch: Callable[[float], None] | None = None,
) -> Result:
    """Scores of the last epoch; the model is left as it is.

    Of a model with random weights this is the same encoder supervised from scratch. SettingsError with fewer than two
    training clips, or if training runs away.
    """
    return tune(model, task, settings, seed, device, on_epoch, best_epoch=settings.best_epoch)
