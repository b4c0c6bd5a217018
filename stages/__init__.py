"""The programs of the graph: one file per box of dvc.yaml."""

import sys

from hacm.interrupts import end_when_interrupted

if sys.argv[0] == "-m":  # Python is looking for the program to run; its imports take seconds
    end_when_interrupted()

from hacm.cores import choose_threading

choose_threading()
