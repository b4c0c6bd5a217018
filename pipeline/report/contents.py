"""What the report says and in which order: sections of blocks, from which the page and the Markdown are written."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.report import (
    ablations,
    answers,
    charts,
    condition_charts,
    conditions,
    landscapes,
    look_charts,
    moment_drawings,
    players,
    reliability,
    skeletons,
)
from pipeline.report.audits import Audit, Finding
from pipeline.report.blocks import (
    Block,
    Bullets,
    Code,
    Figure,
    Figures,
    Folded,
    Report,
    Section,
    Tabular,
    Text,
)
from pipeline.report.collecting import Benchmark, Dataset, Results, Run
from pipeline.report.comparisons import Comparison
from pipeline.report.formatting import protocol_name
from pipeline.report.model import Example, TreeJoint
from pipeline.report.numbering import number_blocks
from pipeline.report.pooled import pooled_table
from pipeline.report.published import LABEL, SOURCES, Published, split_published
from pipeline.report.table_model import SYNTHETIC
from pipeline.report.tables import accuracy, data, parameters, published_figures, run_origins


def compose(results: Results, comparisons: Mapping[str, Comparison]) -> Report:
    """The report on these results. comparisons: of each benchmark with more than one variant or seed, by its name."""
    names = [benchmark.name for benchmark in results.benchmarks if benchmark.synthetic]
    names += [dataset.name for dataset in results.datasets if dataset.audit.synthetic]
    runs = [run for entry in results.benchmarks for run in (*entry.runs, *entry.left_out)]
    protocols = dict.fromkeys(protocol_name(run.protocol) for run in runs)
    protocols |= dict.fromkeys(protocol_name("transfer") for _ in results.transfers)
    benchmarks = ", ".join(benchmark.title for benchmark in results.benchmarks)
    sections = [
        _results_section(results, comparisons),
        *(_conditions_section(benchmark) for benchmark in results.benchmarks if _has_conditions(benchmark)),
        *(
            _benchmark_section(benchmark, results.audit(benchmark.dataset), _tree_of(results, benchmark))
            for benchmark in results.benchmarks
        ),
        *(_hierarchy_section(dataset) for dataset in results.datasets),
        *(_audit_section(dataset) for dataset in results.datasets),
        _published_section(results),
        _run_section(results),
        _reproduce_section(results),
    ]
    found = (answers.answer(benchmark, comparisons[benchmark.name]) for benchmark in results.benchmarks)
    report = Report(
        title=answers.title(results),
        summary=(
            f"Benchmarks: {benchmarks}. Protocols: {', '.join(protocols)}.{_variants_and_seeds(results)}"
            f"{_two_dimensions(results)}"
        ),
        synthetic=tuple(dict.fromkeys(names)),
        sections=tuple(sections),
        answers=tuple(filter(None, found)),
    )
    return number_blocks(report)


def _run_section(results: Results) -> Section:
    """What was run on what, with which settings; the origin of every result on demand where there are many."""
    origin: Block = Tabular(run_origins.origin_table(results))
    if any(benchmark.several for benchmark in results.benchmarks):
        origin = Folded("Origin of each result", (origin,))
    used = [parameters.parameters_table(benchmark) for benchmark in results.benchmarks]
    used += [parameters.changes_table(benchmark) for benchmark in results.benchmarks]
    tables = tuple(Tabular(table) for table in used if table is not None)
    settings = [Folded("Every parameter as used", tables)] if tables else []
    return Section("What was run", "run", (Tabular(run_origins.runs_table(results)), *settings, origin))


def _variants_and_seeds(results: Results) -> str:
    """Named where there are several; they are the same for all benchmarks."""
    first = results.benchmarks[0]
    if not first.several:
        return ""
    return f" Variants: {', '.join(first.variants)}. Seeds: {', '.join(map(str, first.seeds))}."


def _two_dimensions(results: Results) -> str:
    """Which benchmarks know places in a picture only, where there are such."""
    names = [benchmark.title for benchmark in results.benchmarks if benchmark.dimensions == 2]
    return f" Of two dimensions, scaled to the size of the body: {', '.join(names)}." if names else ""


def _results_section(results: Results, comparisons: Mapping[str, Comparison]) -> Section:
    pooled = pooled_table(results, comparisons)
    blocks: tuple[Block, ...] = (
        *([] if pooled is None else [Tabular(pooled)]),
        *(block for benchmark in results.benchmarks for block in _variants_blocks(benchmark, comparisons)),
        *(Tabular(ablations.left_out_table(benchmark)) for benchmark in results.benchmarks if benchmark.left_out),
        *([Tabular(ablations.transfer_table(results))] if results.transfers else []),
        *(_test_blocks(results, comparisons) if any(benchmark.runs for benchmark in results.benchmarks) else []),
        Folded("The ridge baseline on its own", (Tabular(accuracy.baseline_table(results)),)),
    )
    return Section("Results", "results", blocks)


def _test_blocks(results: Results, comparisons: Mapping[str, Comparison]) -> list[Block]:
    """What was measured on test clips: the table, and beside the chart what follows from it."""
    runs = [(benchmark, run) for benchmark in results.benchmarks for run in benchmark.drawn]
    titles = [_run_title(run) + (f" {SYNTHETIC}" if benchmark.synthetic else "") for benchmark, run in runs]
    conclusions = tuple(
        (title, accuracy.conclude(run, comparisons[benchmark.name]))
        for title, (benchmark, run) in zip(titles, runs, strict=True)
    )
    groups = [answers.group(benchmark, run, title) for title, (benchmark, run) in zip(titles, runs, strict=True)]
    figure = Figure(
        charts.interval_chart(groups, "intervals"),
        "Top-1 accuracy with its bootstrap 95 % interval over test clips, beside both controls.",
        any(benchmark.synthetic for benchmark in results.benchmarks),
    )
    return [Tabular(accuracy.results_table(results)), Figures((figure,), beside=(Bullets(conclusions),))]


def _variants_blocks(benchmark: Benchmark, comparisons: Mapping[str, Comparison]) -> list[Block]:
    """The ablation table and the paired differences, where there is more than one variant or seed."""
    if not benchmark.several or not benchmark.runs:
        return []
    comparison = comparisons[benchmark.name]
    title = f"Controls and variants against {benchmark.reference} on {benchmark.name}, clip by clip"
    return [
        Tabular(ablations.variants_table(benchmark, comparison)),
        Folded(title, (Tabular(ablations.differences_table(benchmark, comparison)),)),
        Text(f"Below, {benchmark.name} is shown in full for {benchmark.reference} from seed {benchmark.seeds[0]}."),
    ]


def _has_conditions(benchmark: Benchmark) -> bool:
    return any(run.conditions for run in benchmark.runs)


def _conditions_section(benchmark: Benchmark) -> Section:
    """Accuracy against level, drawn and as tables, protocol by protocol."""
    blocks: list[Block] = []
    for protocol in benchmark.protocols:
        key = f"{benchmark.name}-{protocol}"
        figures = [
            Figure(
                condition_charts.conditions_chart(entries, benchmark.reference, kind, f"conditions-{key}-{number}"),
                f"{benchmark.name}, {protocol_name(protocol)}: top-1 against {kind}.",
                benchmark.synthetic,
            )
            for number, (kind, entries) in enumerate(conditions.series(benchmark, protocol).items())
        ]
        blocks += [Figures(tuple(figures))] if figures else []
        blocks += [Tabular(table) for table in conditions.conditions_tables(benchmark, protocol)]
    return Section(f"Conditions on {benchmark.name}", f"conditions-{benchmark.name}", tuple(blocks))


def _run_title(run: Run) -> str:
    mark = "" if run.details.dimensions == 3 else f" [{run.details.dimensions}-D]"
    return f"{run.benchmark}{mark}, {protocol_name(run.protocol)}"


def _benchmark_section(benchmark: Benchmark, audit: Audit, tree: Sequence[TreeJoint]) -> Section:
    name, mark, pretraining = benchmark.name, benchmark.synthetic, benchmark.pretraining
    loss = Figure(
        charts.loss_chart(pretraining.losses, f"loss-{name}"),
        f"Pretraining on {name}: mean loss of each epoch over {pretraining.metrics.clips:,} clips. Scales differ.",
        mark,
    )
    assert pretraining.example is not None, "read_results reads it of the pretraining that is drawn"
    strips, grids = _example_figures(pretraining.example, name, mark)
    watched = any(row.knn_top1 is not None for row in pretraining.losses)
    looks = (_look_figure(benchmark),) if watched else ()
    moving = players.example_block(pretraining.example, tree, mark)
    blocks: list[Block] = [Figures((loss, *looks, *grids)), moving, *(Figures((strip,)) for strip in strips)]
    for run in benchmark.drawn:
        blocks += [_run_figures(run, audit), *_landscape_blocks(run), *_reliability_blocks(run)]
    return Section(f"Benchmark {name}", f"benchmark-{name}", tuple(blocks))


def _look_figure(benchmark: Benchmark) -> Figure:
    return Figure(
        look_charts.look_chart(benchmark.pretraining.losses, f"looks-{benchmark.name}"),
        f"Pretraining on {benchmark.name}: how many of the training clips their nearest neighbour among other subjects'"
        " clips names right. No test subject is looked at, and nothing of the training follows from it.",
        benchmark.synthetic,
    )


def _tree_of(results: Results, benchmark: Benchmark) -> Sequence[TreeJoint]:
    """The joint hierarchy of its data set; empty where the report does not cover that."""
    return next((dataset.tree for dataset in results.datasets if dataset.name == benchmark.dataset), ())


def _landscape_blocks(run: Run) -> list[Block]:
    """The features of the test clips, pretrained and untrained, and the neighbours of one that is misread."""
    if not run.landscape:
        return []
    title, mark, names = _run_title(run), run.details.synthetic, accuracy.class_names(run)
    guesses = [[names[label] for label in found] for found in run.guesses]
    strangers = [replace(spot, place=spot.random_place, neighbours=()) for spot in run.landscape]
    sides = (
        ("pretrained", run.landscape, guesses[0], run.details.explained),
        ("random weights", strangers, guesses[1], run.details.random_explained),
    )
    figures = tuple(
        Figure(
            landscapes.landscape_chart(
                spots, guess, names, landscapes.Plane(f"Test clips, {side}", shares),
                f"landscape-{side.replace(' ', '-')}-{run.benchmark}-{run.protocol}",
            ),
            f"{title}, {side}: the features of every test clip, by their two principal components. The pointer names a"
            f" clip{', and choosing it its five nearest training clips' * (spots is run.landscape)}.",
            mark,
        )
        for side, spots, guess, shares in sides
    )  # fmt: skip
    nearest = landscapes.nearest_table(run.landscape, guesses[0], names, synthetic=mark)
    return [Figures(figures), *([Tabular(nearest)] if nearest else [])]


def _reliability_blocks(run: Run) -> list[Block]:
    if run.scores is None or run.protocol in reliability.VOTES:
        return []
    bins = reliability.bin_confidences(run.scores.scores_NK, run.scores.label_N)
    title = _run_title(run)
    error = 100 * reliability.expected_error(bins)
    figure = Figure(
        reliability.reliability_chart(bins, f"reliability-{run.benchmark}-{run.protocol}"),
        f"{title}: how often it is right against how sure it is (softmax of its scores); on the broken line both are"
        f" equal. Expected calibration error, {reliability.BINS} bins: {error:.1f} %.",
        run.details.synthetic,
    )
    word = "overconfident" if sum(one.clips * (one.confidence - one.accuracy) for one in bins) > 0 else "underconfident"
    said = Text(f"{title}: expected calibration error {error:.1f} %; {word} on the whole.")
    return [Figures((figure,), beside=(said,))]


def _labels(names: Sequence[str], audit: Audit) -> list[str]:
    """What the data set numbers classes by; those that it does not know keep their names."""
    known = {entry.name: str(entry.label) for entry in audit.classes}
    return [known.get(name, name) for name in names]


def _run_figures(run: Run, audit: Audit) -> Figures:
    """Classes and confusions of one protocol, drawn, and the commonest confusions as a table."""
    title, key, mark = _run_title(run), f"{run.benchmark}-{run.protocol}", run.details.synthetic
    names = accuracy.class_names(run)
    labels = _labels(names, audit)
    numbered = "" if len(names) <= charts.NAMED_CLASSES else " Classes are numbered as in the audit."
    classes = Figure(
        charts.class_chart(run.classes, f"classes-{key}"),
        f"{title}: accuracy of each class, sorted, with Wilson's 95 % interval over its clips; the thin bar is the same"
        " encoder with random weights.",
        mark,
    )
    confusion = Figure(
        charts.confusion_chart(run.predictions, names, labels, f"confusion-{key}"),
        f"{title}: confusion matrix, rows normalised, colour by the square root of the share; a cell opens the list of"
        f" its clips.{numbered}",
        mark,
    )
    confused = accuracy.confused_table(run)
    beside = (Tabular(confused),) if confused else ()
    return Figures((classes, confusion), beside=beside, tall=0 if len(names) > charts.NAMED_CLASSES // 2 else 1)


def _example_figures(example: Example, name: str, synthetic: bool) -> tuple[list[Figure], list[Figure]]:
    """One clip with its masked joints: strips of poses and masks as grids, one of each a body."""
    present = [
        number
        for number, body in enumerate(example.bodies)
        if any(coordinate for frame in body for joint in frame for coordinate in joint)
    ]
    strips, grids = [], []
    for body in present:
        mask = example.masked[body]
        hidden, tokens = sum(map(sum, mask)), len(mask) * len(example.kept)
        title = f"Body {body + 1} of clip {example.name} ({example.label})"
        share = f"{hidden} of {tokens} tokens are masked ({100 * hidden / max(tokens, 1):.1f} %)"
        strips.append(
            Figure(
                skeletons.pose_strip(example, body, f"poses-{name}-{body}"),
                f"{title}: the pose amid each segment of {example.segment} frames, as the camera sees it; {share}."
                " Numbers are segments.",
                synthetic,
                wide=True,
            )
        )
        grids.append(
            Figure(
                skeletons.mask_grid(example, body, f"mask-{name}-{body}"),
                f"{title}: the tokens that the encoder sees, in the colour of their branch; the rest is masked.",
                synthetic,
            )
        )
    return strips, grids


def _hierarchy_section(dataset: Dataset) -> Section:
    part = "" if skeletons.is_planar(dataset.tree) else " The embedding has more dimensions; the first two are drawn."
    figure = Figure(
        skeletons.disk_chart(dataset.tree, f"disk-{dataset.name}"),
        f"{dataset.name}: the kinematic tree embedded in the Poincaré ball, bones as geodesics. A joint's distance from"
        f" the centre is its level in the hierarchy.{part}",
        dataset.audit.synthetic,
    )
    facts = Text(
        f"Edge lengths are mean bone lengths of the training split. The per-frame joint hierarchies map"
        f" {dataset.hierarchy.scale:g} tangent units per metre into the ball."
    )
    blocks = Figures((figure,), beside=(facts, Tabular(data.distortion_table(dataset))))
    return Section(f"Joint hierarchy of {dataset.name}", f"hierarchy-{dataset.name}", (blocks,))


def _audit_section(dataset: Dataset) -> Section:
    audit = dataset.audit
    bodies = ", ".join(
        f"{clips:,} with {count} {'body' if count == '1' else 'bodies'}" for count, clips in audit.bodies.items()
    )
    frames = audit.frames
    people = f" by {len(audit.subjects)} subjects" if audit.subjects else ""
    facts = Text(
        f"{audit.clips:,} clips of {len(audit.classes)} classes{people} ({bodies});"
        f" {audit.excluded:,} excluded. Frames per clip: {frames.least:,} to {frames.most:,}, median {frames.median:g};"
        f" {frames.total:,} in all. Skeleton: {audit.topology}."
        + (" These recordings are synthetic." if audit.synthetic else "")
    )
    blocks: list[Block] = [facts]
    if audit.findings:
        blocks.append(Bullets(tuple((_lead(finding), finding.text) for finding in audit.findings)))
    if audit.worst:
        figures = (_worst_figure(audit, number) for number in range(len(audit.worst)))
        moving = (players.moment_block(moment, audit.synthetic) for moment in audit.worst)
        blocks.append(Folded("The worst clips, drawn", (Figures(tuple(figures)), *moving)))
    blocks += [Tabular(table) for table in data.audit_tables(audit)]
    details = tuple(Tabular(table) for table in data.detail_tables(audit))
    blocks.append(Folded("Each class, subject and excluded clip", details))
    return Section(f"Audit of {audit.dataset}", f"audit-{audit.dataset}", tuple(blocks))


def _lead(finding: Finding) -> str:
    return f"{finding.severity}, {finding.kind}" if finding.kind else finding.severity


def _worst_figure(audit: Audit, number: int) -> Figure:
    moment = audit.worst[number]
    joints = f", {', '.join(moment.joints)}" if 0 < len(moment.joints) < 4 else ""
    return Figure(
        moment_drawings.pose_row(moment, f"worst-{audit.dataset}-{number}"),
        f"{moment.kind}: clip {moment.clip}, body {moment.body + 1}, frame {moment.frame}{joints}. Numbers are frames;"
        " the joints in question are filled.",
        audit.synthetic,
    )


def _published_section(results: Results) -> Section:
    datasets = {benchmark.dataset for benchmark in results.benchmarks if not benchmark.synthetic}
    protocols = {run.protocol for benchmark in results.benchmarks for run in benchmark.runs}
    protocols |= {"transfer" for _ in results.transfers}
    shown, others = split_published(datasets, protocols)
    blocks: list[Block] = [
        Text("Top-1 on the joint stream, as reported by papers; none of it was measured by this project.")
    ]
    blocks += _published_blocks(shown)
    if others:
        why = Text("Data sets or protocols that this report does not cover: no number above compares with these.")
        blocks.append(Folded(f"Other data sets and protocols: {LABEL}", (why, *_published_blocks(others))))
    return Section("Published figures", "published", tuple(blocks), published=True)


def _published_blocks(figures: Sequence[Published]) -> list[Block]:
    methods = dict.fromkeys(figure.method for figure in figures)
    sources = Bullets(tuple((method, f"{SOURCES[method]}.") for method in methods))
    return [*(Tabular(table) for table in published_figures.published_tables(figures)), *([sources] if methods else [])]


def _reproduce_section(results: Results) -> Section:
    details = [run.details for benchmark in results.benchmarks for run in (*benchmark.runs, *benchmark.left_out)]
    commits = list(dict.fromkeys(entry.code or "unknown" for entry in details))
    steps = f"git checkout {commits[0]}\npip install -c constraints.txt -e .\ndvc repro"
    blocks: list[Block] = [
        Text("Every number is a function of the code, params.yaml and the data named here, and every draw is seeded."),
        Code(steps),
    ]
    if len(commits) > 1:
        blocks.append(Text(f"The results come from more than one commit: {', '.join(commits)}."))
    if any(entry.dirty for entry in details):
        blocks.append(Text("Some results were computed with uncommitted changes: the commit alone does not give them."))
    if any(not benchmark.synthetic for benchmark in results.benchmarks):
        blocks.append(Text("Data sets that must be requested from their authors have to be in place first."))
    blocks += [Text("Equal hashes mean equal data and equal weights."), Tabular(run_origins.version_table(results))]
    return Section("How to reproduce", "reproduce", tuple(blocks))
