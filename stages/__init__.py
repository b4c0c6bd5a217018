"""The programs of the graph: one file per box of dvc.yaml."""

from hacm.cores import choose_threading

choose_threading()
