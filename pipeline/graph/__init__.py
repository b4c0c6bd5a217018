"""What DVC's files and git say of the graph: plan, lock, contents, cache, run records, revisions, commits.

The other packages reach git and DVC through here.
"""
