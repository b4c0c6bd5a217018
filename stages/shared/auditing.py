"""Code that the stage `audit` and the command `hacm audit` share."""

from pathlib import Path

from pipeline.audit import Audit, audit
from pipeline.audit.dataset_revisions import DataSetPaths
from pipeline.audit.provenance import Origin, find_origin
from pipeline.datasets.definition import DataSet
from stages.shared import places
from stages.shared.stores import open_store


def audit_dataset(dataset: DataSet) -> Audit:
    """Audit the project's own version of a data set, including where it comes from."""
    from pipeline.ingest.gathering import find_receipt  # brings every archive format with it

    origin = find_origin(find_receipt(places.raw(dataset.name), dataset.name), places.recordings(dataset.name))
    return audit(open_store(places.clips(dataset.name)), dataset, origin)


def audit_store(path: Path, dataset: DataSet) -> Audit:
    """Audit any store, without looking for where its clips come from."""
    return audit(open_store(path), dataset, Origin())


def paths_of(dataset: DataSet) -> DataSetPaths:
    """Where the project keeps its clips and splits."""
    return DataSetPaths(
        places.clips(dataset.name), {rule: places.split(f"{dataset.name}-{rule}") for rule in dataset.splits}
    )
