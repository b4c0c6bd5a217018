"""PKU-MMD's videos, labels and splits, written."""

PKU_SPLITS = {
    "cross-subject.txt": b"Training videos: \n0002-L, 0002-M\nValidataion videos: \n0003-L, 0003-M\n",
    "cross_view_v2.txt": b"Training videos: \n0002-L, 0003-L\nValidataion videos: \n0002-M, 0003-M\n",
}


def pku_texts() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Videos and labels of two sessions and two views: 400 frames, the second body in the first 100 only."""
    rows = [" ".join(f"{1 + frame / 100 + k / 1000:.3f}" for k in range(75)) for frame in range(400)]
    empty = " ".join(["0"] * 75)
    lines = [f"{row} {row if frame < 100 else empty}" for frame, row in enumerate(rows)]
    lines[380:] = [f"{empty} {empty}"] * 20
    videos = {f"{session}-{view}.txt": "\n".join(lines).encode() for session in ("0002", "0003") for view in "LM"}
    labels = dict.fromkeys(videos, b"7,0,90,1\n51,100,200,1\n3,20,350,2\n4,380,400,1\n")
    return videos, labels
