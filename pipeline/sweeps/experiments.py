"""Points as DVC experiments: queued, run by DVC's workers, and found again when a sweep is resumed.

An experiment counts as a point's if it has the point's name, and code and params.yaml are what the workspace has now
with the point's settings. A worker that was killed leaves its experiment marked as running: that one is given up
and queued again.
"""

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from hacm.errors import UserError, in_one_line, name_some
from pipeline.graph.git import ask_git, is_as_committed
from pipeline.sweeps.points import Point, apply_settings
from pipeline.yaml_tree import editor, plain

PARAMS = Path("params.yaml")
CODE = ("dvc.yaml", "hacm", "pipeline", "stages")
TRIES = 3
DONE, QUEUED, RUNNING, FAILED, STALE, MISSING = "done", "queued", "running", "failed", "of other settings", "missing"


@contextmanager
def open_experiments() -> Iterator[Any]:
    """DVC's experiments of the project; UserError where there can be none."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from scmrepo.exceptions import SCMError

    try:
        with Repo() as repo:
            yield repo.experiments
    except SCMError as error:
        raise UserError(f"DVC experiments: {in_one_line(error)}; they need git, and a first commit") from error
    except DvcException as error:
        raise UserError(f"DVC experiments: {in_one_line(error)}") from error


def find_done(points: Sequence[Point]) -> dict[str, str]:
    """The commit of each point's finished experiment, by name: only those of the current code and settings."""
    with open_experiments() as experiments:
        found = [entry for entries in experiments.ls(all_commits=True).values() for entry in entries]
    done = {}
    for point in points:
        expected = plain(_params_of(point))
        for name, commit in found:
            if name == point.name and _is_of(commit, expected):
                done[name] = str(commit)
    return done


def find_states(points: Sequence[Point]) -> dict[str, str]:
    """The state of each point, by name: DONE, QUEUED, RUNNING, FAILED, STALE (an experiment of HEAD, but of other code
    or settings) or MISSING."""
    states = dict.fromkeys((point.name for point in points), MISSING)
    with open_experiments() as experiments:
        states |= {name: STALE for entries in experiments.ls().values() for name, _ in entries if name in states}
        queue = experiments.celery_queue
        for state, entries in (
            (FAILED, (done.entry for done in queue.iter_failed())),
            (QUEUED, queue.iter_queued()),
            (RUNNING, queue.iter_active()),
        ):
            states |= {entry.name: state for entry in entries if entry.name in states}
    return states | dict.fromkeys(find_done(points), DONE)


def run_points(points: Sequence[Point], jobs: int, kept: Iterable[Path]) -> None:
    """Queue what is missing, and run until nothing is; UserError naming the points that failed.

    kept: paths to copy into each experiment's folder, as DVC's cache does not have them.
    """
    give_up_lost()
    states = find_states(points)
    stale = [name for name, state in states.items() if state == STALE]
    if stale:
        raise UserError(
            f"{name_some(stale)}: already exists, with other code or settings; dvc exp remove it, or take another name"
        )
    for point in points:
        if states[point.name] == FAILED:
            _dvc("queue", "remove", point.name)
        if states[point.name] in (FAILED, MISSING):
            settings = [word for key, value in point.settings.items() for word in ("-S", f"{key}={_hydra(value)}")]
            copied = [word for path in kept if path.exists() for word in ("-C", path.as_posix())]
            _dvc("exp", "run", "--queue", "--name", point.name, *settings, *copied)
    if any(state != DONE for state in states.values()):
        _dvc("exp", "run", "--run-all", "--jobs", str(jobs), shown=True)
    lacking = sorted(name for name, state in find_states(points).items() if state != DONE)
    if lacking:
        logs = _run_dvc("queue", "logs", lacking[0])
        reason = choose_errors(logs.stdout or logs.stderr)
        raise UserError(f"{name_some(lacking)}: did not finish ({reason}); dvc queue logs {lacking[0]} says more")


def give_up_lost() -> None:
    """Mark experiments whose worker died as failed: DVC calls them running, and would wait for them forever."""
    for _ in range(TRIES):
        with open_experiments() as experiments:
            queue = experiments.celery_queue
            lost = [entry.name or entry.stash_rev for entry in queue.iter_active()]
            if not lost or queue.worker_status():
                return
        _dvc("queue", "kill", "--force", *lost)  # ends a process if one is left; once none is, marks its task


def _params_of(point: Point) -> Any:
    tree = editor().load(PARAMS.read_text(encoding="utf-8"))
    apply_settings(tree, point.settings, PARAMS)
    return tree


def _is_of(commit: str, expected: Mapping[str, Any]) -> bool:
    """Whether an experiment has those parameters and the workspace's code."""
    params = ask_git("show", f"{commit}:./{PARAMS}")
    if params is None or plain(YAML(typ="safe").load(params)) != expected:
        return False
    return is_as_committed(commit, *(path for path in CODE if Path(path).exists()))


def _hydra(value: Any) -> str:
    """A value as `dvc exp run -S` reads it."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_hydra(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_hydra, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value) if isinstance(value, str) else str(value)


def _dvc(*arguments: str, shown: bool = False) -> None:
    """Run DVC; UserError with what it says is wrong if it fails and was not shown."""
    done = _run_dvc(*arguments, shown=shown)
    if done.returncode and not shown:
        raise UserError(f"dvc {' '.join(arguments)}: {choose_errors(done.stderr or done.stdout)}")


def _run_dvc(*arguments: str, shown: bool = False) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, capture_output=not shown, text=True, check=False)


def choose_errors(output: str) -> str:
    """What DVC, or a stage that it ran, says is wrong: its lines marked as errors, else the last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.split(":", 1)[1].strip() for line in lines if line.lower().startswith("error:")]
    return "; ".join(dict.fromkeys(errors)) or (lines[-1] if lines else "no reason given")
