"""Lets Snakemake run the graph of dvc.yaml, and hand over to DVC and back at any moment.

    running.py       run one stage and record it; what Snakemake's jobs call
    processes.py     a stage shared by several processes: torchrun, on several nodes under srun
    mending.py       before Snakemake plans: which stages are up to date, by content
    handing_over.py  after it ran: into DVC's records, but only what is as it was recorded
    needs.py         cores, memory, time, GPUs, retries of a kind of stage
    workflow.py      what the Snakefile asks

The plan of the graph, hashes as DVC counts them and the records of runs are in pipeline.graph.

A stage is up to date if a record, Snakemake's or DVC's, matches its current command, parameters, inputs and outputs.
Snakemake itself sees only one small file per stage, .state/engine/done/STAGE, and never an artefact. So it can neither
delete an output that DVC would keep (`persist: true`) nor leave time stamps in folders that DVC hashes.
"""
