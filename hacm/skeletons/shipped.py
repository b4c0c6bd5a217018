"""The skeletons that the project knows: of its data sets, and of what pose estimators write.

Joints are in the order of the files. Orders of estimators are those of OpenPose (doc/02_output.md), AlphaPose (Halpe
FullBody), VideoPose3D and MotionBERT (Human3.6M's 17), the COCO keypoint task, and MediaPipe (PoseLandmark). Left and
right are the person's own.
"""

from hacm.skeletons.topology import Topology

NECK = ("neck", ("left shoulder", "right shoulder"))
MID_HIP = ("mid hip", ("left hip", "right hip"))
"""Derived joints: where a body's tree begins and branches, for skeletons that have no such joint of their own."""

KINECT_V2 = Topology(
    name="kinect-v2-25",
    joints=(
        "spine base", "spine mid", "neck", "head",
        "left shoulder", "left elbow", "left wrist", "left hand",
        "right shoulder", "right elbow", "right wrist", "right hand",
        "left hip", "left knee", "left ankle", "left foot",
        "right hip", "right knee", "right ankle", "right foot",
        "spine shoulder", "left hand tip", "left thumb", "right hand tip", "right thumb",
    ),
    parents=(1, -1, 20, 2, 20, 4, 5, 6, 20, 8, 9, 10, 0, 12, 13, 14, 0, 16, 17, 18, 1, 7, 7, 11, 11),
    roots=(0, 1, 4, 8, 12, 16, 20),
    centre=1,
)  # fmt: skip

KINECT_V1 = Topology(
    name="kinect-v1-20",
    joints=(
        "head", "shoulder centre", "spine", "hip centre",
        "left shoulder", "left elbow", "left wrist", "left hand",
        "right shoulder", "right elbow", "right wrist", "right hand",
        "left hip", "left knee", "left ankle", "left foot",
        "right hip", "right knee", "right ankle", "right foot",
    ),
    parents=(1, 2, 3, -1, 1, 4, 5, 6, 1, 8, 9, 10, 3, 12, 13, 14, 3, 16, 17, 18),
    roots=(1, 2, 3, 4, 8, 12, 16),
    centre=2,
)  # fmt: skip

UI_PRMD = Topology(
    name="ui-prmd-22",
    joints=(
        "waist", "spine", "chest", "neck", "head", "head tip",
        "left collar", "left upper arm", "left forearm", "left hand",
        "right collar", "right upper arm", "right forearm", "right hand",
        "left upper leg", "left lower leg", "left foot", "left toes",
        "right upper leg", "right lower leg", "right foot", "right toes",
    ),
    parents=(-1, 0, 1, 2, 3, 4, 2, 6, 7, 8, 2, 10, 11, 12, 0, 14, 15, 16, 0, 18, 19, 20),
    roots=(0, 1, 2, 6, 7, 10, 11, 14, 18),
    centre=1,
)  # fmt: skip

# Its order is its own. Left is shown by the actions (docs/data.md): who waves, throws, draws and kicks was asked to use
# the right arm or leg.
MSR_ACTION3D = Topology(
    name="msr-action3d-20",
    joints=(
        "left shoulder", "right shoulder", "neck", "spine", "left hip", "right hip", "hip centre",
        "left elbow", "right elbow", "left wrist", "right wrist", "left hand", "right hand",
        "left knee", "right knee", "left ankle", "right ankle", "left foot", "right foot", "head",
    ),
    parents=(2, 2, 3, 6, 6, 6, -1, 0, 1, 7, 8, 9, 10, 4, 5, 13, 14, 15, 16, 2),
    roots=(0, 1, 2, 3, 4, 5, 6),
    centre=3,
)  # fmt: skip

KARD_15 = Topology(
    name="kard-15",
    joints=(
        "head", "neck", "right shoulder", "right elbow", "right hand", "left shoulder", "left elbow", "left hand",
        "torso", "right hip", "right knee", "right foot", "left hip", "left knee", "left foot",
    ),
    parents=(1, 8, 1, 2, 3, 1, 5, 6, -1, 8, 9, 10, 8, 12, 13),
    roots=(1, 2, 5, 8, 9, 12),
    centre=8,
)  # fmt: skip

