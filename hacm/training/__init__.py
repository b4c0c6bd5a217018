"""Pretraining: engine, schedules, optimiser groups, resume."""
