"""What is absent from a data set, or does not belong to it, is named."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from hacm.errors import UserError
from pipeline.datasets.layouts import NtuGrid
from pipeline.datasets.registry import find_shipped
from pipeline.ingest.differences import find_differences, summarise
from stages.split import check_counts
from tests.helpers.pku_text import PKU_SPLITS, pku_texts
from tests.helpers.raw_files import write_tree

NTU60, NTU120 = find_shipped()["ntu60"], find_shipped()["ntu120"]


def group(setup: int, performer: int, replication: int, actions: range) -> set[str]:
    """Written out here, apart from the layouts' own rule."""
    return {
        f"S{setup:03}C{camera:03}P{performer:03}R{replication:03}A{action:03}"
        for camera in (1, 2, 3)
        for action in actions
    }


LOW, HIGH = range(1, 61), range(61, 121)


@pytest.mark.parametrize(("dataset", "clips", "groups"), [(NTU60, 56_880, 316), (NTU120, 114_480, 636)])
def test_groups_and_clips_of_ntu_agree(dataset, clips, groups):
    assert (dataset.clips, dataset.layout.groups) == (clips, groups)
    assert clips == groups * len(dataset.layout.members("S001P001R001")) == groups * 180


def test_recordings_that_the_authors_list_as_missing_belong():
    """An independent list of 535 names of both halves: every one lies in the grid."""
    for dataset, count in ((NTU60, 302), (NTU120, 535)):
        names = {name for name in dataset.missing_names() if dataset.layout.group_of(name) is not None}
        assert len(names) == count
        assert all(name in dataset.layout.members(dataset.layout.group_of(name)) for name in names)


def test_what_differs_from_the_grid_is_named():
    found = (
        group(1, 3, 1, LOW)
        | group(17, 8, 2, LOW)
        | {"S018C001P041R001A061", "S001C001P003R001A061", "S001C004P003R001A001"}
    )
    gone = {"S001C002P003R001A007", "S017C003P008R002A060"}
    assert find_differences(NTU60, [*(found - gone), "S001C001P003R001A001"], []) == {
        "more than once": ["S001C001P003R001A001"],
        "absent": sorted(gone),
        "not of this data set": ["S001C001P003R001A061", "S001C004P003R001A001", "S018C001P041R001A061"],
        "absent altogether, each (setup, performer, replication) being one": ["314 of 316"],
    }
    assert "not of this data set" not in find_differences(NTU120, group(17, 8, 2, LOW) | group(18, 41, 1, HIGH), [])
    assert find_differences(NTU120, group(18, 41, 1, LOW), [])["not of this data set"][0] == "S018C001P041R001A001"


def test_too_many_groups():
    small = replace(NTU60, grid=NtuGrid(((range(1, 2), range(1, 3)),), groups=1))
    names = group(1, 1, 1, range(1, 3)) | group(1, 2, 1, range(1, 3))
    assert list(find_differences(small, names, []).values()) == [["2 of 1"]]
    assert find_differences(small, group(1, 2, 1, range(1, 3)), []) == {}


def test_open_data_sets_are_known_by_name():
    utd = find_shipped()["utd-mhad"]
    names = {file.removesuffix("_skeleton.mat") for file in utd.member_checksums()}
    assert len(names) == utd.clips
    assert find_differences(utd, names, []) == {}
    assert find_differences(utd, names - {"a3_s2_t1"} | {"a28_s1_t1"}, []) == {
        "absent": ["a3_s2_t1"],
        "not of this data set": ["a28_s1_t1"],
    }
    ui_prmd = find_shipped()["ui-prmd"]
    assert len(ui_prmd.layout.members("data set")) == ui_prmd.clips == 2000
    assert ui_prmd.layout.group_of("m10_s10_e10_inc") is not None
    assert ui_prmd.layout.group_of("m10_s10_e11") is None


@pytest.mark.parametrize("packed", [False, True])
def test_videos_labels_and_lists_of_pku_mmd(tmp_path: Path, packed: bool):
    videos, labels = pku_texts()
    del videos["0003-M.txt"]
    del labels["0002-L.txt"]
    if packed:
        with zipfile.ZipFile(tmp_path / "Skeleton.zip", "w") as archive:
            for name, data in videos.items():
                archive.writestr(name, data)
    else:
        write_tree(tmp_path / "skeleton", videos)
    write_tree(tmp_path / "label", labels)
    write_tree(tmp_path / "Split", PKU_SPLITS)
    assert find_differences(find_shipped()["pku1"], [], sorted(tmp_path.iterdir())) == {
        "without a file of label": ["0002-L"],
        "a file of label and nothing else": ["0003-M"],
        "named in Split/cross-subject.txt, but absent": ["0003-M"],
        "named in Split/cross_view_v2.txt, but absent": ["0003-M"],
    }


def test_a_long_list_is_cut_short():
    names = [f"{number:02}" for number in range(13)]
    assert summarise({"absent": names, "not of this data set": ["x"]}) == (
        "absent: 00, 01, 02, 03, 04, 05, 06, 07, 08, 09 and 3 more; not of this data set: x"
    )


def test_parts_of_the_wrong_size_name_what_was_left_out():
    names = [f"S001C001P001R001A{action:03}" for action in range(1, 13)]
    with pytest.raises(UserError) as caught:
        check_counts("ntu60-xsub", NTU60, "xsub", (40_079, 16_487), names, partial=False)
    assert "40079 training and 16487 test clips, expected 40091 and 16487; left out: S001C001P001R001A001, " in str(
        caught.value
    )
    assert "S001C001P001R001A010 and 2 more; see results/datasets/ntu60/audit" in str(caught.value)
    check_counts("ntu60-xsub", NTU60, "xsub", (40_079, 16_487), names, partial=True)
    check_counts("ntu60-xsub", NTU60, "xsub", (40_091, 16_487), [], partial=False)
