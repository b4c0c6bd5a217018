"""Archives, read in place and safely. Never imports torch."""
