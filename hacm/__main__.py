"""The command `hacm`: what uses a model, and the tools around the graph; its stages are `python -m stages.NAME`.

What uses a model works anywhere: hacm/commands/NAME.py. The tools work on a project, that is in a clone's top folder,
and belong to the clone: stages/tools/NAME.py. A wheel holds this file without them. hacm must not import stages (the
law of imports): a tool is found by its name when called.
"""

import sys

from hacm.interrupts import RESUMES, STARTS_AGAIN, end_when_interrupted

if __name__ == "__main__" or sys.argv[0].endswith("hacm"):
    end_when_interrupted()

import importlib
import runpy
from pathlib import Path

from hacm import __version__
from hacm.errors import UserError, run_program

COMMANDS = {
    "cluster": "group recordings that are alike, without a label",
    "convert": "convert recordings from any format that is read into another, and say what is lost",
    "embed": "write the features of recordings, with a trained model",
    "export": "write a trained model for other runtimes (ONNX, torch.export) or for Hugging Face's hub",
    "fit": "teach a trained encoder classes of your own",
    "models": "list the models that are shipped, or show a model's card",
    "predict": "name what recordings show, with a trained model",
    "search": "find the recordings most alike to one",
    "segment": "find which movements a long recording shows, and when",
    "view": "look at recordings in a browser, and at what a trained model says of them",
}
"""Commands that use a model, each with its line of help; their code is in hacm/commands."""

TOOLS = {
    "activate": "choose the benchmarks, variants, seeds and protocols that the graph covers",
    "audit": "check a data set's version: leakage, duplicates, faulty values; verify it; compare it with another",
    "check": "check params.yaml in full, before anything runs",
    "compare": "compare results of revisions, experiments or runs",
    "export-clips": "write a benchmark's clips in a layout that other codebases read",
    "export-model": "make a model to use of an evaluated encoder",
    "import-released": "convert a checkpoint that the authors of HA-CM or MAMP released",
    "lineage": "trace where a result comes from, and what depends on an input",
    "migrate": "turn a project worked in at commit aaa4aa5 into one of today's code; nothing computed is lost",
    "new-dataset": "look at a folder of recordings, and write what makes a data set of it",
    "record": "keep results as published records, and make the docs' tables of them",
    "sweep": "run the graph under many settings, and tabulate the results",
}
"""Commands that work on a project, each with its line of help; their code is in stages/tools."""

PARAMS, STAGES = Path("params.yaml"), Path("stages")


def main() -> None:
    """The console script."""
    words = sys.argv[1:]
    run_program(lambda: call(words), RESUMES if words[:1] == ["sweep"] else STARTS_AGAIN)


def call(words: list[str]) -> int:
    """Carry out what was typed after `hacm`; the exit code. UserError for a command that there is not."""
    if not words or words[0] in ("-h", "--help"):
        print(help_text())
    elif words[0] == "--version":
        print(f"hacm {__version__}")
    elif words[0] == "--completion":
        print(completion(words[1:]))
    elif words[0] in TOOLS:
        call_tool(words[0], words[1:])
    elif words[0] in COMMANDS:
        sys.argv = [f"hacm {words[0]}", *words[1:]]
        return int(importlib.import_module(f"hacm.commands.{words[0]}").main() or 0)
    elif PARAMS.exists() and has_own_code():
        call_own_code()  # which may know the command
    else:
        raise UserError(f"{words[0]}: no such command; hacm --help lists them")
    return 0


def completion(words: list[str]) -> str:
    """The script by which a shell completes commands, options and names of models."""
    from hacm.completion import SHELLS, write_completion

    if len(words) != 1:
        raise UserError(f"--completion: say which shell, {' or '.join(SHELLS)}")
    modules = {name: f"hacm.commands.{name}" for name in COMMANDS}
    if (Path(__file__).parents[1] / STAGES).is_dir():
        put_first(Path(__file__).parents[1])
        modules |= {name: f"stages.tools.{name.replace('-', '_')}" for name in TOOLS}
    return write_completion(words[0], {name: (COMMANDS | TOOLS)[name] for name in modules}, modules)


def help_text() -> str:
    """The commands, a line each."""
    width = max(map(len, COMMANDS | TOOLS))
    using, working = ([f"  {name:<{width}}  {line}" for name, line in group.items()] for group in (COMMANDS, TOOLS))
    return "\n".join(
        (
            "usage: hacm COMMAND [--help] …",
            "",
            "Self-supervised skeleton action recognition with HA-CM. The stages of the graph: python -m stages",
            "",
            "With a trained model, anywhere:",
            *using,
            "",
            "On a project (a clone's top folder):",
            *working,
            "",
            "  --help              this text; after a command: its options",
            "  --version           the version",
            "  --completion SHELL  the script by which bash or zsh completes what is typed (docs/use.md)",
            "",
            "Exit codes: 0 done, 1 a mistake that you can mend, 2 a check that did not pass.",
            "HACM_TRACEBACK=1 shows the traceback of every error.",
            "example: hacm predict recordings/ --model FOLDER",
        )
    )


def call_tool(name: str, words: list[str]) -> None:
    """Call a tool of the project in the current folder, with the code of that project."""
    expect_project(name)
    if has_own_code():
        call_own_code()
        return
    put_first(Path.cwd())
    sys.argv = [f"hacm {name}", *words]
    importlib.import_module(f"stages.tools.{name.replace('-', '_')}").main()


def expect_project(name: str) -> None:
    """UserError unless the current folder is a project's, with the way to one."""
    missing = next((path for path in (PARAMS, STAGES) if not path.exists()), None)
    if missing is None:
        return
    if (Path(__file__).parents[1] / STAGES).is_dir():
        raise UserError(f"hacm {name} works on a project: run it in a clone's top folder (no {missing} here)")
    raise UserError(
        f"hacm {name} works on a project (no {missing} here), and hacm was installed without one: git clone its "
        "repository, run make there, then this command"
    )


def has_own_code() -> bool:
    """Whether there is a copy of this package in the current folder, and it is not this one."""
    own = Path("hacm", "__main__.py")
    return own.is_file() and own.resolve() != Path(__file__).resolve()


def call_own_code() -> None:
    """Start again with the project's own copy of this package, as `python -m hacm` would have from the beginning."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "hacm"]:
        del sys.modules[name]
    put_first(Path.cwd())
    runpy.run_module("hacm", run_name="__main__", alter_sys=True)


def put_first(folder: Path) -> None:
    """Import from this folder before any other."""
    if sys.path[0] != str(folder):
        sys.path.insert(0, str(folder))


if __name__ == "__main__":
    main()
