"""PKU-MMD, phases I and II."""

from dataclasses import replace

from hacm.skeletons.shipped import KINECT_V2
from pipeline.datasets.definition import DataSet
from pipeline.datasets.splits import SplitRule

PKU1 = DataSet(
    name="pku1",
    title="PKU-MMD phase I",
    topology=KINECT_V2,
    reader="hacm.recordings.pku_mmd",
    contents="the skeletons, the labels and both split files (as folders, .zip or .tar, and .txt)",
    gated=True,
    action_names="pku-mmd-actions.txt",
    licence="for academic research, on request; may not be passed on",
    page="https://www.icst.pku.edu.cn/struct/Projects/PKUMMD.html",
    classes=51,
    videos=1076,
    clips=21_545,
    splits={
        "xsub": SplitRule("xsub_part", frozenset({"train"})),
        "xview": SplitRule("xview_part", frozenset({"train"})),
    },
)

# 41 of the 51 actions occur; the number of clips is not stated.
PKU2 = replace(PKU1, name="pku2", title="PKU-MMD phase II", videos=1009, clips=None)

DATASETS = (PKU1, PKU2)
