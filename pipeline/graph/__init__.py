"""Reads what DVC's files and git say about the graph: plan, lock, contents, cache, run records, revisions, commits.

The other packages use git and DVC only through this one.
"""
