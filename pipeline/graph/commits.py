"""Finds the commits that have the recorded code; by content, so that a commit made after a run counts too."""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipeline.graph.content import ignored_names
from pipeline.graph.git import ask_git, ask_git_for_bytes
from pipeline.graph.plan import overlaps

MOST_COMMITS = 1000
"""How far back to look, in commits that touched the code."""

SUBMODULE = "160000"
"""The mode of what git itself does not hold."""


@dataclass(frozen=True)
class CodeCommits:
    """by_path: the commit that brought each path to what was recorded, None if no commit has it.

    whole: commits that have all of it at once, newest first, of those that touched any of it.
    """

    by_path: dict[str, str | None]
    whole: list[str]


def find_commits(recorded: Mapping[str, str], start: str = "HEAD", also: Iterable[str] = ()) -> CodeCommits:
    """Look through the history of `start` for files and folders of these MD5 sums. also: further commits to look at.

    Where git has nothing to say, no commit has anything.
    """
    paths = sorted(recorded)
    history = _list_touching(start, paths) if paths else {}
    if not history:
        return CodeCommits(dict.fromkeys(paths), [])
    commits = list(dict.fromkeys([*history, *also]))
    names = _name_objects(commits, paths)
    sums = _hash_objects({name for name in names.values() if name})
    having = {
        path: [one for one in commits if sums.get(names[one, path] or "") == recorded[path]] for path in paths
    }  # fmt: skip
    sets = [set(found) for found in having.values()]
    return CodeCommits(
        {path: _find_bringer(found, history, path) for path, found in having.items()},
        [one for one in commits if all(one in found for found in sets)],
    )


def _find_bringer(found: list[str], history: Mapping[str, list[str]], path: str) -> str | None:
    """Of the commits that have a path as recorded, the newest that touched it."""
    touched = (one for one in found if any(overlaps(file, (path,)) for file in history.get(one, ())))
    return next(touched, found[0] if found else None)


def _list_touching(start: str, paths: list[str]) -> dict[str, list[str]]:
    """Those that touched the paths, newest first, and the files that each touched."""
    options = (f"--max-count={MOST_COMMITS}", "--format=commit %H", "--name-only", "--relative")
    found: dict[str, list[str]] = {}
    for line in (ask_git("-c", "core.quotePath=false", "log", *options, start, "--", *paths) or "").splitlines():
        if line.startswith("commit "):
            files = found.setdefault(line.removeprefix("commit "), [])
        elif line:
            files.append(line)
    return found


def _name_objects(commits: list[str], paths: list[str]) -> dict[tuple[str, str], str | None]:
    """Git's name of what each commit has at each path."""
    asked = [(commit, path) for commit in commits for path in paths]
    lines = "".join(f"{commit}:./{path}\n" for commit, path in asked)
    answers = (ask_git("cat-file", "--batch-check=%(objectname)", given=lines) or "").splitlines()
    names = [None if answer.endswith(" missing") else answer for answer in answers]
    return dict(zip(asked, names, strict=True)) if len(names) == len(asked) else dict.fromkeys(asked)


def _hash_objects(names: Iterable[str]) -> dict[str, str]:
    """Git's blobs and trees hashed as DVC hashes files and folders; level by level, as few questions as there are."""
    sums: dict[str, str] = {}
    trees: dict[str, dict[str, str]] = {}
    wanted = set(names)
    while wanted:
        for name, kind, content in _read_objects(sorted(wanted)):
            if kind == "tree":
                trees[name] = _list_children(content, width=len(name) // 2)
            else:
                sums[name] = _md5(content)
        wanted = {child for tree in trees.values() for child in tree.values()} - sums.keys() - trees.keys()
    for name in trees:
        entries = [{"md5": sums[blob], "relpath": path} for path, blob in sorted(_list_files(name, trees))]
        sums[name] = _md5(json.dumps(entries, sort_keys=True).encode()) + ".dir"
    return sums


def _list_children(content: bytes, width: int) -> dict[str, str]:
    """What a tree holds, but for what DVC ignores: object by name. width: of an object's name in bytes."""
    found = {}
    while content:
        entry, rest = content.split(b"\0", 1)
        mode, _, file = entry.decode(errors="replace").partition(" ")
        if mode != SUBMODULE and file not in ignored_names():
            found[file] = rest[:width].hex()
        content = rest[width:]
    return found


def _list_files(tree: str, trees: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """The files below a tree: path, blob."""
    for file, child in trees[tree].items():
        if child in trees:
            yield from ((f"{file}/{path}", blob) for path, blob in _list_files(child, trees))
        else:
            yield file, child


def _read_objects(names: list[str]) -> Iterator[tuple[str, str, bytes]]:
    """Name, kind and content of each object."""
    answer = ask_git_for_bytes("cat-file", "--batch", given="".join(f"{name}\n" for name in names)) or b""
    stream = io.BytesIO(answer)
    while header := stream.readline().decode().split():
        name, kind, size = header
        yield name, kind, stream.read(int(size))
        stream.read(1)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
