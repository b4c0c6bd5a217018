"""The data sets, one file each: what each one is, its recordings' names and its split rules."""

from pipeline.datasets.definition import Archive, DataSet
from pipeline.datasets.splits import SplitRule

__all__ = ["Archive", "DataSet", "SplitRule"]
