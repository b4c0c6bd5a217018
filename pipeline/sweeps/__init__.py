"""Sweeps: the same graph with many settings, and their results."""
