"""An exported model on disk: the graph, facts.json, preprocessing.py, README.md and the model's card in one folder."""

import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram
from torch.fx import GraphModule

from hacm.errors import UserError
from hacm.exporting import preprocessing
from hacm.exporting.facts import Facts, facts_of
from hacm.exporting.graph import Graph
from hacm.exporting.readme import write_readme
from hacm.files import encode_json, replace_directory
from hacm.models.card import write_card
from hacm.models.folder import CARD

Form = Literal["onnx", "torch-export"]
FILES: dict[Form, str] = {"onnx": "model.onnx", "torch-export": "model.pt2"}
INPUTS = ("joints", "frames")
OPSET = 18
"""Of ONNX: what runtimes of 2023 and later know."""
FACTS, README = "facts.json", "README.md"
DIMENSIONS = ("clips", "frames")


def write(folder: Path, graph: Graph, form: Form) -> None:
    """Write a graph and what goes with it in place of the folder. UserError where a library lacks."""
    program = trace(graph)
    facts = facts_of(graph)
    with replace_directory(folder) as temporary:
        path = temporary / FILES[form]
        if form == "onnx":
            write_onnx(path, program, facts)
        else:
            torch.export.save(program, path)
        (temporary / FACTS).write_bytes(encode_json(facts))
        (temporary / README).write_text(write_readme(graph, path.name), encoding="utf-8")
        (temporary / CARD).write_text(write_card(graph.description), encoding="utf-8")
        code = Path(preprocessing.__file__).read_text(encoding="utf-8")
        (temporary / "preprocessing.py").write_text(code, encoding="utf-8")


def trace(graph: Graph) -> ExportedProgram:
    """The graph for any number of clips of any length."""
    clips, frames = (Dim(name, min=1) for name in DIMENSIONS)
    with quietly():
        # strict: the parts of the project ask for the lengths of tensors, which are to stay unknown.
        program = torch.export.export(
            graph, example_of(graph), dynamic_shapes=({0: clips, 2: frames}, {0: clips}), strict=True
        )
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, GraphModule) else ():
            node.meta.pop("stack_trace", None)  # names this machine's files, and is a quarter of the exported one
    return program


def example_of(graph: Graph) -> tuple[Tensor, Tensor]:
    """Inputs of a size that no code can take for another."""
    joints = torch.zeros(3, graph.bodies, 41, len(graph.description.skeleton.joints), 3)
    return joints, torch.tensor([41, 30, 23])


def write_onnx(path: Path, program: ExportedProgram, facts: Facts) -> None:
    """One file, weights inside, and facts.json in its metadata. UserError without the extra `export`."""
    try:
        import onnx

        importlib.import_module("onnxscript")  # which torch.onnx needs
    except ImportError as error:
        raise UserError("ONNX needs two more libraries: pip install 'hacm-pipeline[export]'") from error
    with quietly():
        exported = torch.onnx.export(
            program, dynamo=True, opset_version=OPSET, input_names=INPUTS, output_names=facts["outputs"], verbose=False
        )
    assert exported is not None
    model = exported.model_proto
    name_dimensions(model.graph)
    for node in model.graph.node:
        del node.metadata_props[:]  # what the tracer knew of each
    onnx.helper.set_model_props(model, {"facts": encode_json(facts).decode()})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def name_dimensions(graph: Any) -> None:
    """Call the open dimensions of an onnx.GraphProto what they are, in place of the tracer's names."""
    joints = graph.input[0].type.tensor_type.shape.dim
    names = dict(zip((joints[0].dim_param, joints[2].dim_param), DIMENSIONS, strict=True))
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in names:
                dim.dim_param = names[dim.dim_param]


@contextmanager
def quietly() -> Iterator[None]:
    """What tracing says of libraries that are not installed and of its own code is not for the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
