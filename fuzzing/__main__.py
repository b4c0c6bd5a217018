"""Fuzz one format's reader: python -m fuzzing FORMAT --runs 1000000

Stops at the first input with which a reader does what it must not (see formats.py), takes over ten seconds or asks
for far more memory than it has; the input is kept as crash-…, timeout-… or oom-…, and `python -m fuzzing FORMAT FILE`
runs it again.
"""

import argparse
import os
import random
import re
import resource
import sys
import tempfile
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fuzzing.formats import Format

COMPILED = ("decimals", "number_table", "skeleton_text", "text_masks")
LONGEST_INPUT = 1 << 14
TIMEOUT_SECONDS = 10
HEADROOM_BYTES = 1 << 30
TAKEN_KEPT = 300
INPUTS_BETWEEN_LINES = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "format",
        help="ntu, pku-skeleton, pku-labels, pku-splits, ui-prmd, joint-lines, csv, npz, matlab, mediapipe-json, "
        "mediapipe-csv, openpose, keypoint-lists, deeplabcut, anipose, c3d, bvh, trc or acclaim",
    )
    parser.add_argument("file", nargs="?", type=Path, help="run this one input instead")
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bounds-check", action="store_true", help="compiled code checks every index: slower")
    options = parser.parse_args()
    if options.bounds_check:  # before anything is compiled, and apart from what was compiled without
        os.environ.update(NUMBA_BOUNDSCHECK="1", NUMBA_CACHE_DIR=tempfile.mkdtemp(prefix="fuzzing-"))
    try:
        import atheris
    except ImportError:
        sys.exit("error: fuzzing needs atheris; pip install -e '.[fuzz]'")
    # Compiled modules must reach their compiler as they are written.
    with atheris.instrument_imports(include=["pipeline"], exclude=[f"hacm.recordings.{name}" for name in COMPILED]):
        from fuzzing.formats import FORMATS
    if options.format not in FORMATS:
        sys.exit(f"error: unknown format {options.format!r}; known: {', '.join(FORMATS)}")
    fuzz(atheris, FORMATS[options.format], options)


def fuzz(atheris: Any, target: "Format", options: argparse.Namespace) -> None:
    """Hand over to libFuzzer, which does not return."""
    if options.file:
        print(target.check(options.file.read_bytes()))
        return
    tally = Tally(options.format)
    beginnings = target.seeds()
    taken: deque[bytes] = deque(maxlen=TAKEN_KEPT)

    def run(data: bytes) -> None:
        began = time.perf_counter()
        outcome = target.check(data)
        tally.add(outcome, time.perf_counter() - began)
        if outcome == "taken" and len(data) <= LONGEST_INPUT // 2:
            taken.append(data)
        if tally.inputs == options.runs or tally.inputs % INPUTS_BETWEEN_LINES == 0:
            print(tally, file=sys.stderr, flush=True)

    def mutate(data: bytes, most_bytes: int, seed: int) -> bytes:
        rng = random.Random(seed)
        start = rng.choice((data, rng.choice(beginnings), rng.choice(taken or beginnings)))
        return target.mutate(start, rng)[:most_bytes]

    corpus = Path(tempfile.mkdtemp(prefix="fuzzing-"))
    for number, seed in enumerate(beginnings):
        target.check(seed)  # compiles what is compiled
        (corpus / str(number)).write_bytes(seed)
    limit_memory()
    flags = {"runs": options.runs, "seed": options.seed, "timeout": TIMEOUT_SECONDS, "max_len": LONGEST_INPUT}
    flags |= {"print_final_stats": 1, "reload": 0, "len_control": 0, "verbosity": 0}
    words = ["fuzzing", *(f"-{name}={value}" for name, value in flags.items()), str(corpus)]
    atheris.Setup(words, run, custom_mutator=mutate)
    atheris.Fuzz()


@dataclass
class Tally:
    """What became of the inputs."""

    format: str
    inputs: int = 0
    slowest: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: str, seconds: float) -> None:
        """Outcomes that differ in a number or a quoted text only are one."""
        self.inputs += 1
        self.slowest = max(self.slowest, seconds)
        self.outcomes[re.sub(r"'.*'|[0-9]+", "#", outcome)[:70]] += 1

    def __str__(self) -> str:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        most = "; ".join(f"{outcome} {count:,}" for outcome, count in self.outcomes.most_common(12))
        return (
            f"{self.format}: {self.inputs:,} inputs, slowest {self.slowest:.3f} s, peak memory {peak:.0f} MiB, "
            f"{len(self.outcomes)} outcomes: {most}"
        )


def limit_memory() -> None:
    """This much more than now, and no more: who asks for it gets MemoryError, which counts as a crash."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + HEADROOM_BYTES, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
