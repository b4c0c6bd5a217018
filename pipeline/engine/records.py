"""What a stage saw and what it wrote: kept beside the project, one file a stage."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.engine.content import Content, hash_path, sign
from pipeline.engine.plan import FOLDER, Locked, Stage
from pipeline.files import replace_file, write_json

RECORDS = FOLDER / "records"
DONE = FOLDER / "done"
LOGS = FOLDER / "logs"


@dataclass(frozen=True)
class Record:
    """Of one run of a stage: the same facts that dvc.lock holds. deps, outs: what lay there, by path."""

    cmd: str
    params: dict[str, Any]
    deps: dict[str, Content]
    outs: dict[str, Content]

    def difference(self, stage: Stage, contents: "Contents") -> str | None:
        """What is not now as recorded, in words; None if everything is."""
        if self.cmd != stage.cmd:
            return "its command is another one now"
        if self.params != stage.params:
            keys = self.params.keys() | stage.params.keys()
            changed = sorted(key for key in keys if self.params.get(key) != stage.params.get(key))
            return f"{changed[0]} in params.yaml is another one now"
        for recorded, paths in ((self.deps, stage.deps), (self.outs, stage.outs)):
            if set(recorded) != set(paths):
                return "dvc.yaml names other paths now"
        for kind, recorded in (("read", self.deps), ("wrote", self.outs)):
            for path, content in recorded.items():
                now = contents.of(path)
                if now is None or now.md5 != content.md5:
                    return f"{path} is not what it {kind}" if now else f"{path}, which it {kind}, is gone"
        return None

    def seen(self, contents: "Contents") -> "Record":
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

    def remember(self, record: Record) -> None:
        """Take the hashes of a record for what still has the same signature."""
        for path, content in (*record.deps.items(), *record.outs.items()):
            self._known.setdefault(path, []).append(content)

    def of(self, path: str) -> Content | None:
        """What lies at a path; None: nothing."""
        if path not in self._seen:
            signature = sign(path)
            known = next((one for one in self._known.get(path, []) if one.signature == signature), None)
            self._seen[path] = known or (Content(hash_path(path), signature) if signature else None)
        return self._seen[path]


def place_of(name: str) -> Path:
    """The file that holds a stage's record."""
    return RECORDS / f"{name}.json"


def done_file(name: str) -> Path:
    """The file that tells Snakemake that a stage is up to date."""
    return DONE / name


def read(name: str) -> Record | None:
    """The record of a stage; None if there is none that can be read."""
    try:
        content = json.loads(place_of(name).read_text(encoding="utf-8"))
        deps, outs = ({path: Content(**one) for path, one in content[key].items()} for key in ("deps", "outs"))
        return Record(content["cmd"], content["params"], deps, outs)
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        return None


def write(name: str, record: Record) -> None:
    """Keep a record."""
    write_json(place_of(name), asdict(record))


def forget(name: str) -> None:
    """A stage is no longer known to be up to date."""
    done_file(name).unlink(missing_ok=True)
    place_of(name).unlink(missing_ok=True)


def write_done(name: str, record: Record) -> None:
    """Tell Snakemake that a stage is up to date: its outputs and their hashes, a line each."""
    text = "".join(f"{content.md5}  {path}\n" for path, content in record.outs.items())
    with replace_file(done_file(name)) as temporary:
        temporary.write_text(text, encoding="utf-8")
