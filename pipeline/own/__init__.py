"""Your own data sets, one file each: NAME.py in this folder defines DATASET (docs/own-data.md).

A file that is put here is a data set of the project: params.yaml, every stage and every message know it.
"""
