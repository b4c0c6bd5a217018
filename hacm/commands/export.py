"""Write a trained model for other runtimes (ONNX, torch.export), or as a folder for Hugging Face's hub.

The folder says in words, in README.md, how it is used without this software.
"""

from pathlib import Path

from hacm.command_line import Parser, answer_early, parser
from hacm.commands import inputs


def command_line() -> Parser:
    """What may follow the program's name."""
    result = parser(__doc__, "utd-mhad --onnx --out utd-mhad-onnx")
    result.add_argument("model", metavar="MODEL", help=inputs.A_MODEL)
    forms = result.add_mutually_exclusive_group(required=True)
    forms.add_argument("--onnx", action="store_true", help="model.onnx, for onnxruntime and others")
    forms.add_argument("--torch-export", action="store_true", help="model.pt2, for PyTorch without this software")
    forms.add_argument(
        "--hugging-face", action="store_true", help="a folder that can be uploaded as it is; hacm takes it as a model"
    )
    result.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="new folder for it")
    result.add_argument(
        "--part",
        choices=("model", "encoder"),
        help="for --onnx and --torch-export: the encoder with its head, or alone (with the head if there is one)",
    )
    return result


answer_early(command_line, __name__)

from hacm.errors import UserError
from hacm.exporting.graph import Graph
from hacm.exporting.hugging_face import repository_name, save
from hacm.exporting.writing import FILES, Form, write
from hacm.models import folder
from hacm.models.finding import find


def main() -> None:
    """Write the model in the form that was asked for, into a new folder."""
    options = command_line().parse_args()
    if options.out.exists():
        raise UserError(f"--out {options.out}: exists; move it away or name a new folder")
    parts = folder.load(find(options.model))
    if options.hugging_face:
        if options.part is not None:
            raise UserError("--part: goes with --onnx and --torch-export; --hugging-face writes the whole model")
        save(options.out, parts)
        print(f"{options.out}: {parts.description.name}, to be used as it is: hacm predict PATH --model {options.out}")
        print(f"next: hf upload YOU/{repository_name(parts.description.name)} {options.out}")
        return
    form: Form = "onnx" if options.onnx else "torch-export"
    graph = Graph(parts, head=parts.head is not None if options.part is None else options.part == "model")
    write(options.out, graph, form)
    what = "encoder" if graph.head is None else "encoder and head"
    size = (options.out / FILES[form]).stat().st_size / 1e6
    print(f"{options.out}/{FILES[form]}: {what} of {parts.description.name}, {size:.1f} MB")
    print(f"next: {options.out}/README.md says how it is used")
