"""Threads that each do a whole piece of work, instead of sharing every operation of it.

PyTorch's own threads wait for each other after every operation, and all of them whenever another process takes a core
away from one. A thread of a pool made here does each operation of its piece by itself.
"""

from concurrent.futures import ThreadPoolExecutor

import torch


def make_pool() -> ThreadPoolExecutor:
    """As many threads as PyTorch has, each of which computes by itself: PyTorch's number of threads is 1 in it."""
    return ThreadPoolExecutor(torch.get_num_threads(), "piece", initializer=torch.set_num_threads, initargs=(1,))
