"""The report's tables, one file per section."""
