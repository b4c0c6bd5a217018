"""The one token order: to it, from it, and a marked token comes back at its own place."""

import pytest
import torch

from hacm.model.tokens import from_branches, patches, put, take, to_branches
from hacm.settings import branch_sizes


def test_patches_are_cut_frame_after_frame() -> None:
    x_BTVC = torch.arange(2 * 6 * 4 * 3.0).view(2, 6, 4, 3)
    found = patches(x_BTVC, 3)
    assert found.shape == (2, 2, 4, 9)
    for segment in range(2):
        for joint in range(4):
            frames = [x_BTVC[1, 3 * segment + f, joint] for f in range(3)]
            assert torch.equal(found[1, segment, joint], torch.cat(frames))


@pytest.mark.parametrize(("segments", "joints"), [(24, 18), (30, 25), (2, 1), (5, 3), (7, 4)])
def test_order_is_branch_segment_joint(segments: int, joints: int) -> None:
    even_then_odd = [*range(0, segments, 2), *range(1, segments, 2)]
    cells = torch.tensor([[[(s, j) for j in range(joints)] for s in range(segments)]])
    expected = torch.tensor([[(s, j) for s in even_then_odd for j in range(joints)]])
    assert torch.equal(to_branches(cells), expected)
    assert torch.equal(from_branches(expected, segments), cells)
    temporal, spatial = branch_sizes(segments, joints)
    assert (expected[0, :temporal, 0] % 2 == 0).all()
    assert (expected[0, temporal:, 0] % 2 == 1).all()
    assert temporal + spatial == segments * joints


@pytest.mark.parametrize("segments", [4, 5])
def test_every_marked_token_comes_back_at_its_own_place(segments: int) -> None:
    joints, filler = 3, torch.tensor([-1.0, -1.0])
    cells = torch.randn(1, segments, joints, 2)
    tokens = to_branches(cells)
    for place in range(segments * joints):
        keep = torch.tensor([[place]])
        back = from_branches(put(take(tokens, keep), keep, filler, segments * joints), segments)
        own = (back != -1).all(-1)
        assert own.sum() == 1
        assert torch.equal(back[own], cells[own])


def test_take_and_put_treat_sequences_separately_and_pass_gradients() -> None:
    tokens = torch.randn(2, 6, 4, requires_grad=True)
    keep = torch.tensor([[0, 5], [2, 3]])
    kept = take(tokens, keep)
    assert torch.equal(kept[1, 0], tokens[1, 2])
    assert torch.equal(kept[0, 1], tokens[0, 5])
    filler = torch.zeros(4, requires_grad=True)
    from_branches(put(kept, keep, filler, 6), 3).sum().backward()
    assert filler.grad is not None
    assert torch.equal(filler.grad, torch.full((4,), 8.0))
    assert tokens.grad is not None
    assert torch.equal(tokens.grad.sum((1, 2)), torch.tensor([8.0, 8.0]))
