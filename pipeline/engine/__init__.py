"""What lets Snakemake run the graph of dvc.yaml, and hand over to DVC and back at any moment.

    plan.py          dvc.yaml and params.yaml, resolved by DVC itself: the only definition of the graph
    content.py       hashes of files and folders, as DVC counts them
    records.py       what a stage saw and what it wrote: cmd, params and hashes, as in dvc.lock
    running.py       run one stage and record it; what Snakemake's jobs call
    launching.py     a stage shared by several processes: torchrun, on several nodes under srun
    mending.py       before Snakemake plans: which stages are up to date, by content
    handing_over.py  after it ran: into DVC's records, but only what is as it was recorded
    needs.py         cores, memory, time, GPUs, retries of a kind of stage

A stage is up to date if a record of it, Snakemake's or DVC's, says what is true now of its command, parameters, inputs
and outputs. Snakemake itself is shown one small file a stage, .state/engine/done/STAGE, and never an artefact: so it
can neither delete an output that DVC would keep (`persist: true`), nor leave time stamps in folders that DVC hashes.
"""
