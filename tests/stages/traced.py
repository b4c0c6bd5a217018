"""Run stages and write down every function of the project that ran and every file of the project that was opened.

    python -m tests.stages.traced FOLDER "stages.NAME [OPTIONS]" ...

Each command runs in a process of its own and leaves FOLDER/COMMAND.json (spaces are underscores there); only the libraries
are loaded once for all of them. What runs while a module is being imported is left out (that a data set's module is imported is no use of it), and so is
what only shows or checks.
"""

import importlib
import json
import os
import sys
import threading
import traceback
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from pipeline.graph.fingerprint import decides_nothing

PROJECT = Path.cwd()
PACKAGES = tuple(str(PROJECT / name) + "/" for name in ("hacm", "pipeline", "stages"))
LIBRARIES = ("numpy", "torch")
"""Take long to load."""
OPTIMISED = 0x1  # set in the code of functions, not in that of modules and class bodies

ran: set[str] = set()
opened: set[str] = set()
seen: dict[CodeType, bool] = {}


def is_beside(frame: FrameType | None) -> bool:
    """Whether this happens during an import, or on behalf of code that decides nothing."""
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith("<frozen importlib"):
            return True
        if code.co_filename.startswith(PACKAGES) and decides_nothing(*place_of(code)):
            return True
        frame = frame.f_back
    return False


def place_of(code: CodeType) -> tuple[str, str]:
    """Module and definition of a function; what is defined inside another belongs to that one."""
    path = Path(code.co_filename).relative_to(PROJECT).with_suffix("")
    parts = path.parts[:-1] if path.name == "__init__" else path.parts
    return ".".join(parts), code.co_qualname.split(".<locals>")[0]


def note_call(frame: FrameType, event: str, _: Any) -> None:
    code = frame.f_code
    if event != "call" or seen.get(code) or not code.co_filename.startswith(PACKAGES) or not code.co_flags & OPTIMISED:
        return
    module, name = place_of(code)
    if "<" not in name and code.co_filename.endswith(".py") and not is_beside(frame):
        seen[code] = True
        ran.add(f"{module}:{name}")


def note_open(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str):
        path = str(Path(arguments[0]).absolute())
        if path.startswith(PACKAGES) and not path.endswith((".py", ".pyc")):
            opened.add(str(Path(path).relative_to(PROJECT)))


def trace(command: str, out: Path) -> None:
    """Run one stage in this process and write down what ran and was opened."""
    module, *options = command.split()
    stage = importlib.import_module(module)
    sys.argv = [module, *options]
    sys.addaudithook(note_open)
    threading.setprofile(note_call)
    sys.setprofile(note_call)
    try:
        stage.main()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    out.write_text(json.dumps({"ran": sorted(ran), "opened": sorted(opened)}))


def main() -> None:
    folder, *commands = sys.argv[1:]
    Path(folder).mkdir()
    for library in LIBRARIES:
        importlib.import_module(library)
    for command in commands:
        if os.fork() == 0:
            try:
                trace(command, Path(folder) / f"{command.replace(' ', '_')}.json")
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        if os.wait()[1]:
            sys.exit(f"{command}: failed")


if __name__ == "__main__":
    main()
