"""Who performs a clip, as far as a data set says it."""

import polars as pl

from stages.shared.loading import SESSION_BLOCKS, tell_apart


def test_subjects_where_they_are_known():
    manifest = pl.DataFrame(
        {"subject": [3, 1, 3, None], "setup": [1, 2, None, 4], "label": [0, 1, 0, None]},
        schema={"subject": pl.Int32, "setup": pl.Int32, "label": pl.Int32},
    )
    assert tell_apart(manifest).tolist() == [3, 1, 3, -1], "the last has no label: nobody asks who performs it"


def test_blocks_of_whole_sessions_where_they_are_not():
    sessions = [session for session in range(2, 360, 3) for _ in range(5)]
    manifest = pl.DataFrame(
        {"subject": pl.Series([None] * len(sessions), dtype=pl.Int32), "setup": sessions, "label": 0}
    )
    blocks = tell_apart(manifest).tolist()
    assert set(blocks) == set(range(SESSION_BLOCKS))
    assert blocks == sorted(blocks)
    assert len(set(zip(sessions, blocks, strict=True))) == len(set(sessions))
    assert max(blocks.count(block) for block in set(blocks)) <= 5 * 12


def test_blocks_of_clips_that_follow_each_other_where_nothing_is_said():
    nothing = pl.Series([None] * 25, dtype=pl.Int32)
    blocks = tell_apart(pl.DataFrame({"subject": nothing, "setup": nothing, "label": 0})).tolist()
    assert blocks == [0] * 3 + [1] * 2 + [2] * 3 + [3] * 2 + [4] * 3 + [5] * 2 + [6] * 3 + [7] * 2 + [8] * 3 + [9] * 2
