"""The data and what is known of it: recordings, cleaning, stores, splits, audit, report. Never imports torch."""
