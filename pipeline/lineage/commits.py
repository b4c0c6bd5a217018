"""Which commits have the code that was recorded: by content, so that a commit made after a run counts as well."""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import TracebackType

from pipeline.engine.content import ignored_names

MOST_COMMITS = 1000
"""How far back to look, in commits that touched the code."""


@dataclass(frozen=True)
class Found:
    """by_path: the commit that brought each path to what was recorded, None if no commit has it.

    whole: commits that have all of it at once, newest first, of those that touched any of it.
    """

    by_path: dict[str, str | None]
    whole: list[str]


def find_commits(recorded: Mapping[str, str], start: str = "HEAD", also: Iterable[str] = ()) -> Found:
    """Look through the history of `start` for files and folders of these MD5 sums. also: further commits to look at.

    Where git has nothing to say, no commit has anything.
    """
    paths = sorted(recorded)
    history = _list_commits(start, paths) if paths else []
    if not history:
        return Found(dict.fromkeys(paths), [])
    commits = list(dict.fromkeys([*history, *also]))
    names = _name_objects(commits, paths)
    with Objects() as objects:
        having = {path: [one for one in commits if _is(objects, names[one, path], recorded[path])] for path in paths}
    sets = [set(found) for found in having.values()]
    return Found(
        {path: _last_touched(found[0], path) if found else None for path, found in having.items()},
        [one for one in commits if all(one in found for found in sets)],
    )


def _is(objects: "Objects", name: str | None, md5: str) -> bool:
    return name is not None and objects.hash(name) == md5


def _last_touched(commit: str, path: str) -> str:
    """The commit that brought what a path is at a commit."""
    return (ask_git("log", "--max-count=1", "--format=%H", commit, "--", path) or commit).strip()


def _list_commits(start: str, paths: list[str]) -> list[str]:
    """Those that touched the paths, newest first."""
    text = ask_git("log", f"--max-count={MOST_COMMITS}", "--format=%H", start, "--", *paths)
    return text.split() if text else []


def _name_objects(commits: list[str], paths: list[str]) -> dict[tuple[str, str], str | None]:
    """Git's name of what each commit has at each path."""
    asked = [(commit, path) for commit in commits for path in paths]
    lines = "".join(f"{commit}:./{path}\n" for commit, path in asked)
    answers = (ask_git("cat-file", "--batch-check=%(objectname)", given=lines) or "").splitlines()
    names = [None if answer.endswith(" missing") else answer for answer in answers]
    return dict(zip(asked, names, strict=True)) if len(names) == len(asked) else dict.fromkeys(asked)


def ask_git(*arguments: str, given: str | None = None) -> str | None:
    """What git answers; None if it fails, or there is none."""
    try:
        done = subprocess.run(["git", *arguments], input=given, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


class Objects:
    """Hashes git's blobs and trees as DVC hashes files and folders, each once."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["git", "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.hash = cache(self._hash)
        self._list = cache(self._list_tree)

    def __enter__(self) -> "Objects":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def _hash(self, name: str) -> str | None:
        kind, content = self._read(name)
        if kind == "blob":
            return _md5(content)
        if kind != "tree":
            return None
        entries = [{"md5": self.hash(blob), "relpath": path} for path, blob in sorted(self._list(name).items())]
        return _md5(json.dumps(entries, sort_keys=True).encode()) + ".dir"

    def _list_tree(self, name: str) -> dict[str, str]:
        """The files below a tree, but for those that DVC ignores: blob by path."""
        _, content = self._read(name)
        width = len(name) // 2
        found: dict[str, str] = {}
        while content:
            entry, rest = content.split(b"\0", 1)
            mode, _, file = entry.decode().partition(" ")
            child, content = rest[:width].hex(), rest[width:]
            if file in ignored_names():
                continue
            if mode == "40000":
                found |= {f"{file}/{path}": blob for path, blob in self._list(child).items()}
            else:
                found[file] = child
        return found

    def _read(self, name: str) -> tuple[str, bytes]:
        """Kind and content of an object."""
        asked, given = self._process.stdin, self._process.stdout
        assert asked is not None
        assert given is not None
        asked.write(f"{name}\n".encode())
        asked.flush()
        _, kind, size = given.readline().decode().split()
        content = given.read(int(size))
        given.read(1)
        return kind, content


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
