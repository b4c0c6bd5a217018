"""params.yaml: what its sections hold, what is wrong in it, and how a stage gets the part that it declares.

A stage names the `Declared` objects that it uses; its PARAMS are their keys, which dvc.yaml must name too:

    PARAMS = keys(CLEANING)
    settings = load(CLEANING, dataset=name).get(CLEANING)

Which section overrides which is in pipeline/layers.py; lineage and sweeps read it too.
"""

from stages.shared.parameters.checks import check_file
from stages.shared.parameters.declared import (
    ACTIVE,
    BENCHMARK_TRAIN,
    BOOTSTRAP,
    CLEANING,
    EVALUATION,
    HIERARCHY,
    INGEST,
    PARAMS_FILE,
    SOURCE,
    TRAIN,
    TRANSFER,
    TREE_SPLIT,
    Declared,
    Params,
    expect_known,
    keys,
    load,
)
from stages.shared.parameters.sections import IngestSettings

__all__ = [
    "ACTIVE",
    "BENCHMARK_TRAIN",
    "BOOTSTRAP",
    "CLEANING",
    "EVALUATION",
    "HIERARCHY",
    "INGEST",
    "PARAMS_FILE",
    "SOURCE",
    "TRAIN",
    "TRANSFER",
    "TREE_SPLIT",
    "Declared",
    "IngestSettings",
    "Params",
    "check_file",
    "expect_known",
    "keys",
    "load",
]
