"""Compares the recordings found with those that the data set's authors describe, by name."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from hacm.errors import name_some
from hacm.recordings import MAIN, RawFile
from pipeline.datasets.definition import DataSet
from pipeline.datasets.layouts import Layout
from pipeline.ingest.gathering import locate, member_names_of, members_of

Differences = dict[str, list[str]]
"""Kind of difference, in words → the names, sorted. Kinds without any are left out."""


def find_differences(dataset: DataSet, names: Iterable[str], files: Sequence[Path]) -> Differences:
    """names: of the recordings found, those left out too. files: the raw files, which are looked at again."""
    found = Counter(names)
    differences = {"more than once": sorted(name for name, count in found.items() if count > 1)}
    if dataset.layout is not None:
        differences |= _compare(dataset.layout, frozenset(found))
    if dataset.companions:
        differences |= _pair(dataset, files)
    return {kind: names for kind, names in differences.items() if names}


def summarise(differences: Differences) -> str:
    """One line: the first few names of each kind."""
    return "; ".join(f"{kind}: {name_some(names)}" for kind, names in differences.items())


def _compare(layout: Layout, found: frozenset[str]) -> Differences:
    belongs = {name: layout.group_of(name) for name in found}
    present = sorted({group for group in belongs.values() if group is not None})
    expected = frozenset(name for group in present for name in layout.members(group))
    lacking = layout.groups - len(present)
    return {
        "absent": sorted(expected - found),
        "not of this data set": sorted(found - expected),
        f"absent altogether, each {layout.group} being one": [f"{lacking} of {layout.groups}"] if lacking > 0 else [],
        f"too many, each {layout.group} being one": [f"{len(present)} of {layout.groups}"] if lacking < 0 else [],
    }


def _pair(dataset: DataSet, files: Sequence[Path]) -> Differences:
    """Main files without what belongs to them, the reverse, and what a list among the files names in vain."""
    recordings: dict[str, set[str]] = {role: set() for role in (MAIN, *dataset.companions)}
    lists: list[RawFile] = []
    for file in files:
        for path in (locate(file, name) for name in member_names_of(file, dataset)):
            part = dataset.part_of(path)
            if part is not None and part.recording is not None:
                recordings[part.role].add(part.recording)
        lists += _read_lists(dataset, file)
    main = recordings.pop(MAIN)
    differences = {}
    for role, having in recordings.items():
        if having:
            differences[f"without a file of {role}"] = sorted(main - having)
            differences[f"a file of {role} and nothing else"] = sorted(having - main)
    for one in lists:
        differences[f"named in {one.path}, but absent"] = sorted(dataset.listed(one) - main)
    return differences


def _read_lists(dataset: DataSet, file: Path) -> list[RawFile]:
    """What belongs to all recordings."""

    def wanted(name: str) -> bool:
        part = dataset.part_of(locate(file, name))
        return part is not None and part.recording is None

    found = (one for one in members_of(file, dataset, wanted) if isinstance(one, RawFile))
    return [replace(one, path=locate(file, one.path)) for one in found]
