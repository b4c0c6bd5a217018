"""Where a result comes from, and what a change reaches: the graph as it was recorded beside how things are now.

    recorded_graph.py    every stage as recorded and as it is now: current, stale or never made
    artefacts.py         what an artefact says of itself, read as it was recorded: from the workspace or DVC's cache
    in_force.py          values in force where sections lie over one another
    behind.py            from a result back to raw files, parameters, code, checkpoint
    clip_history.py      the same for one clip; and where a recording ends up
    affected.py          from a raw file, code or a parameter to all that depends on it
    display.py           both for a person at a terminal

Recorded is what dvc.lock says or, where Snakemake ran a stage that DVC was not told of yet, Snakemake's own record.
"""
