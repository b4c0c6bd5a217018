"""Commands around the graph, one file each."""
