"""Long recordings: which movement is seen from when to when."""
