"""MSR Action3D, its skeletons in metres (Li, Zhang, Liu, CVPR4HB 2010)."""

from hacm.recordings.joint_lines import MSR_ACTION3D_LINES
from hacm.skeletons.shipped import MSR_ACTION3D as TOPOLOGY
from pipeline.datasets.definition import Archive, DataSet
from pipeline.datasets.splits import SplitRule

MSR_ACTION3D_XSUB = SplitRule("subject", frozenset({1, 3, 5, 7, 9}))

MSR_ACTION3D = DataSet(
    name="msr-action3d",
    title="MSR Action3D",
    topology=TOPOLOGY,
    reader=MSR_ACTION3D_LINES,
    sources=(
        (
            Archive(
                "msr-action3d-skeleton.tar.xz",
                sha256="b81a34d81094264c2b7ae119490a9089b196f5eebdf642376155bee007bf1d82",
            ),
        ),
    ),
    contents="the unpacked texts of MSRAction3DSkeletonReal3D.rar",
    checksums="msr-action3d.sha256",
    missing="msr-action3d-missing.txt",
    action_names="msr-action3d-actions.txt",
    licence="none stated; neither the recordings nor weights trained on them are passed on here",
    page="https://sites.google.com/view/wanqingli/data-sets/msr-action3d",
    clips=567,
    splits={"xsub": MSR_ACTION3D_XSUB},
    expected={"xsub": (284, 273)},
)

DATASETS = (MSR_ACTION3D,)
