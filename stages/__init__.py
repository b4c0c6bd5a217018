"""One file a box of the graph: read params, call, write."""
