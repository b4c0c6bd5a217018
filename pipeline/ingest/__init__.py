"""Turns raw files into recordings."""
