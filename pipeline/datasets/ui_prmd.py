"""UI-PRMD, its Kinect part (Vakanski et al., Data 3(1):2, 2018)."""

import itertools

from hacm.skeletons.shipped import UI_PRMD
from pipeline.datasets.definition import Archive, DataSet
from pipeline.datasets.layouts import Listed
from pipeline.datasets.splits import SplitRule

UI_PRMD_XSUB = SplitRule("subject", frozenset({1, 3, 5, 7, 9}))
# Subject 7 moves the other side of the body than the rest of the training subjects do: held out, half of the movements
# are not recognised by anything (ridge on raw joints: 46 %), so it says nothing of settings.

UI_PRMD_KINECT = DataSet(
    name="ui-prmd",
    title="UI-PRMD (Kinect)",
    topology=UI_PRMD,
    reader="hacm.recordings.ui_prmd",
    sources=(
        (
            Archive(
                "ui-prmd-kinect.tar.bz2",
                sha256="0206f7bdb4b1970f0265b9dc3ed0bf6890143db294008e90366f65d951d792b6",
            ),
        ),
    ),
    contents="the Kinect part of 'Segmented Movements' and 'Incorrect Segmented Movements'",
    action_names="ui-prmd-actions.txt",
    licence="Open Data Commons PDDL 1.0 (Vakanski et al., Data 3(1):2, 2018)",
    page="https://webpages.uidaho.edu/ui-prmd/",
    clips=2000,
    splits={"xsub": UI_PRMD_XSUB},
    expected={"xsub": (1000, 1000)},
    grid=Listed(
        frozenset(
            f"m{movement:02}_s{subject:02}_e{execution:02}{ending}"
            for movement, subject, execution in itertools.product(range(1, 11), repeat=3)
            for ending in ("", "_inc")
        )
    ),
)

DATASETS = (UI_PRMD_KINECT,)