COCO_17 = Topology(
    name="coco-17",
    joints=(
        "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder",
        "left elbow", "right elbow", "left wrist", "right wrist", "left hip", "right hip",
        "left knee", "right knee", "left ankle", "right ankle", "neck", "mid hip",
    ),
    parents=(17, 0, 0, 1, 2, 17, 17, 5, 6, 7, 8, 18, 18, 11, 12, 13, 14, 18, -1),
    roots=(5, 6, 11, 12, 17, 18),
    centre=18,
    derived=(NECK, MID_HIP),
)  # fmt: skip

COCO_18 = Topology(
    name="coco-18",
    joints=(
        "nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist",
        "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
        "right eye", "left eye", "right ear", "left ear", "mid hip",
    ),
    parents=(1, 18, 1, 2, 3, 1, 5, 6, 18, 8, 9, 18, 11, 12, 0, 0, 14, 15, -1),
    roots=(1, 2, 5, 8, 11, 18),
    centre=18,
    derived=(MID_HIP,),
)  # fmt: skip

HALPE_26 = Topology(
    name="halpe-26",
    joints=(
        "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder",
        "left elbow", "right elbow", "left wrist", "right wrist", "left hip", "right hip",
        "left knee", "right knee", "left ankle", "right ankle", "head", "neck", "hip",
        "left big toe", "right big toe", "left small toe", "right small toe", "left heel", "right heel",
    ),
    parents=(18, 0, 0, 1, 2, 18, 18, 5, 6, 7, 8, 19, 19, 11, 12, 13, 14, 18, 19, -1, 15, 16, 15, 16, 15, 16),
    roots=(5, 6, 11, 12, 18, 19),
    centre=19,
)  # fmt: skip

BODY_25 = Topology(
    name="body-25",
    joints=(
        "nose", "neck", "right shoulder", "right elbow", "right wrist", "left shoulder", "left elbow", "left wrist",
        "mid hip", "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
        "right eye", "left eye", "right ear", "left ear",
        "left big toe", "left small toe", "left heel", "right big toe", "right small toe", "right heel",
    ),
    parents=(1, 8, 1, 2, 3, 1, 5, 6, -1, 8, 9, 10, 8, 12, 13, 0, 0, 15, 16, 14, 19, 14, 11, 22, 11),
    roots=(1, 2, 5, 8, 9, 12),
    centre=8,
)  # fmt: skip

H36M_17 = Topology(
    name="h36m-17",
    joints=(
        "hip", "right hip", "right knee", "right ankle", "left hip", "left knee", "left ankle",
        "spine", "thorax", "nose", "head", "left shoulder", "left elbow", "left wrist",
        "right shoulder", "right elbow", "right wrist",
    ),
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15),
    roots=(0, 1, 4, 7, 8, 11, 14),
    centre=7,
)  # fmt: skip

MEDIAPIPE_33 = Topology(
    name="mediapipe-33",
    joints=(
        "nose", "left eye inner", "left eye", "left eye outer", "right eye inner", "right eye", "right eye outer",
        "left ear", "right ear", "mouth left", "mouth right", "left shoulder", "right shoulder",
        "left elbow", "right elbow", "left wrist", "right wrist", "left pinky", "right pinky",
        "left index", "right index", "left thumb", "right thumb", "left hip", "right hip",
        "left knee", "right knee", "left ankle", "right ankle", "left heel", "right heel",
        "left foot index", "right foot index", "neck", "mid hip",
    ),
    parents=(
        33, 0, 1, 2, 0, 4, 5, 3, 6, 0, 0, 33, 33, 11, 12, 13, 14, 15, 16, 15, 16, 15, 16, 34, 34,
        23, 24, 25, 26, 27, 28, 27, 28, 34, -1,
    ),
    roots=(11, 12, 23, 24, 33, 34),
    centre=34,
    derived=(NECK, MID_HIP),
)  # fmt: skip

TOPOLOGIES = {
    topology.name: topology
    for topology in (
        KINECT_V2, KINECT_V1, UI_PRMD, MSR_ACTION3D, KARD_15, COCO_17, COCO_18, HALPE_26,
        BODY_25, H36M_17, MEDIAPIPE_33,
    )
}  # fmt: skip
