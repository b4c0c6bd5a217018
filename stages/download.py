"""Download or generate a data set's raw files, and verify them before anything reads them.

Official addresses are in pipeline/datasets/definition.py. HACM_MIRROR names a folder or an http(s) address that holds
a copy. Files that already exist are verified and kept.
"""

from stages.shared import command


def command_line() -> command.Parser:
    """The parser of the command line."""
    return command.parser(__doc__, "dataset", example="--dataset utd-mhad")


command.answer_early(command_line, __name__)

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from hacm.archives.folders import check_link
from hacm.archives.members import UNREAD_SUFFIXES, is_called_like_an_archive
from hacm.archives.rules import DamagedFile, Refused
from hacm.cores import count_cores
from hacm.errors import UserError, name_some
from hacm.files import hash_file, read_json, replace_file
from hacm.interrupts import RESUMES
from hacm.recordings import MAIN, RawFile
from pipeline.datasets.definition import Archive, DataSet
from pipeline.datasets.registry import find_dataset
from pipeline.ingest.fetching import fetch
from pipeline.ingest.gathering import (
    RECEIPT,
    content_line,
    find_files,
    find_receipt,
    find_unread,
    hash_content,
    locate,
    member_names_of,
    members_of,
    write_receipt,
)
from pipeline.ingest.workers import map_ahead
from pipeline.kinect_sim import SimulatorSettings, generate
from stages.shared import box, parameters, places
from stages.shared.progress import Work, say

PARAMS = parameters.keys(parameters.SOURCE)

MOST_NAMED = 4


def main() -> None:
    options = command_line().parse_args()
    dataset = find_dataset(options.dataset)
    settings = parameters.load(parameters.SOURCE, dataset=dataset.name).get(parameters.SOURCE)
    folder = places.raw(dataset.name)
    if isinstance(settings, SimulatorSettings):
        files = [simulate(dataset, settings, folder)]
    else:
        files = obtain(dataset, folder, os.environ.get("HACM_MIRROR"))
    tell_unread(files, folder, dataset)
    check = partial(check_files, files, dataset, verify=getattr(settings, "verify", False))
    try:
        digests, count = check()
    except DamagedFile as damage:
        fetch_again(damage, dataset, os.environ.get("HACM_MIRROR"))
        digests, count = check()
    check_recorded(digests, folder, dataset.name)
    write_receipt(folder, dataset.name, {"dataset": dataset.name, "files": digests, "recordings": count})
    where = ", ".join(map(str, files)) if len(files) <= MOST_NAMED else f"{len(files)} files of {folder}"
    say(f"{dataset.name}: {count} recordings in {where}, verified")


def simulate(dataset: DataSet, settings: SimulatorSettings, folder: Path) -> Path:
    """Generate the embedded data set's archive."""
    target = folder / dataset.sources[0][0].file
    (folder / RECEIPT).unlink(missing_ok=True)  # other settings make another archive
    with replace_file(target) as temporary, Work("simulating", None, "clips") as work:
        generate(settings, temporary, lambda done, total: _report(work, done, total))
    return target


def _report(work: Work, done: int, total: int) -> None:
    work.total = total
    work.update(done)


def obtain(dataset: DataSet, folder: Path, mirror: str | None) -> list[Path]:
    """The files of the data set: those already here, otherwise from the mirror or the official addresses."""
    present = find_present(dataset, folder)
    if present:
        return present
    if mirror and not is_address(mirror) and not Path(mirror).expanduser().is_dir():
        raise UserError(f"HACM_MIRROR={mirror}: no such folder; correct it, or unset it to do without")
    problems = []
    for group in dataset.sources:
        try:
            return [bring(archive, folder, mirror) for archive in group]
        except UserError as error:
            problems.append(str(error))
    problem = problems[0] if problems else f"nothing in {folder}"  # the first group is the official one
    wanted = [" and ".join(archive.file for archive in group) for group in dataset.sources]
    wanted += [dataset.contents] if dataset.contents else []
    unpacked = f", or unpacked as {folder / dataset.folder}" if dataset.folder else ""
    origin = f"{'ask for' if dataset.gated else 'get'} {' or '.join(wanted)}" + f" at {dataset.page}" * bool(
        dataset.page
    )
    raise UserError(f"{dataset.name}: {problem}; {origin} and put it into {folder}{unpacked}{advise_unpacking(folder)}")


def find_present(dataset: DataSet, folder: Path) -> list[Path]:
    """The files in the raw folder that hold the data set; none if something is missing.

    First by their official names; otherwise everything that has recordings in it, if that is more than one of several
    archives.
    """
    found = find_files(folder, dataset)
    if dataset.contents:
        return found
    expected = find_expected(dataset, found)
    if expected:
        return expected
    holding = [path for path in found if holds_recordings(path, dataset)]
    parts = {archive.file for group in dataset.sources for archive in group}
    return [] if {path.name for path in holding} <= parts else holding


