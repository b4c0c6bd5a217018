"""The one place that runs git."""

import subprocess
from pathlib import Path
from typing import Any

NO_CODE = ("params.yaml", "dvc.lock", "fingerprints.json", "docs", "*.md")
"""Tracked files that are no code: the settings in force stand in details.json, inputs and outputs in dvc.lock."""


def ask_git(*arguments: str, given: str | None = None, folder: Path = Path()) -> str | None:
    """What git answers in a folder; None if it fails, or there is no git. given: its standard input."""
    answer = ask_git_for_bytes(*arguments, given=given, folder=folder)
    return None if answer is None else answer.decode(errors="replace")


def ask_git_for_bytes(*arguments: str, given: str | None = None, folder: Path = Path()) -> bytes | None:
    """The same as bytes, for the content of files."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, input=(given or "").encode(), capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def is_as_committed(commit: str, *paths: str) -> bool:
    """Whether the tracked files of the workspace at these paths are those of a commit; False where git cannot tell."""
    return ask_git("diff", "--quiet", commit, "--", *paths) is not None


def inside_repository() -> bool:
    """Whether the working directory is in a git repository, be git installed or not."""
    here = Path.cwd()
    return any((folder / ".git").exists() for folder in (here, *here.parents))


def folder_in_repository() -> str:
    """Where the working directory lies in git's repository: "" at its top, else the path from there, as `project/`."""
    return (ask_git("rev-parse", "--show-prefix") or "").removesuffix("\n")


def describe_code(folder: Path = Path()) -> dict[str, Any]:
    """The commit that is checked out, and whether tracked files in the folder differ from it.

    Not those of NO_CODE: whoever chooses another benchmark changes params.yaml, and what it says is known of every
    result by itself.
    """
    commit = ask_git("rev-parse", "HEAD", folder=folder)
    others = [f":(exclude){name}" for name in NO_CODE]
    changes = ask_git("status", "--porcelain", "--untracked-files=no", "--", ".", *others, folder=folder)
    if commit is None or changes is None:
        return {"code": "unknown", "dirty": True}
    return {"code": commit.strip(), "dirty": bool(changes.strip())}
