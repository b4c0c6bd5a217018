"""Answers the Snakefile's questions: the inputs, outputs and resources of each kind of stage, from the plan."""

import fcntl
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from snakemake.io import report
from snakemake_interface_common.exceptions import WorkflowError

from hacm.errors import UserError, show_traceback
from hacm.files import read_json
from pipeline.engine import mending
from pipeline.engine.needs import Most, Needs
from pipeline.engine.running import PARENT
from pipeline.graph import plan as plans
from pipeline.graph import run_records
from pipeline.graph.plan import Stage

SYNTHETIC = "[synthetic]"
LOCK = plans.FOLDER / "lock"
SHARING = (("nodes", 1), ("gpu", 0), ("tasks", 1))
"""Resources of a job that say how many processes it is, and what they are if nobody says."""


class Workflow:
    """The plan as Snakemake's rules see it. Made when the Snakefile is read; the main process mends first.

    workflow: Snakemake's own object. needs: by kind of stage; a kind that is not in it has Needs(). most: what no job
    asks more than. shards: how many, of data sets that are parsed in parts.
    """

    handed_over = str(mending.HANDED_OVER)
    shard_pattern = str(mending.SHARDS / "{dataset}-{part}-of-{parts}")

    def __init__(self, workflow: Any, needs: Mapping[str, Needs], most: Most, shards: Mapping[str, int]) -> None:
        self._workflow, self._needs, self._most, self._shards = workflow, needs, most, shards
        self._alone = True
        os.environ[PARENT] = str(os.getpid())
        run_records.LOGS.mkdir(parents=True, exist_ok=True)  # schedulers do not make the folder of a job's output
        if workflow.is_main_process:
            self._lock = open_lock()
            self._alone = self._lock is not None
        try:
            self.plan = mending.mend() if workflow.is_main_process and self._alone else plans.load()
        except UserError as error:
            show_traceback()
            raise WorkflowError(str(error)) from None
        self.kinds = self.plan.kinds

    def begin(self) -> None:
        """Before the first job: WorkflowError if another Snakemake is here; forget what shall run in any case."""
        if not self._alone:
            raise WorkflowError("another snakemake is running in this project; wait for it, or end it")
        if self._workflow.local_exec:  # nobody ends jobs here but the user; a second try would fail like the first
            for rule in self._workflow.rules:
                rule.restart_times = 0
        # What runs now, DVC does not know of: also where single stages are asked for, and `all` is not.
        mending.HANDED_OVER.unlink(missing_ok=True)
        dag = self._workflow.dag
        for job in dag.needrun_jobs():
            if dag.reason(job).forced and job.rule.name in self.kinds:
                run_records.forget(job.params.stage)

    def hand_over(self) -> None:
        """Tell DVC what was made."""
        from pipeline.engine.__main__ import report_hand_over

        if not mending.is_handed_over() and report_hand_over():
            raise WorkflowError("not everything was handed over to DVC; start snakemake again")

    def needs(self, kind: str) -> Needs:
        """What a kind of stage asks of a machine."""
        return self._needs.get(kind, Needs())

    def done_files(self) -> list[str]:
        """The marks of all stages."""
        return [str(run_records.done_file(name)) for name in self.plan.stages]

    def done_pattern(self, kind: str) -> str:
        """The mark of one stage of a kind, with the wildcard `instance` if there may be several."""
        return str(run_records.done_file(self._pattern(kind)))

    def mark_of(self, kind: str) -> Any:
        """The same; for `snakemake --report` with what the stage measured, if it measures anything."""
        pattern = self.done_pattern(kind)
        if not any(stage.metrics for stage in self.kinds[kind]):
            return pattern
        return report(pattern, category=kind, labels=self._ask(kind, measured))

    def log_pattern(self, kind: str) -> str:
        """Where a job says why it failed."""
        return str(run_records.LOGS / f"{self._pattern(kind)}.end")

    def benchmark_pattern(self, kind: str) -> str:
        """Where Snakemake writes a job's time and memory."""
        return str(run_records.benchmark_file(self._pattern(kind)))

    def _pattern(self, kind: str) -> str:
        single = self.kinds[kind][0].instance is None
        return kind if single else f"{kind}@{{instance}}"

    def _ask(self, kind: str, question: Callable[[Stage], Any]) -> Callable[[Any], Any]:
        """A function of Snakemake's wildcards that answers the question for the stage they stand for."""

        def answer(wildcards: Any) -> Any:
            instance = getattr(wildcards, "instance", None)
            name = f"{kind}@{instance}" if instance else kind
            if name not in self.plan.stages:
                raise WorkflowError(f"{name}: dvc.yaml has no such stage")
            return question(self.plan.stages[name])

        return answer

    def done_before(self, kind: str) -> Callable[[Any], list[str]]:
        """The marks of the stages that a stage comes after."""

        def marks(stage: Stage) -> list[str]:
            return [*(str(run_records.done_file(name)) for name in stage.after), *self._shards_of(stage)]

        return self._ask(kind, marks)

    def _shards_of(self, stage: Stage) -> list[str]:
        """The marks of the parts that a stage is parsed in."""
        count = int(self._shards.get(stage.instance or "", 0)) if stage.kind == "ingest" else 0
        return [self.shard_pattern.format(dataset=stage.instance, part=part, parts=count) for part in range(count)]

    def before_shards(self, wildcards: Any) -> list[str]:
        """What the parts of a data set come after: all that its ingest does."""
        return [str(run_records.done_file(name)) for name in self.plan.stages[f"ingest@{wildcards.dataset}"].after]

    def sources_of(self, kind: str) -> Callable[[Any], list[str]]:
        """The code that a stage depends on."""
        return self._ask(kind, lambda stage: self.plan.sources_of(stage))

    def name_of(self, kind: str) -> Callable[[Any], str]:
        """The stage's name in DVC."""
        return self._ask(kind, lambda stage: stage.name)

    def command_of(self, kind: str) -> Callable[[Any], str]:
        """The stage's command."""
        return self._ask(kind, lambda stage: stage.cmd)

    def values_of(self, kind: str) -> Callable[[Any], dict[str, Any]]:
        """The parameters that it depends on."""
        return self._ask(kind, lambda stage: stage.params)

    def memory_of(self, kind: str) -> Callable[[Any, int], int]:
        """MB at an attempt."""
        return lambda wildcards, attempt: self._most.memory_of(self.needs(kind), attempt)

    def minutes_of(self, kind: str) -> Callable[[Any, int], int]:
        """Minutes at an attempt."""
        return lambda wildcards, attempt: self._most.minutes_of(self.needs(kind), attempt)

    def launch_of(self, kind: str) -> Callable[[Any, Any], str]:
        """Options that tell a job how many processes share its stage: one per GPU, else one per task (`tasks`)."""

        def options(wildcards: Any, resources: Any) -> str:
            nodes, gpus, tasks = (int(resources.get(name, least)) for name, least in SHARING)
            if self.needs(kind).shared:
                return f"--nodes {nodes} --processes {gpus or tasks}" if max(nodes, gpus, tasks) > 1 else ""
            if max(nodes, tasks) > 1:
                raise WorkflowError(f"{kind}: is one process on one node; leave its nodes and tasks at 1")
            return ""

        return options


def measured(stage: Stage) -> dict[str, str | float]:
    """A row of Snakemake's report: the figures in a stage's files, where the project's own report has them from."""
    facts: dict[str, str | float] = {"stage": stage.name}
    for path in stage.metrics:
        facts |= {key: value for key, value in read_json(Path(path)).items() if isinstance(value, int | float)}
    for path in stage.outs:
        if Path(path).name == "details.json":
            details = read_json(Path(path))
            facts |= {"seconds": details["seconds"], "data": SYNTHETIC if details["synthetic"] else "real"}
    return facts


def open_lock() -> Any:
    """A lock that this process has until it ends; None if another has it."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    stream = open(LOCK, "a", encoding="utf-8")  # noqa: SIM115  (held until the process ends)
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        return None
    return stream
