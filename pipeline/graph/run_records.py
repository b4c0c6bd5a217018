"""What a stage read and what it wrote: kept beside the project, one file per stage."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hacm.files import replace_file, write_json
from pipeline.graph.content import Content, hash_path, sign
from pipeline.graph.plan import FOLDER, Locked, Stage
from pipeline.yaml_tree import ABSENT

RECORDS = FOLDER / "records"
DONE = FOLDER / "done"
LOGS = FOLDER / "logs"
BENCHMARKS = FOLDER / "benchmarks"


@dataclass(frozen=True)
class Difference:
    """One thing that differs from the record. kind: command, parameter, paths, input or output; what: key or path.

    before, now: values, or MD5 sums; None: there is none. text: in words.
    """

    kind: str
    what: str
    before: Any
    now: Any
    text: str


@dataclass(frozen=True)
class Record:
    """Of one run of a stage: the same facts that dvc.lock holds. deps, outs: what lay there, by path."""

    cmd: str
    params: dict[str, Any]
    deps: dict[str, Content]
    outs: dict[str, Content]

    def difference(self, stage: Stage, contents: "Contents") -> str | None:
        """What is not now as recorded, in words; None if everything is."""
        first = next(self.differences(stage, contents), None)
        return first.text if first else None

    def differences(self, stage: Stage, contents: "Contents") -> Iterator[Difference]:
        """All that is not now as recorded. Files are looked at last, and none beyond what is asked for."""
        if self.cmd != stage.cmd:
            yield Difference("command", "cmd", self.cmd, stage.cmd, "its command is another one now")
        for key in sorted(self.params.keys() | stage.params.keys()):
            before, now = (params.get(key, ABSENT) for params in (self.params, stage.params))
            if before != now:
                old, new = (None if value is ABSENT else value for value in (before, now))
                yield Difference("parameter", key, old, new, f"{key} in params.yaml is another one now")
        for recorded, paths in ((self.deps, stage.deps), (self.outs, stage.outs)):
            for path in sorted(recorded.keys() ^ set(paths)):
                yield Difference("paths", path, path in recorded, path in paths, "dvc.yaml names other paths now")
        for kind, verb, recorded in (("input", "read", self.deps), ("output", "wrote", self.outs)):
            for path, content in recorded.items():
                found = contents.of(path)
                if found is None or found.md5 != content.md5:
                    text = f"{path} is not what it {verb}" if found else f"{path}, which it {verb}, is gone"
                    yield Difference(kind, path, content.md5, found.md5 if found else None, text)

    def with_signatures(self, contents: "Contents") -> "Record":
        """The same record with the signatures of what lies at its paths now; it must be true."""
        found = [{path: contents.of(path) or one for path, one in part.items()} for part in (self.deps, self.outs)]
        return Record(self.cmd, self.params, *found)

    def is_locked(self, locked: Locked) -> bool:
        """Whether dvc.lock says the same."""
        return (
            locked.same_cmd
            and locked.params == self.params
            and locked.deps == {path: content.md5 for path, content in self.deps.items()}
            and locked.outs == {path: content.md5 for path, content in self.outs.items()}
        )


class Contents:
    """Looks at paths, at each once, and reads only what is not as it was when a remembered record was made."""

    def __init__(self) -> None:
        self._known: dict[str, list[Content]] = {}
        self._seen: dict[str, Content | None] = {}
        self.computed = 0
        """How many paths had to be read."""

    def remember(self, record: Record) -> None:
        """Take the hashes of a record for what still has the same signature."""
        for path, content in (*record.deps.items(), *record.outs.items()):
            self._known.setdefault(path, []).append(content)

    def recall(self, file: Path) -> None:
        """Take the hashes that `keep` put into a file, likewise."""
        try:
            for path, content in json.loads(file.read_text(encoding="utf-8")).items():
                self._known.setdefault(path, []).append(Content(**content))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, TypeError, AttributeError):
            return  # kept for speed only

    def keep(self, file: Path) -> None:
        """Put the hashes of all that is known into a file, unless none of them had to be computed."""
        if self.computed:
            known = {path: found[-1] for path, found in self._known.items()}
            known |= {path: content for path, content in self._seen.items() if content}
            write_json(file, {path: asdict(content) for path, content in known.items()})

    def of(self, path: str) -> Content | None:
        """What lies at a path; None: nothing."""
        if path not in self._seen:
            signature = sign(path)
            known = next((one for one in self._known.get(path, []) if one.signature == signature), None)
            self.computed += signature is not None and known is None
            self._seen[path] = known or (Content(hash_path(path), signature) if signature else None)
        return self._seen[path]


def record_file(name: str) -> Path:
    """The file that holds a stage's record."""
    return RECORDS / f"{name}.json"


def done_file(name: str) -> Path:
    """The file that tells Snakemake that a stage is up to date."""
    return DONE / name


def benchmark_file(name: str) -> Path:
    """The file in which Snakemake notes a stage's time and memory."""
    return BENCHMARKS / f"{name}.tsv"


def read(name: str) -> Record | None:
    """The record of a stage; None if there is none that can be read."""
    try:
        content = json.loads(record_file(name).read_text(encoding="utf-8"))
        deps, outs = ({path: Content(**one) for path, one in content[key].items()} for key in ("deps", "outs"))
        return Record(content["cmd"], content["params"], deps, outs)
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        return None


def write(name: str, record: Record) -> None:
    """Keep a record."""
    write_json(record_file(name), asdict(record))


def forget(name: str) -> None:
    """A stage is no longer known to be up to date."""
    done_file(name).unlink(missing_ok=True)
    record_file(name).unlink(missing_ok=True)


def write_done(name: str, record: Record) -> None:
    """Tell Snakemake that a stage is up to date: its outputs and their hashes, a line each."""
    text = "".join(f"{content.md5}  {path}\n" for path, content in record.outs.items())
    with replace_file(done_file(name)) as temporary:
        temporary.write_text(text, encoding="utf-8")
