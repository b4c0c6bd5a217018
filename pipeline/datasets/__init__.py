"""Data sets: what each one is, its recordings' names and its split rules."""