def find_expected(dataset: DataSet, found: Sequence[Path]) -> list[Path]:
    """Of the files found, those under the names that the authors gave them: folders, or all archives of one group."""
    folders = [path for path in found if dataset.folder and path.name.startswith(dataset.folder) and path.is_dir()]
    if folders:
        return folders
    by_name = {path.name: path for path in found}
    for group in dataset.sources:
        if all(archive.file in by_name for archive in group):
            return [by_name[archive.file] for archive in group]
    return []


def tell_unread(files: Sequence[Path], folder: Path, dataset: DataSet) -> None:
    """Say which files in the raw folder are not read, and why. files: the archives, folders and files that are."""
    unread, count = find_unread(folder, files, dataset)
    found = find_files(folder, dataset)
    others = [path for path in found if path not in files] if files == find_expected(dataset, found) else []
    beside = [path for path in unread if not {path, *path.parents}.isdisjoint(others)]
    strange = [path for path in unread if path not in beside]
    for which in filter(None, (strange, beside)):
        be = "is" if len(which) == 1 else "are"
        why = f"{be} none of its recordings and {be} not read"
        if which is beside:
            why = f"{be} not read, for {name_some([path.name for path in files])} is there"
        names = name_some([path.relative_to(folder).as_posix() for path in which])
        say(f"{dataset.name}: {len(which)} of {count} files in {folder} {why}: {names}")


def holds_recordings(path: Path, dataset: DataSet) -> bool:
    """Whether a file or folder holds a recording of the data set; False if that cannot be told."""
    try:
        return any(_belongs(dataset, path, name) for name in member_names_of(path, dataset))
    except UserError:
        return False


def advise_unpacking(folder: Path) -> str:
    """The end of a message about files that were not found: archives that are not read here, and what else is there."""
    packed = sorted(path.name for path in folder.glob("*") if path.name.lower().endswith(UNREAD_SUFFIXES))
    if packed:
        return f"; unpack {', '.join(packed)} first"
    others = sorted(path.name for path in folder.glob("[!.]*") if path.name != RECEIPT)
    return f"; what is there holds none of it, or not all: {name_some(others)}" if others else ""


def bring(archive: Archive, folder: Path, mirror: str | None) -> Path:
    """The archive's path, once it is here; UserError with the last address's reason if it cannot be had."""
    target = folder / archive.file
    if target.exists():
        return target
    problem = f"{archive.file} is not in {folder}" + (f" nor at HACM_MIRROR={mirror}" if mirror else "")
    for address in find_addresses(archive, mirror):
        say(f"fetching {address}")
        try:
            with Work("downloading", None, "MB") as work:
                fetch(address, target, progress=partial(_megabytes, work))
            return target
        except UserError as error:
            problem = str(error)
    raise UserError(problem)


