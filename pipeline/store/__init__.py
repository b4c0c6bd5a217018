"""A data set on disk: rows, manifest, store."""

from pipeline.store.store import SkeletonStore

__all__ = ["SkeletonStore"]
