"""From raw files to recordings."""
