"""What DVC's files say of the graph: plan, lock, contents, run records, commits."""
