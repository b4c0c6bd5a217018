"""Unfinished pretrainings of commit aaa4aa5; one with the commit's code and today's parameters can be resumed.

A state identifies its work by a hash over settings, seed, data, code, PyTorch and device. That hash is computed again
for the commit's code. If it is the same, the state gets the hash that today's code expects.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
import torch

from hacm.errors import UserError
from hacm.files import read_json, write_json
from hacm.settings import TrainSettings
from hacm.training.resume import FILE, StateFile
from pipeline.graph.former_names import former_training
from pipeline.migration import former_project
from pipeline.store.split_files import read_split
from stages.pretrain import state_fingerprint
from stages.shared import parameters, places
from stages.shared.places import Run

DEVICES = ("cpu", "cuda", "mps", "xpu")
COSTS = "costs.json"


@dataclass(frozen=True)
class Work:
    """What identifies an unfinished pretraining. clips: names of the training clips."""

    run: Run
    settings: TrainSettings
    version: str
    clips: list[str]

    @classmethod
    def read(cls, run: Run) -> "Work":
        """As params.yaml and the benchmark's split say it now; UserError if they do not."""
        params = parameters.load(parameters.TRAIN, benchmark=run.benchmark, variant=run.variant)
        split, facts = read_split(places.split(run.benchmark))
        clips = split.filter(pl.col("part") == "train")["name"].to_list()
        return cls(run, params.get(parameters.TRAIN), facts["data_version"], clips)

    def fingerprint(self, device: str) -> str:
        """The hash by which today's code knows it. The inputs of pretraining must have been converted."""
        return state_fingerprint(self.run, self.settings, self.version, self.clips, device)

    def former_fingerprint(self, device: str) -> str:
        """The hash by which the commit's code knew it."""
        facts = {
            "settings": former_training(asdict(self.settings)),
            "seed": self.run.seed,
            "data": self.version,
            "train": self.clips,
            "code": former_project.method_hashes(),
            "torch": torch.__version__,
            "device": device,
        }
        return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Unfinished:
    """A state of the commit's code that today's can resume. device: the kind that it was computed on."""

    folder: Path
    work: Work
    former: str
    device: str

    def __str__(self) -> str:
        return f"{self.folder}: unfinished, the next run resumes it"

    def convert(self) -> None:
        """Give it today's fingerprint; its costs so far get it first: a converted state says that all is done."""
        now = self.work.fingerprint(self.device)
        costs = self.folder / COSTS
        kept = read_json(costs) if costs.exists() else {}
        if isinstance(kept, dict) and kept.get("work") == self.former:
            write_json(costs, kept | {"work": now})
        state = StateFile(self.folder, self.former).load()
        if state is not None:
            StateFile(self.folder, now).save(state)


def find_unfinished() -> Iterator[Unfinished]:
    """The commit's states that can be resumed, without those of today's code.

    UserError, one line that says what to do, for a state of neither: after the conversion the old code could not
    finish it.
    """
    for path in sorted((places.unfinished() / "pretrain").glob(f"*/*/seed-*/{FILE}")):
        folder = path.parent
        benchmark, variant, seed = folder.parts[-3:]
        work = Work.read(Run(benchmark, variant, int(seed.removeprefix("seed-"))))
        owner = StateFile(folder, "").owner()
        device = next((one for one in DEVICES if owner == work.former_fingerprint(one)), None)
        if device is not None:
            yield Unfinished(folder, work, str(owner), device)
        elif owner not in {work.fingerprint(one) for one in DEVICES}:
            raise UserError(
                f"{path}: an unfinished pretraining, but not of {former_project.COMMIT} with today's params.yaml and "
                "PyTorch; finish it with the code that began it, or delete it, then run hacm migrate"
            )
