"""Reports what was lost between raw files and clips, one line each; under `strict`, this ends the run."""

from collections.abc import Collection, Sequence

from hacm.errors import UserError
from hacm.recordings.notes import Kind
from pipeline.store.losses import JOINTS, UNASKED, Loss


def tell_losses(dataset: str, losses: Sequence[Loss], strict: bool, asked: Collection[Kind] = ()) -> list[str]:
    """One line per loss, to be printed; under `strict`, UserError naming those that no setting asked for.

    asked: kinds that the data set's own section asks for.
    """
    stopping = [loss for loss in losses if loss.kind not in asked and (loss.excluded or loss.kind in UNASKED)]
    if strict and stopping:
        reasons = "; ".join(loss.text for loss in stopping)
        remedy = f"mend them, or set datasets.{dataset}.ingest.strict to false"
        for kinds, setting in (((Kind.TRUNCATED,), "max_frames"), (JOINTS, "missing")):
            if any(loss.kind in kinds for loss in stopping):
                remedy = f"set datasets.{dataset}.cleaning.{setting}, or {remedy}"
        raise UserError(f"{dataset}: {reasons}; {remedy}")
    return [f"{dataset}: {loss.text}" for loss in losses]
