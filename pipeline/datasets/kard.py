"""KARD, Kinect Activity Recognition Dataset, its joints in space (Gaglio, Lo Re, Morana, IEEE THMS 45(5), 2015)."""

from hacm.recordings.joint_lines import KARD_LINES
from hacm.skeletons.shipped import KARD_15
from pipeline.datasets.definition import Archive, DataSet
from pipeline.datasets.splits import SplitRule

KARD_XSUB = SplitRule("subject", frozenset({1, 3, 5, 7, 9}))
"""This project's own, laid down before anything was measured: odd train and even test, as in MSR Action3D."""

KARD = DataSet(
    name="kard",
    title="KARD",
    topology=KARD_15,
    reader=KARD_LINES,
    sources=(
        (
            Archive(
                "kard-realworld.tar.xz",
                sha256="1f0d42c94f24e5b8324c08e09dca0c8c2d2f489a1dede9582db935b4b002543b",
            ),
        ),
    ),
    contents="the texts a01_s01_e01_realworld.txt to a18_s10_e03_realworld.txt",
    checksums="kard.sha256",
    action_names="kard-actions.txt",
    licence="not seen; neither the recordings nor weights trained on them are passed on here",
    page="https://data.mendeley.com/datasets/k28dtm7tr6/1",
    clips=540,
    splits={"xsub": KARD_XSUB},
    expected={"xsub": (270, 270)},
)

DATASETS = (KARD,)
