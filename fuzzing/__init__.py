"""Fuzzing of the raw formats' readers: `python -m fuzzing FORMAT --runs N` (docs/data.md).

Plain bytes never get past a reader's first line, and compiled readers tell a fuzzer nothing of the branches they took.
So inputs are made by mutating recordings (seeds.py) in ways that know how they are built: words and lines of texts
(words.py), frames and bodies of `.skeleton` files (frames.py), elements of `.mat` files (elements.py), arrays of `.npz`
files (npz.py). What a reader may do with any input at all is stated in formats.py.
"""
