"""NTU RGB+D 60 and 120 (Shahroudy et al., CVPR 2016; Liu et al., TPAMI 2020)."""

from hacm.skeletons.shipped import KINECT_V2
from pipeline.datasets.definition import Archive, DataSet
from pipeline.datasets.layouts import NtuGrid
from pipeline.datasets.splits import SplitRule

NTU60_TRAIN = frozenset({1, 2, 4, 5, 8, 9, *range(13, 20), 25, 27, 28, 31, 34, 35, 38})
"""Performers of NTU RGB+D 60's cross-subject training part (Shahroudy et al., CVPR 2016)."""

NTU120_TRAIN = NTU60_TRAIN | {
    45, 46, 47, 49, 50, *range(52, 60), 70, 74, 78, *range(80, 87), 89, *range(91, 96), 97, 98, 100, 103,
}  # fmt: skip
"""Performers of NTU RGB+D 120's cross-subject training part (Liu et al., TPAMI 2020)."""

NTU60_ARCHIVE = Archive("nturgbd_skeletons_s001_to_s017.zip")
NTU120_ARCHIVE = Archive("nturgbd_skeletons_s018_to_s032.zip")

# Setups and the actions recorded in them. A group is 3 cameras × 60 actions: 316 make 56,880 files, 636 make 114,480.
NTU60_BLOCK = (range(1, 18), range(1, 61))
NTU120_BLOCK = (range(18, 33), range(61, 121))

NTU60 = DataSet(
    name="ntu60",
    title="NTU RGB+D",
    topology=KINECT_V2,
    reader="hacm.recordings.ntu",
    sources=((NTU60_ARCHIVE,),),
    folder="nturgb+d_skeletons",
    gated=True,
    missing="ntu-missing.txt",
    action_names="ntu-actions.txt",
    licence="for academic research, on request; may not be passed on",
    page="https://rose1.ntu.edu.sg/dataset/actionRecognition/",
    clips=56_880,
    splits={"xsub": SplitRule("subject", NTU60_TRAIN), "xview": SplitRule("camera", frozenset({2, 3}))},
    expected={"xsub": (40_091, 16_487), "xview": (37_646, 18_932)},
    grid=NtuGrid((NTU60_BLOCK,), groups=316),
)

NTU120 = DataSet(
    name="ntu120",
    title="NTU RGB+D 120",
    topology=KINECT_V2,
    reader="hacm.recordings.ntu",
    sources=((NTU60_ARCHIVE, NTU120_ARCHIVE),),
    folder="nturgb+d_skeletons",
    gated=True,
    missing="ntu-missing.txt",
    action_names="ntu-actions.txt",
    licence="for academic research, on request; may not be passed on",
    page="https://rose1.ntu.edu.sg/dataset/actionRecognition/",
    clips=114_480,
    splits={
        "xsub": SplitRule("subject", NTU120_TRAIN),
        "xset": SplitRule("setup", frozenset(range(2, 33, 2))),
    },
    expected={"xsub": (63_026, 50_919), "xset": (54_468, 59_477)},
    grid=NtuGrid((NTU60_BLOCK, NTU120_BLOCK), groups=636),
)

DATASETS = (NTU60, NTU120)
