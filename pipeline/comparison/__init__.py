"""Compares results of revisions, experiments and runs: what differs, and whether it is significant."""
