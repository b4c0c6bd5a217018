"""All that a GPU should be asked, in parts that each write their figures at once, the most telling first.

    python -m benchmarks.gpu --out FOLDER [--steps 20] [--minutes 10] [--parts steps curves …] [--released FOLDER]

    steps       a step of the published recipe and of pomo, in float32 and bfloat16: time, utilisation, what bounds it
    curves      the same losses in bfloat16 as in float32, beside what other draws do to them
    compiled    the same recipes through torch.compile
    memory      peak memory and clips per second at batches up to sixteen times the recipe's, beside what is predicted
    loading     a step with loading beside one on a fixed batch
    evaluation  frozen features, linear probe and k-NN at NTU-60's size
    beside      whole steps beside the textbook step, and with --released beside the released code, see side_by_side

Each part is a process of its own with a time limit and writes FOLDER/PART.json after every figure. One that fails, or
takes too long, keeps what it has measured, with the reason under "error", and the next one runs. All together they take
--minutes at most. Needs torch, NumPy, Rich and PyYAML; evaluation needs pydantic as well. Without a GPU, a small model
goes through the same motions: --device cpu --small --steps 2 --clips 2 --rounds 1.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.processes import PROJECT
from hacm.command_line import Parser, add_device
from hacm.files import read_json, write_json

LIMITS = {"steps": 150, "curves": 120, "compiled": 300, "memory": 120, "loading": 60, "evaluation": 120, "beside": 120}
"""The parts in their order, and after how many seconds each is ended."""

LEAST_SECONDS = 15
"""A part that would have less than this is not begun: loading torch takes some of it."""

SAID = 2000  # characters of what a part that crashed wrote last
NTU_CLIPS, NTU_QUERIES = 40_091, 16_487  # NTU RGB+D, cross-subject: training and test clips


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = Parser("benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where each part's JSON is written")
    parser.add_argument("--steps", type=int, default=20, help="timed in each place; a loss curve has ten times as many")
    parser.add_argument("--clips", type=int, default=64, help="a step's clips")
    parser.add_argument("--rounds", type=int, default=5, help="of what takes turns")
    parser.add_argument("--gallery", type=int, default=NTU_CLIPS, help="training clips of the evaluation")
    parser.add_argument("--queries", type=int, default=NTU_QUERIES, help="test clips of the evaluation")
    parser.add_argument("--minutes", type=float, default=10, help="for everything together")
    parser.add_argument("--parts", nargs="+", choices=LIMITS, default=list(LIMITS), help="these alone")
    parser.add_argument("--released", type=Path, metavar="FOLDER", help="a mended checkout of the released code")
    parser.add_argument("--small", action="store_true", help="a small model, to try this program out")
    parser.add_argument("--compiler", default="inductor", help="torch.compile's backend")
    parser.add_argument("--part", choices=LIMITS, help=argparse.SUPPRESS)  # this process is that part
    add_device(parser)
    options = parser.parse_args(arguments)
    options.out = options.out.resolve()
    options.arguments = [*arguments, "--out", str(options.out)]  # the parts run in the project's folder
    if options.released:
        options.released = options.released.resolve()
        options.arguments += ["--released", str(options.released)]
    return options


def main() -> None:
    options = parse(sys.argv[1:])
    if options.part:
        from benchmarks.gpu_parts import work

        work(options)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    failed = run_parts(options)
    if failed:
        sys.exit(f'error: {", ".join(failed)} failed; see {options.out}/PART.json, "error"')


def run_parts(options: argparse.Namespace) -> list[str]:
    """Every part, one after the other, a line for each; the names of those that failed."""
    end = time.monotonic() + 60 * options.minutes
    failed = []
    for name in [part for part in LIMITS if part in options.parts]:
        begin = time.monotonic()
        path = options.out / f"{name}.json"
        path.unlink(missing_ok=True)
        error = run_part(name, options, min(LIMITS[name], end - begin))
        found = read_json(path) if path.exists() else {"part": name, "summary": ""}
        found |= {"seconds": round(time.monotonic() - begin, 1), "error": error or found.get("error")}
        write_json(path, found)
        if found["error"]:
            failed.append(name)
        print(describe(found), flush=True)
    return failed


def run_part(name: str, options: argparse.Namespace, seconds: float) -> str | None:
    """One part in a process of its own; why it ended early, or None."""
    if seconds < LEAST_SECONDS:
        return f"not begun: of --minutes {options.minutes:g} less than {LEAST_SECONDS} s are left"
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.gpu", *options.arguments, "--part", name],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # it may start processes too, which end with it
    ) as process:
        try:
            _, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            end_with_all_it_started(process)
            return f"ended after {seconds:.0f} s; what it had measured by then is kept"
        except BaseException:
            end_with_all_it_started(process)
            raise
    return None if process.returncode == 0 else f"exit code {process.returncode}: {said[-SAID:].strip()}"


def end_with_all_it_started(process: subprocess.Popen[str]) -> None:
    """Kill a part; a GPU that hangs listens to nothing else."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def describe(found: dict[str, Any]) -> str:
    """A part in one line."""
    words = [f"{found['part']:<11}{found['seconds']:>6.0f} s", found.get("summary", "")]
    if found["error"]:
        words.append("FAILED: " + (found["error"].splitlines() or ["?"])[-1])
    return "  ".join(word for word in words if word)


if __name__ == "__main__":
    main()
