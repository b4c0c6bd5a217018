"""Raw files put in place, and the stages run on them."""

import zipfile
from pathlib import Path

from pipeline.kinect_sim import SimulatorSettings, clips
from tests.conftest import run


def stage(place: Path, name: str, dataset: str, *options: str, **extra: str):
    done = run(place, "python", "-m", f"stages.{name}", "--dataset", dataset, *options, check=False, **extra)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def ntu_archive(path: Path, change: str = "") -> list[str]:
    """Recordings in NTU's format and names, in an archive named like the official one."""
    settings = SimulatorSettings(performers=(1, 2, 3, 6), actions=(6, 58), cameras=(1, 2))
    path.parent.mkdir(parents=True, exist_ok=True)
    names = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in clips(settings):
            archive.writestr(f"nturgb+d_skeletons/{name}.skeleton", data + change.encode())
            names.append(name)
    return names


def write_tree(folder: Path, texts: dict[str, bytes]) -> None:
    for name, content in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
