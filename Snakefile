# The second engine. dvc.yaml is the only definition of the graph; this runs it in parallel, here or on a cluster:
#
#   snakemake --profile profiles/local          on this machine
#   snakemake --profile profiles/slurm          on a SLURM cluster; profiles/cluster: any other
#
# One rule a kind of stage. What a job shows to Snakemake is a mark in .state/engine/done, never an artefact, and whether a
# stage is up to date is decided by content (pipeline/engine). Afterwards DVC knows of everything: see docs/cluster.md.

from pipeline.engine.needs import Most, Needs
from pipeline.engine.workflow import Workflow

# What a job asks of the machine, by kind of stage. On a cluster a failed job is tried again, each time with as much
# memory and time more; pretraining goes on where it stopped. Another number: --set-resources pretrain:mem_mb=32000,
# --set-threads. A shared stage with gpu=8 is eight processes, on nodes=2 four on each.
NEEDS = {
    #                    cores       memory/MB    minutes       GPUs     tries again
    "download":  Needs(cores=1, memory=2_000, minutes=600, gpus=0, tries=2),
    "ingest":    Needs(cores=2, memory=4_000, minutes=240, gpus=0, tries=1),
    "normalize": Needs(cores=2, memory=4_000, minutes=120, gpus=0, tries=1),
    "audit":     Needs(cores=1, memory=2_000, minutes=30, gpus=0, tries=1),
    "hierarchy": Needs(cores=1, memory=8_000, minutes=240, gpus=0, tries=1),
    "split":     Needs(cores=1, memory=2_000, minutes=30, gpus=0, tries=1),
    "prepare":   Needs(cores=1, memory=2_000, minutes=30, gpus=0, tries=1),
    "pretrain":  Needs(cores=4, memory=8_000, minutes=2880, gpus=1, tries=5, shared=True),
    "baseline":     Needs(cores=1, memory=8_000, minutes=240, gpus=0, tries=1),
    "evaluate":  Needs(cores=2, memory=8_000, minutes=1440, gpus=1, tries=2),
    "transfer":  Needs(cores=2, memory=8_000, minutes=1440, gpus=1, tries=2),
    "report":    Needs(cores=1, memory=4_000, minutes=30, gpus=0, tries=1),
}  # fmt: skip

# What the cluster grants to one job; no try asks for more. Another: --config most="{minutes: 1440}".
MOST = Most(**{"memory": 256_000, "minutes": 2880} | config.get("most", {}))

# Data sets whose recordings are parsed by several jobs: so many parts. Another: --config shards="{NAME: 4}".
SHARDS = {"ntu60": 4, "ntu120": 8} | config.get("shards", {})

graph = Workflow(workflow, NEEDS, MOST, SHARDS)


onstart:
    graph.begin()


onsuccess:
    graph.hand_over()


onerror:
    graph.hand_over()


localrules:
    all,


rule all:
    input:
        graph.done_files(),
    output:
        graph.handed_over,
    shell:
        "python -m pipeline.engine hand-over"


# The one thing that dvc.yaml does not know of: parts of a data set parsed beforehand, for its ingest to take (the store is
# the same, byte for byte).
rule ingest_shard:
    input:
        after=graph.before_shards,
    output:
        graph.shard_pattern,
    wildcard_constraints:
        part=r"\d+",
        parts=r"\d+",
    log:
        graph.shard_pattern.replace("/shards/", "/logs/"),
    threads: graph.needs("ingest").cores
    resources:
        mem_mb=graph.memory_of("ingest"),
        runtime=graph.minutes_of("ingest"),
    retries: graph.needs("ingest").tries
    shell:
        "python -m stages.ingest --dataset {wildcards.dataset} --shard {wildcards.part} --of {wildcards.parts} "
        "> {log} 2>&1 && touch {output}"


for kind in graph.kinds:

    rule:
        name:
            kind
        input:
            after=graph.done_before(kind),
            sources=graph.sources_of(kind),
        output:
            graph.mark_of(kind),
        params:
            stage=graph.name_of(kind),
            cmd=graph.command_of(kind),
            values=graph.values_of(kind),
            launch=graph.launch_of(kind),
        log:
            graph.log_pattern(kind),
        benchmark:
            graph.benchmark_pattern(kind)
        threads: graph.needs(kind).cores
        resources:
            mem_mb=graph.memory_of(kind),
            runtime=graph.minutes_of(kind),
            gpu=graph.needs(kind).gpus,
            nodes=graph.needs(kind).nodes,
        retries: graph.needs(kind).tries
        shell:
            "exec python -m pipeline.engine run {params.stage} {params.launch} 2> {log}"
