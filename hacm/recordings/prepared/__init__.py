"""Prepared files: all clips of a data set in one file or two, as other codebases leave them, one format a module.

Such a file is too large to be read whole. Each clip in it is a raw file of its own (clips.py), as if the file were an
archive, and is read when its turn comes.
"""

from hacm.recordings.prepared.ntu_npz import NtuNpz
from hacm.recordings.prepared.pyskl import PysklAnnotations
from hacm.recordings.prepared.st_gcn import StGcnArrays

__all__ = ["NtuNpz", "PysklAnnotations", "StGcnArrays"]
