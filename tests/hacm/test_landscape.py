"""Features on a plane against scikit-learn's PCA, and neighbours against a plain search."""

import pytest
import torch
from sklearn.decomposition import PCA

from hacm.evaluation.landscape import lay_out

GENERATOR = torch.Generator().manual_seed(3)
QUERY = torch.randn(30, 8, generator=GENERATOR) @ torch.diag(torch.tensor([5.0, 3, 2, 1, 1, 0.5, 0.2, 0.1])) + 4
GALLERY = torch.randn(12, 8, generator=GENERATOR)


def test_places_are_principal_components() -> None:
    found = lay_out(QUERY, GALLERY)
    pca = PCA(2, svd_solver="full").fit(QUERY.double().numpy())
    expected = torch.from_numpy(pca.transform(QUERY.double().numpy()))
    for axis in range(2):
        ours, theirs = found.place_N2[:, axis].double(), expected[:, axis]
        torch.testing.assert_close(ours, theirs * (ours @ theirs).sign(), atol=1e-4, rtol=0)
        assert ours[ours.abs().argmax()] > 0
    assert found.explained_2.tolist() == pytest.approx(pca.explained_variance_ratio_, abs=1e-4)


def test_neighbours_are_those_of_a_plain_search() -> None:
    found = lay_out(QUERY, GALLERY, k=4)
    for clip, query in enumerate(QUERY.double()):
        cosine = [float(query @ other / query.norm() / other.norm()) for other in GALLERY.double()]
        nearest = sorted(range(len(GALLERY)), key=lambda place: -cosine[place])[:4]
        assert found.nearest_Nk[clip].tolist() == nearest
        assert found.similarity_Nk[clip].tolist() == pytest.approx([cosine[place] for place in nearest], abs=1e-4)
    assert lay_out(QUERY, GALLERY[:3]).nearest_Nk.shape == (30, 3)


def test_one_clip_lies_at_the_origin() -> None:
    found = lay_out(QUERY[:1], GALLERY)
    assert found.place_N2.tolist() == [[0, 0]]
    assert found.explained_2.tolist() == [0, 0]
