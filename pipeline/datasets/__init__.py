"""Data sets: what each one is, its recordings' names and its split rules; one file per data set."""

from pipeline.datasets.definition import Archive, DataSet
from pipeline.datasets.splits import SplitRule

__all__ = ["Archive", "DataSet", "SplitRule"]
