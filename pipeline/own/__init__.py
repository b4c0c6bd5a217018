"""Your own data sets, one file each: NAME.py in this folder defines DATASET (docs/own-data.md).

Every file in this folder becomes a data set of the project, for params.yaml, all stages and all messages.
"""
