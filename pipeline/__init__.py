"""The data and what is known of it: recordings, cleaning, stores, splits, audit, report. Never imports torch."""

import sys

from hacm.interrupts import end_when_interrupted

if sys.argv[0] == "-m":  # Python looks for a program of this package, to run it: its imports take seconds
    end_when_interrupted()