def _megabytes(work: Work, have: int, total: int | None) -> None:
    work.total = total // 1_000_000 if total else None
    work.update(have // 1_000_000)


def is_address(mirror: str) -> bool:
    """Whether a mirror is an address on the internet rather than a folder."""
    return mirror.startswith(("http://", "https://"))


def find_addresses(archive: Archive, mirror: str | None) -> list[str]:
    """Where to fetch an archive: from the mirror alone, if there is one."""
    if not mirror:
        return list(archive.addresses)
    if is_address(mirror):
        return [f"{mirror.rstrip('/')}/{archive.file}"]
    path = Path(mirror).expanduser() / archive.file
    return [str(path)] if path.exists() else []


def fetch_again(damage: DamagedFile, dataset: DataSet, mirror: str | None) -> None:
    """Another copy in place of a damaged archive, which is set aside; the damage, if none can be had."""
    archives = {archive.file: archive for group in dataset.sources for archive in group}
    archive, path = archives.get(damage.path.name), damage.path
    if archive is None or not path.is_file():
        raise damage
    aside = path.with_name(path.name + ".damaged")
    path.replace(aside)
    try:
        if not find_addresses(archive, mirror):
            ask = f"copy it again, or ask for it at {dataset.page}" if dataset.gated else damage.remedy
            raise DamagedFile(path, damage.reason, ask)
        say(f"{path}: {damage.reason}; kept as {aside.name}, fetching it again")
        bring(archive, path.parent, mirror)
    except BaseException:
        aside.replace(path)
        raise


def check_files(files: list[Path], dataset: DataSet, *, verify: bool) -> tuple[dict[str, str], int]:
    """As check_members; DamagedFile if a file is not what it should be."""
    check_archives(files, dataset)
    return check_members(files, dataset, verify=verify)


def check_archives(files: list[Path], dataset: DataSet) -> None:
    """DamagedFile if an archive is not the one whose checksum is known."""
    known = {archive.file: archive.sha256 for group in dataset.sources for archive in group}
    for path in files:
        expected = known.get(path.name)
        if expected and hash_file(path) != expected:
            raise DamagedFile(path, f"its SHA-256 is not {expected[:12]}…")


def check_members(files: list[Path], dataset: DataSet, *, verify: bool) -> tuple[dict[str, str], int]:
    """Read every member once: the files are whole, and each recording is what its checksum says.

    Returns each file's SHA-256 (of a folder: over the names and sums of what is in it) and the number of recordings.
    """
    known = dataset.member_checksums() if verify else {}
    digests, seen, recordings = {}, set(), set()
    refused: list[str] = []
    packs: dict[str, None] = {}
    tables: list[RawFile] = []
    paths: list[str] = []
    with Work("verifying", None, "recordings") as work:
        for path in files:
            contents = hashlib.sha256()
            found = members_of(path, dataset, partial(_belongs_or_is_pack, dataset, path, packs))
            files_inside = _pass_on(found, dataset, path, refused)
            for member, digest in map_ahead(hash_content, files_inside, count_cores()):
                name = member.path.rsplit("/", 1)[-1]
                contents.update(content_line(member, digest))
                if name in known and digest != known[name]:
                    accept = f"set datasets.{dataset.name}.source.verify to false in params.yaml to accept it"
                    raise DamagedFile(
                        path, f"{name} differs from the known copy", f"fetch the archive again, or {accept}"
                    )
                place = locate(path, member.path)
                part = dataset.part_of(place)
                if part is not None and part.role == MAIN:
                    recordings.add(part.recording)
                    work.advance()
                    paths += [place] if dataset.finds_in_vain else []
                elif part is not None and part.recording is None and dataset.finds_in_vain:
                    tables.append(replace(member, path=place))
                seen.add(name)
            digests[path.name] = contents.hexdigest() if path.is_dir() else hash_file(path)
    told = f" ({len(refused)} refused: {name_some(refused)})" if refused else ""
    inside = _describe_packs(list(packs), files[0].parent)
    if not recordings:
        advice = inside or advise_unpacking(files[0].parent)
        raise DamagedFile(files[0], f"holds no recording of {dataset.title}{told}", f"is it the right one?{advice}")
    missing = sorted(set(known) - seen)
    if missing:
        reason = f"{len(missing)} recordings are missing, the first is {missing[0]}{told}"
        raise DamagedFile(files[0], reason, "fetch it again")
    if refused:
        say(f"{dataset.name}: refused, and left out of what is parsed ({len(refused)}): {name_some(refused)}")
    if packs:
        say(f"{dataset.name}: {inside.removeprefix('; ')}")
    for table in tables:
        vain = dataset.in_vain(table, paths)
        if vain:
            lines = f"{len(vain)} {'line speaks' if len(vain) == 1 else 'lines speak'}"
            say(f"{dataset.name}: {table.path}: {lines} of no recording here: {name_some(vain)}")
    return digests, len(recordings)


def _belongs_or_is_pack(dataset: DataSet, file: Path, packs: dict[str, None], name: str) -> bool:
    """Whether a member is read; one that is an archive itself, and is not, is put down."""
    belongs = _belongs(dataset, file, name)
    if not belongs and is_called_like_an_archive(name):
        packs[f"{file.name}/{name}"] = None
    return belongs


def _describe_packs(packs: Sequence[str], folder: Path) -> str:
    """The end of a message about archives within archives or folders; nothing if there are none."""
    are = "archive within another or in a folder is" if len(packs) == 1 else "archives within others or in folders are"
    return f"; {len(packs)} {are} not read: {name_some(packs)}; put into {folder} itself" if packs else ""


def _pass_on(found: Iterable[RawFile | Refused], dataset: DataSet, path: Path, refused: list[str]) -> Iterator[RawFile]:
    """The files that can be read; of those that cannot, and belong to the data set, path and reason go into a list.

    UserError at a link in a folder that would hide recordings.
    """
    for member in found:
        if isinstance(member, RawFile):
            yield member
            continue
        belongs, place = _belongs(dataset, path, member.path), path / member.path
        if path.is_dir() and place.is_symlink():
            check_link(place)
            if place.is_dir() or belongs:
                raise UserError(
                    f"{place}: {member.reason}, which is not followed here; put what it leads to in its place,"
                    f" or link the whole of {path}"
                )
        elif member.last or belongs:
            refused.append(f"{member.path}: {member.reason}")


def _belongs(dataset: DataSet, file: Path, name: str) -> bool:
    return dataset.part_of(locate(file, name)) is not None


def check_recorded(digests: dict[str, str], folder: Path, dataset: str) -> None:
    """UserError if a file has changed since it was first recorded."""
    receipt = find_receipt(folder, dataset)
    recorded = read_json(receipt)["files"] if receipt.exists() else {}
    for name, digest in digests.items():
        if recorded.get(name, digest) != digest:
            raise UserError(
                f"{folder / name}: has changed since it was first recorded; put the first one back, or delete "
                f"{receipt} to accept this one"
            )


if __name__ == "__main__":
    box.run(main, "download", command_line(), RESUMES)
