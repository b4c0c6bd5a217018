"""README.md beside an exported graph: how it is used without this project, in words."""

from collections.abc import Iterator

from hacm.exporting.facts import facts_of
from hacm.exporting.graph import Graph

MEANING = {
    "features": "float32 (clips, {width}): what the encoder says of a clip",
    "scores": "float32 (clips, {classes}): of each class, in the order of `classes` in facts.json",
    "probabilities": "float32 (clips, {classes}): softmax of scores / {temperature:.4g}",
    "distance": "float32 (clips): to the nearest training clip; a clip beyond {threshold:.4g} is unlike anything in "
    "training, and what is said of it should not be relied on",
}
RUN_ONNX = """session = onnxruntime.InferenceSession("{file}")
outputs = dict(zip(facts["outputs"], session.run(facts["outputs"], inputs)))"""
RUN_TORCH = """program = torch.export.load("{file}").module()
outputs = dict(zip(facts["outputs"], program(*map(torch.from_numpy, inputs.values()))))"""


def write_readme(graph: Graph, file: str) -> str:
    """How the graph in a file is used without this project, in words. Markdown."""
    return "\n".join([*_what(graph, file), *_use(graph, file), *_before(graph), *_inside(graph)]) + "\n"


def _what(graph: Graph, file: str) -> Iterator[str]:
    facts = facts_of(graph)
    part = "encoder and head" if graph.head is not None else "encoder"
    width = graph.width
    values = {"width": width, "classes": len(facts["classes"]), "temperature": facts["temperature"] or 1.0,
              "threshold": facts["threshold"] or 0.0}  # fmt: skip
    yield from (
        f"# {facts['model']}: {part}",
        "",
        f"`{file}` is the {part} of the model {facts['model']}, with the fixed part of the preprocessing. `card.md` "
        "says what it was trained on, what it reaches and what it must not be used for. Licence of the weights: "
        f"{graph.description.licence or 'not stated'}.",
        "",
        "| input | what it is |",
        "|---|---|",
        f"| `joints` | float32 (clips, {graph.bodies}, frames, {len(facts['joints'])}, 3): metres, y up; NaN where "
        "nothing was seen, and after a clip's last frame |",
        "| `frames` | int64 (clips): how many frames each clip has |",
        "",
        "The numbers of clips and of frames may be any. In the order of the outputs:",
        "",
        "| output | what it is |",
        "|---|---|",
        *(f"| `{name}` | {MEANING[name].format(**values)} |" for name in facts["outputs"]),
        "",
    )


def _use(graph: Graph, file: str) -> Iterator[str]:
    joints = len(graph.description.skeleton.joints)
    library, run = ("onnxruntime", RUN_ONNX) if file.endswith(".onnx") else ("torch", RUN_TORCH)
    yield from (
        "## Running it",
        "",
        f"`preprocessing.py` needs NumPy alone. `recording` is an array (frames, {joints}, 3).",
        "",
        "```python",
        "import json",
        "",
        f"import {library}",
        "from preprocessing import prepare",
        "",
        'facts = json.load(open("facts.json"))',
        "inputs = prepare([recording], facts)",
        *run.format(file=file).splitlines(),
    )
    if graph.head is not None:
        yield 'print(facts["classes"][int(outputs["probabilities"][0].argmax())])'
    if graph.measures:
        yield 'print("familiar" if outputs["distance"][0] <= facts["threshold"] else "unlike anything in training")'
    yield from ("```", "")


def _before(graph: Graph) -> Iterator[str]:
    facts = facts_of(graph)
    least, most = (frames / facts["fps"] for frames in facts["clip_frames"])
    yield from (
        "## Before the graph",
        "",
        "`preprocessing.prepare` does 3 to 5; 1 and 2 are yours.",
        "",
        f"1. One clip shows one movement, {least:.2g} to {most:.2g} s long in training. Give it {facts['fps']:g} "
        "frames per second: nothing in the graph knows the rate.",
        f"2. Coordinates are metres, y points up. Joints are those of `joints` in facts.json ({facts['skeleton']}), "
        "in that order, left and right as the person has them. The graph does not notice other units or axes.",
        "3. A joint with a coordinate that is not finite was not seen; in a frame of zeros nobody was.",
    )
    if facts["strategy"] == "standard":
        yield (
            "4. A body with a joint that was not seen is absent from that frame, and frames without any body are left "
            "out. Which of several tracks are people is for you to say: give those, the one that moves most first."
        )
    elif facts["missing"] == "leave":
        yield "4. Joints that were not seen stay so."
    else:
        how = {"interpolate": "lies on the line between the frames before and after", "hold": "stays where it was"}
        yield (
            f"4. A joint that was not seen for {facts['longest_gap']} frames or fewer, while others were, "
            f"{how[facts['missing']]}; at the beginning it is where it is first seen, at the end where it was last."
        )
    copied = "; one body alone is given twice" if facts["single_body"] == "copy" else ""
    absent = ", and so are bodies that are not there" if graph.bodies > 1 else ""
    yield from (f"5. Clips are padded to the longest with NaN{absent}{copied}.", "")


def _inside(graph: Graph) -> Iterator[str]:
    facts = facts_of(graph)
    yield from (
        "## Inside the graph, before the encoder",
        "",
        "`preprocessing.sequences` is the same in NumPy.",
        "",
        f"1. Frames after the first {facts['max_frames']} are cut off.",
    )
    if facts["translate"] == "first_frame":
        yield (
            f"2. Everything is moved so that {facts['joints'][facts['centre']]} of the first body, where it is first "
            "seen, is the origin. If it is never seen, all outputs are NaN."
        )
    else:
        yield "2. Nothing is moved."
    absent = (
        "A body that is never seen counts as zeros"
        if graph.description.absent_bodies == "keep"
        else "A body that is never seen does not count"
    )
    stream = {"joint": "", "motion": " Then each frame is taken from the next, the last one being 0.",
              "bone": " Then each joint's place is taken less that of the one it hangs on."}  # fmt: skip
    yield from (
        f"3. What was not seen is 0. {absent}; features are the mean over the bodies.",
        f"4. Of F frames the middle is kept: b = floor((1 − {facts['test_crop']:g}) · F / 2) go at either end.",
        f"5. What is left, L frames, is resampled linearly to {facts['frames']}: frame r is read at (r + ½) · L / "
        f"{facts['frames']} − ½, within the first and the last.{stream[facts['stream']]}",
    )
