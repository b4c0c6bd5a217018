"""UTD-MHAD (Chen, Jafari, Kehtarnavaz, ICIP 2015)."""

from hacm.skeletons.shipped import KINECT_V1
from pipeline.datasets.definition import Archive, DataSet
from pipeline.datasets.splits import SplitRule

UTD_MHAD_XSUB = SplitRule("subject", frozenset({1, 3, 5, 7}))

UTD_MHAD = DataSet(
    name="utd-mhad",
    title="UTD-MHAD",
    topology=KINECT_V1,
    reader="hacm.recordings.utd_mhad",
    sources=(
        # The first host has been seen to send an incomplete certificate chain; the content is checked either way.
        (
            Archive(
                "Skeleton.zip",
                addresses=(
                    "https://personal.utdallas.edu/~kehtar/UTD-MAD/Skeleton.zip",
                    "http://www.utdallas.edu/~kehtar/UTD-MAD/Skeleton.zip",
                ),
            ),
        ),
        (
            Archive(
                "utd-mhad-skeleton.tar.xz",
                sha256="7ae26ca6191872136df8e7a4209b73fb93bfa17a71ab348f306216e3c8f20c3c",
            ),
        ),
    ),
    folder="Skeleton",
    checksums="utd-mhad.sha256",
    action_names="utd-mhad-actions.txt",
    licence="authors: 'freely available', 'public domain dataset' (Chen, Jafari, Kehtarnavaz, ICIP 2015)",
    page="https://personal.utdallas.edu/~kehtar/UTD-MHAD.html",
    clips=861,
    splits={"xsub": UTD_MHAD_XSUB},
    expected={"xsub": (431, 430)},
)

DATASETS = (UTD_MHAD,)
