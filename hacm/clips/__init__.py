"""Ragged clips on the device; crop, resample, rotate a whole batch."""
