"""What pose estimators and capture systems write, one module per format, and the reader of them all."""

from hacm.recordings.poses.contents import Poses
from hacm.recordings.poses.reader import PoseReader

__all__ = ["PoseReader", "Poses"]
