"""Sweeps: the same graph under many settings, and what came of each."""
