"""Convert recordings from any format that is read into another, and say what is lost.

A file with a known ending gets the one recording that there is; a folder gets a file for each. Places are written in
metres with y up; those in a picture as they are.
"""

from pathlib import Path

from hacm.command_line import Parser, answer_early, parser
from hacm.commands import inputs

SUFFIXES = (".npz", ".npy", ".csv", ".parquet", ".trc", ".skeleton")


def command_line() -> Parser:
    """What may follow the program's name."""
    result = parser(__doc__, "take.bvh take.npz")
    result.add_argument("source", metavar="IN", type=Path, help="file, folder or archive of recordings")
    result.add_argument(
        "out", metavar="OUT", type=Path, help=f"new file ({', '.join(SUFFIXES)}), or new folder for several"
    )
    result.add_argument("--to", choices=[one[1:] for one in SUFFIXES], default="npz", help="of a folder: the format")
    result.add_argument("--skeleton", metavar="NAME", help="of .npz, .npy, .csv and prepared files: whose joints")
    result.add_argument("--fps", type=float, metavar="N", help="of files that do not say: frames per second")
    result.add_argument(
        "--unit", default="m", metavar="UNIT", help="of files that do not say: m, cm, mm, in, ft, or a number of metres"
    )
    result.add_argument(
        "--up", choices=inputs.UP, default="y", help="of files that do not say: the axis that points up"
    )
    return result


answer_early(command_line, __name__)

import argparse
from collections.abc import Iterator
from dataclasses import replace

from hacm.errors import USER_MISTAKE, BadRecording, UserError
from hacm.files import replace_file
from hacm.models.plausibility import metres_of
from hacm.recordings import Excluded, Recording
from hacm.recordings.arrays import NO_FPS, ArrayReader
from hacm.recordings.conversion import WRITERS, WholeFinder, content_of, write
from hacm.recordings.notes import reason_of
from hacm.skeletons.shipped import KINECT_V2, TOPOLOGIES


def main() -> int:
    """Write recordings in another format, and say what is lost."""
    options = command_line().parse_args()
    single = options.out.suffix.lower() in WRITERS
    if options.out.exists():
        raise UserError(f"{options.out}: exists; name a new {'file' if single else 'folder'}")
    if not single and options.out.suffix:
        raise UserError(f"{options.out}: must end in one of {', '.join(WRITERS)}, or be a folder")
    suffix = options.out.suffix.lower() if single else f".{options.to}"
    metres = metres_of(inputs.parse_unit(options.unit))
    unread: list[inputs.Unread] = []
    lost: dict[str, list[str]] = {}
    written = 0
    for found in inputs.counted("recordings converted", find(options, metres)):
        name = found.name if isinstance(found, Excluded) else found.identity.name
        try:
            if isinstance(found, Excluded):
                raise BadRecording(found.reason)
            if single and written:
                raise UserError(f"{options.source}: several recordings, and {options.out} holds one; name a folder")
            content = content_of(found, metres, options.up, options.fps)
            data, gone = write(content, suffix)
        except BadRecording as reason:
            unread.append(inputs.Unread(name, str(reason_of(reason))))
            continue
        path = options.out if single else options.out / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as temporary:
            temporary.write_bytes(data)
        written += 1
        for one in gone:
            lost.setdefault(one, []).append(name)
    for words, names in lost.items():
        print(f"lost: {words}" + (f" (in {len(names)} of {written})" if written > 1 else ""))
    print(f"{options.out}: {written} recording{'s' if written != 1 else ''}")
    return USER_MISTAKE if inputs.tell_unread(unread) else 0


def find(options: argparse.Namespace, metres: float) -> Iterator[Recording | Excluded]:
    """The recordings, poses whole."""
    if options.skeleton is not None and options.skeleton not in TOPOLOGIES:
        raise UserError(f"--skeleton {options.skeleton}: none of {', '.join(TOPOLOGIES)}")
    topology = KINECT_V2 if options.skeleton is None else TOPOLOGIES[options.skeleton]
    arrays = ArrayReader(topology, fps=options.fps, metres=metres, up=options.up, nameless=True)
    for found in WholeFinder(arrays, topology).find(options.source):
        if isinstance(found, Excluded) and NO_FPS in str(found.reason):
            found = replace(found, reason=f"{found.reason}; say --fps")
        yield found


if __name__ == "__main__":
    main()
