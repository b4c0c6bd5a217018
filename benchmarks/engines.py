"""What coordination costs: planning and overhead a job, by Snakemake and by DVC, for a graph of stages that do nothing.

    python -m benchmarks.engines                  200 stages
    python -m benchmarks.engines --stages 1000

A stage copies a small file; it depends on a section of params.yaml and ten files of code, as the project's own do. What
its command costs by itself is measured beside it and subtracted.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).parents[1]
CODE_FILES = 10
CHAIN = 4
"""Stages that stand one after the other."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stages", type=int, default=200, help="stages of the graph, about")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--dvc", action="store_true", help="run it by DVC as well, which takes longer")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "graph"
        stages = make_graph(folder, max(options.stages // CHAIN, 1))
        alone = measure_alone(folder)
        snakemake = ("snakemake", "--profile", "profiles/local", "--cores", str(options.cores))
        report("stages", stages)
        report("one command by itself, s", alone)
        planning = timed(folder, *snakemake, "--dry-run", "--quiet", "rules")
        report("snakemake: planning, nothing resolved yet, s", planning)
        again = timed(folder, *snakemake, "--dry-run", "--quiet", "rules")
        report("snakemake: planning again, s", again)
        whole = timed(folder, *snakemake)
        report("snakemake: run, with the hand-over to DVC, s", whole)
        report("snakemake: overhead a job, s", (whole - again) / stages * options.cores - alone)
        report("snakemake: nothing to do, s", timed(folder, *snakemake))
        report("dvc status, s", timed(folder, "dvc", "status", "--quiet"))
        if options.dvc:
            report("dvc repro: run, s", (by_dvc := timed(folder, "dvc", "repro", "--force")))
            report("dvc repro: overhead a stage, s", by_dvc / stages - alone)


def make_graph(folder: Path, chains: int) -> int:
    """Write a graph of that many chains, whose ends one stage collects; the number of its stages."""
    shutil.copytree(PROJECT / "pipeline", folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "profiles", folder / "profiles")
    for name in ("Snakefile", ".dvcignore"):
        shutil.copy(PROJECT / name, folder)
    (folder / ".gitignore").write_text("/made/\n/all.txt\n/.state/\n/.snakemake/\n")
    for index in range(CODE_FILES):
        (folder / f"code-{index}.txt").write_text(f"{index}\n" * 1000)
    shutil.copy(folder / "code-0.txt", folder / "start.txt")
    items = ", ".join(f"i{number}" for number in range(chains))
    (folder / "params.yaml").write_text(f"items: [{items}]\ntrain: {{lr: 0.001, epochs: 400}}\n")
    (folder / "dvc.yaml").write_text(graph_text())
    for command in (("git", "init", "-q"), ("dvc", "init", "-q"), ("dvc", "config", "core.analytics", "false")):
        subprocess.run(command, cwd=folder, env=environment(), check=True)
    return chains * CHAIN + 1


def graph_text() -> str:
    """dvc.yaml: per item, CHAIN stages one after the other."""
    code = [f"code-{index}.txt" for index in range(CODE_FILES)]
    lines = ["stages:"]
    for step in range(CHAIN):
        before = f"made/{step - 1}/${{item}}" if step else "start.txt"
        lines += [
            f"  step{step}:",
            "    foreach: ${items}",
            "    do:",
            f"      cmd: mkdir -p made/{step}/${{item}} && cp -r {before} made/{step}/${{item}}/copy",
            "      params: [train]",
            "      deps:",
            *(f"        - {path}" for path in (before, *code)),
            "      outs:",
            f"        - made/{step}/${{item}}",
        ]
    lines += [
        "  collect:",
        f"    cmd: ls made/{CHAIN - 1} > all.txt",
        f"    deps: [made/{CHAIN - 1}]",
        "    outs: [all.txt]",
    ]
    return "\n".join(lines) + "\n"


def measure_alone(folder: Path, times: int = 20) -> float:
    """Seconds that one such command takes without any engine."""
    begin = time.monotonic()
    for number in range(times):
        command = f"mkdir -p alone/{number} && cp -r start.txt alone/{number}/copy"
        subprocess.run(command, cwd=folder, shell=True, check=True)
    seconds = (time.monotonic() - begin) / times
    shutil.rmtree(folder / "alone")
    return seconds


def timed(folder: Path, *command: str) -> float:
    """Seconds that a command takes."""
    begin = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return time.monotonic() - begin


def environment() -> dict[str, str]:
    """This interpreter's programs first."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": ""}


def report(title: str, value: float) -> None:
    """One line."""
    print(f"{title:48s} {value:10.3f}" if isinstance(value, float) else f"{title:48s} {value:10d}", flush=True)


if __name__ == "__main__":
    main()
