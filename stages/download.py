"""Bring a data set's raw files here, or generate them, and verify them before anything reads them.

Official addresses are in pipeline/datasets.py. HACM_MIRROR names a folder or an http(s) address that holds a copy;
files that are here already are verified and kept.
"""

import hashlib
import os
from functools import partial
from pathlib import Path

from pipeline.archives import Refused, members
from pipeline.datasets import Archive, DataSet, find_dataset
from pipeline.errors import UserError
from pipeline.files import hash_file, read_json, replace_file, write_json
from pipeline.recordings.kinect_sim import SimulatorSettings, generate
from pipeline.transfer import fetch
from stages import arguments, parameters, places
from stages.console import Work, run, say

PARAMS = ("datasets.{dataset}.source",)


def main() -> None:
    options = arguments.parser(__doc__, "dataset").parse_args()
    dataset = find_dataset(options.dataset)
    params = parameters.load(PARAMS, dataset=dataset.name)
    settings = params.section(PARAMS[0].format(dataset=dataset.name), parameters.source_kind(dataset.name))
    folder = places.raw(dataset.name)
    if isinstance(settings, SimulatorSettings):
        archive = simulate(dataset, settings, folder)
    else:
        archive = obtain(dataset, folder, os.environ.get("HACM_MIRROR"))
    digest = check_archive(archive, folder, dataset)
    count = check_members(archive, dataset, verify=getattr(settings, "verify", False))
    receipt = {"dataset": dataset.name, "files": {archive.name: digest}, "recordings": count}
    write_json(folder / "receipt.json", receipt)
    say(f"{dataset.name}: {count} recordings in {archive}, {archive.stat().st_size / 1e6:.1f} MB, verified")


def simulate(dataset: DataSet, settings: SimulatorSettings, folder: Path) -> Path:
    """Generate the embedded data set's archive."""
    target = folder / dataset.archives[0].file
    (folder / "receipt.json").unlink(missing_ok=True)  # other settings make another archive
    with replace_file(target) as temporary, Work("simulating", None, "clips") as work:
        generate(settings, temporary, lambda done, total: _report(work, done, total))
    return target


def _report(work: Work, done: int, total: int) -> None:
    work.total = total
    work.update(done)


def obtain(dataset: DataSet, folder: Path, mirror: str | None) -> Path:
    """The archive that is here already, else from the mirror, else from the official addresses."""
    for archive in dataset.archives:
        if (folder / archive.file).exists():
            return folder / archive.file
    problems = []
    for archive in dataset.archives:
        for address in _addresses(archive, mirror):
            say(f"{dataset.name}: fetching {address}")
            try:
                with Work("downloading", None, "MB") as work:
                    fetch(address, folder / archive.file, progress=partial(_megabytes, work))
                return folder / archive.file
            except UserError as error:
                problems.append(str(error))
    if not problems:
        names = " or ".join(archive.file for archive in dataset.archives)
        problems.append(f"HACM_MIRROR={mirror}: holds neither {names}" if mirror else f"no address for {names}")
    raise UserError(
        f"{dataset.name}: {problems[-1]}; or put {dataset.archives[0].file} (see {dataset.page}) into {folder}"
    )


def _megabytes(work: Work, have: int, total: int | None) -> None:
    work.total = total // 1_000_000 if total else None
    work.update(have // 1_000_000)


def _addresses(archive: Archive, mirror: str | None) -> list[str]:
    if not mirror:
        return list(archive.addresses)
    if mirror.startswith(("http://", "https://")):
        return [f"{mirror.rstrip('/')}/{archive.file}"]
    path = Path(mirror).expanduser() / archive.file
    return [str(path)] if path.exists() else []


def check_archive(path: Path, folder: Path, dataset: DataSet) -> str:
    """The archive's SHA-256, compared with the known one and with the one recorded when it was first seen."""
    digest = hash_file(path)
    known = next((archive.sha256 for archive in dataset.archives if archive.file == path.name), None)
    receipt = folder / "receipt.json"
    recorded = read_json(receipt)["files"].get(path.name) if receipt.exists() else None
    for source, expected in {"known": known, "first recorded": recorded}.items():
        if expected and digest != expected:
            raise UserError(
                f"{path}: SHA-256 {digest[:12]}… differs from the {source} {expected[:12]}…; delete it and run again"
            )
    return digest


def check_members(path: Path, dataset: DataSet, *, verify: bool) -> int:
    """Read every member once: the archive is whole, holds the stated number, and each is what its checksum says."""
    known = dataset.member_checksums() if verify else {}
    count, seen = 0, set()
    for member in members(path):
        name = member.name.rsplit("/", 1)[-1]
        if isinstance(member, Refused) or not name.endswith(dataset.suffix):
            continue
        count += 1
        seen.add(name)
        if name in known and hashlib.sha256(member.data).hexdigest() != known[name]:
            raise UserError(
                f"{path}: {name} differs from the known copy; fetch the archive again, or set "
                f"datasets.{dataset.name}.source.verify to false in params.yaml to accept it"
            )
    missing = sorted(set(known) - seen)
    if missing:
        raise UserError(
            f"{path}: {len(missing)} recordings are missing, the first is {missing[0]}; fetch the archive again"
        )
    if count == 0:
        raise UserError(f"{path}: holds no {dataset.suffix} file; is it the right archive?")
    return count


if __name__ == "__main__":
    run(main)
