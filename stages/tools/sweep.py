"""Run the graph under many settings, and show what came of each in one table and one chart. What is done stays done.

    hacm sweep tau --set train.masking.tau=0.7,0.8,0.9
    hacm sweep tau                                          # resumes, or shows

Points are DVC experiments (`--engine queue`: any key) or variants (`--engine snakemake`: keys of `train`). What a
sweep consists of, its table and its chart lie in sweeps/NAME.
"""

from pathlib import Path

from stages.shared import command

ENGINES = ("queue", "snakemake")


def command_line() -> command.Parser:
    """What may follow the program's name."""
    parser = command.parser(__doc__, example="tau --set train.masking.tau=0.7,0.8,0.9")
    parser.add_argument("name", metavar="NAME", help="name of the sweep; its points are called NAME-KEY-VALUE")
    given = parser.add_mutually_exclusive_group()
    given.add_argument(
        "--set", nargs="+", action="extend", metavar="KEY=VALUE,VALUE", help="every combination of these"
    )
    given.add_argument("--points", type=Path, metavar="FILE", help="YAML: a list of mappings from keys to values")
    parser.add_argument("--engine", choices=ENGINES, help="what runs it (queue, or what it was started with)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="points, or with snakemake cores, at a time")
    parser.add_argument("--show", action="store_true", help="run nothing, only show the results")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print JSON")
    output.add_argument("--markdown", action="store_true", help="print Markdown")
    return parser


command.answer_early(command_line, __name__)

import argparse
import json
import subprocess
from tempfile import TemporaryDirectory
from typing import Any

from hacm.errors import UserError
from hacm.files import read_json, replace_file, write_json
from pipeline import text_tables
from pipeline.comparison.result_sets import ResultSet
from pipeline.sweeps import experiments, sweep_results, variant_points
from pipeline.sweeps.points import Point, apply_settings, expect_in_force, name_points, parse_grid, read_list
from pipeline.yaml_tree import read_yaml, write_checked
from stages.shared import parameters, places
from stages.shared.progress import say, table_console


def main() -> None:
    options = command_line().parse_args()
    folder = places.sweep(options.name)
    engine, points = define(options, folder)
    if not options.show:
        check(points, engine)
        write_json(folder / "points.json", {"engine": engine, "points": [point.settings for point in points]})
        if engine == "queue":
            active = parameters.load(parameters.ACTIVE).get(parameters.ACTIVE)
            experiments.run_points(points, options.jobs, [places.raw(name) for name in active.datasets])
        else:
            run_variants(points, options.jobs)
    facts = sweep_results.gather_results(options.name, points, find_results(points, engine))
    write(facts, folder)
    show(facts, options)


def define(options: argparse.Namespace, folder: Path) -> tuple[str, list[Point]]:
    """Engine and points: as the options say, else as the sweep was begun."""
    path = folder / "points.json"
    begun: dict[str, Any] = read_json(path) if path.exists() else {}
    if options.set or options.points:
        settings = parse_grid(options.set) if options.set else read_list(options.points)
    elif begun:
        settings = begun["points"]
    else:
        raise UserError(f"{options.name}: no such sweep yet; say what it consists of (--set, --points)")
    return options.engine or begun.get("engine", ENGINES[0]), name_points(options.name, settings)


def check(points: list[Point], engine: str) -> None:
    """UserError for a point that params.yaml cannot take, or that would change nothing."""
    for point in points:
        tree = read_yaml(parameters.PARAMS_FILE)
        if engine == "queue":
            expect_in_force(tree, point.settings, parameters.PARAMS_FILE)
        apply_settings(tree, point.settings, parameters.PARAMS_FILE)
        with TemporaryDirectory() as folder:
            changed = Path(folder) / parameters.PARAMS_FILE
            try:
                write_checked(tree, parameters.PARAMS_FILE, changed, parameters.check_file)
            except UserError as error:
                raise UserError(f"{point.name}: {error}") from error


def run_variants(points: list[Point], cores: int) -> None:
    """Write them into params.yaml, and let Snakemake run what is missing of the graph."""
    variant_points.add_variants(points, parameters.PARAMS_FILE, parameters.check_file)
    command = ["snakemake", "--profile", "profiles/local", "--cores", str(cores)]
    if subprocess.run(command, check=False).returncode:
        raise UserError("snakemake failed; what it did is kept, the same command resumes")


def find_results(points: list[Point], engine: str) -> dict[str, str]:
    """Where the results of each point lie that is done."""
    if engine == "queue":
        return experiments.find_done(points)
    with TemporaryDirectory() as folder:
        names = {point.name: f"workspace:{point.name}" for point in points}
        return {name: meant for name, meant in names.items() if ResultSet(meant, Path(folder)).keys}


def write(facts: dict[str, Any], folder: Path) -> None:
    """table.json, table.md and chart.svg."""
    write_json(folder / "table.json", facts)
    with replace_file(folder / "table.md") as path:
        path.write_text(text_tables.markdown_page([sweep_results.tabulate_sweep(facts)]), encoding="utf-8")
    if any(point["results"] for point in facts["points"]):
        with replace_file(folder / "chart.svg") as path:
            sweep_results.draw_chart(facts, path)
        say(f"the chart: {(folder / 'chart.svg').resolve()}")


def show(facts: dict[str, Any], options: argparse.Namespace) -> None:
    """On standard output."""
    if options.json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    elif options.markdown:
        print(text_tables.markdown_page([sweep_results.tabulate_sweep(facts)]), end="")
    else:
        text_tables.show_tables(table_console(), [sweep_results.tabulate_sweep(facts)])
