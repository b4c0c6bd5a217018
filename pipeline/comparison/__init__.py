"""Results of revisions, experiments and runs beside each other: what differs, and whether it counts."""
