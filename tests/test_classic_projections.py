"""The classic projections against other libraries, closed forms and a sheet whose true coordinates are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from manigen.errors import BadInput
from manigen.projections import Map, _graph, fit_map
from manigen.projections.lle import mixtures


@pytest.fixture(scope="module")
def sheet():
    """A rolled-up sheet of 700 codes: (the codes, their true coordinates on it)."""
    chance = np.random.default_rng(0)
    turn = 1.5 * np.pi * (1 + 2 * chance.uniform(size=700))
    across = 21 * chance.uniform(size=700)
    along = (turn * np.sqrt(1 + turn**2) + np.arcsinh(turn)) / 2  # the length of the spiral r = turn
    z = np.stack([turn * np.cos(turn), across, turn * np.sin(turn)], axis=1).astype(np.float32)
    return z, np.stack([along, across], axis=1)


def fit_of_plane(p, true):
    """How much of the true coordinates a linear map of p explains, in [0, 1]."""
    p, true = p - p.mean(axis=0), true - true.mean(axis=0)
    left = true - p @ np.linalg.lstsq(p, true, rcond=None)[0]
    return 1 - (left**2).sum(axis=0) / (true**2).sum(axis=0)


@pytest.mark.parametrize(
    ("method", "knobs"),
    [("isomap", {}), *(("lle", {"variant": variant}) for variant in ("modified", "hessian", "ltsa"))],
)
def test_a_rolled_up_sheet_is_laid_flat_which_pca_cannot(method, knobs, sheet):
    z, true = sheet
    assert fit_of_plane(fit_map(z, method, n_neighbors=10, **knobs).p, true).min() > 0.98
    assert fit_of_plane(fit_map(z, "pca").p, true).min() < 0.7


@pytest.mark.parametrize("method", ["isomap", "lle", "laplacian", "mds"])
def test_new_codes_land_where_the_map_of_a_flat_sheet_would_have_them(method):
    from scipy.interpolate import LinearNDInterpolator

    chance = np.random.default_rng(7)
    true = chance.uniform(size=(900, 2)) * [3, 1]
    z = (true @ chance.normal(size=(2, 5))).astype("f")
    atlas = fit_map(z[:700], method)
    expected = LinearNDInterpolator(true[:700], atlas.p)(true[700:])
    inside = np.isfinite(expected).all(axis=1)
    wrong = np.linalg.norm(atlas.transform(z[700:])[inside] - expected[inside], axis=1)
    assert inside.sum() > 150
    assert np.median(wrong) < 0.02 * np.linalg.norm(atlas.p.std(axis=0))


def test_isomap_agrees_with_scikit_learn(sheet):
    from sklearn.manifold import Isomap

    z, _ = sheet
    peer = Isomap(n_neighbors=10, eigen_solver="dense").fit(z[:400].astype(np.float64))
    ours = fit_map(z[:400], "isomap", n_neighbors=10)
    assert np.allclose(np.abs(ours.p), np.abs(peer.embedding_), atol=1e-2)
    placed = peer.transform(z[400:450].astype(np.float64))
    assert np.allclose(np.abs(ours.transform(z[400:450])), np.abs(placed), atol=0.05)


def test_a_graph_in_pieces_is_tied_by_its_shortest_gaps_and_the_map_says_so():
    z = np.float32([[0], [1], [2], [10], [11.5], [13], [30], [31], [33]])
    graph, pieces = _graph.joined(z, 1)
    assert pieces == 3
    tied = {(int(a), int(b)): round(float(w), 3) for a, b, w in zip(*graph.nonzero(), graph.data, strict=True) if a < b}
    assert tied[2, 3] == 8 and tied[5, 6] == 17 and len(tied) == 8
    chance = np.random.default_rng(0)
    groups = np.concatenate([chance.normal(size=(40, 3)), chance.normal(size=(40, 3)) + 60]).astype("f")
    for method in ("isomap", "laplacian"):
        assert "2 pieces, tied by" in " ".join(fit_map(groups, method, n_neighbors=5).notes)
    assert "2 pieces, which LLE cannot place" in " ".join(fit_map(groups, "lle", n_neighbors=5).notes)


def test_ways_along_the_graph_are_those_of_floyd_and_warshall():
    from scipy.sparse.csgraph import floyd_warshall

    z = np.random.default_rng(1).normal(size=(60, 3)).astype("f")
    graph, _ = _graph.joined(z, 4)
    told = []
    assert np.allclose(_graph.ways(graph, np.arange(60), told.append), floyd_warshall(graph, directed=False), atol=1e-4)
    assert told[-1] == 1


def test_mixtures_are_those_of_scikit_learn():
    from sklearn.manifold._locally_linear import barycenter_weights

    chance = np.random.default_rng(2)
    of, z = chance.normal(size=(50, 4)), chance.normal(size=(20, 4))
    near = np.stack([chance.permutation(50)[:7] for _ in range(20)])
    assert np.allclose(mixtures(z, of, near), barycenter_weights(z, of, near, reg=1e-3), atol=1e-8)


def test_laplacian_eigenmaps_are_eigenvectors_of_the_laplacian_by_another_solver():
    from sklearn.manifold import spectral_embedding

    z = np.random.default_rng(3).uniform(size=(300, 2)).astype("f") * [3, 1]
    atlas = fit_map(z, "laplacian", n_neighbors=12)
    graph, _ = _graph.joined(np.asarray(z, "f"), 12)
    reach = _graph.fellows(np.asarray(z, "f"), 12)[1][:, -1]
    ties = graph.tocoo()
    graph.data = np.exp(-(ties.data**2) / (reach[ties.row] * reach[ties.col]))
    peer = spectral_embedding(graph, n_components=2, eigen_solver="arpack", random_state=0)
    for axis in range(2):
        assert abs(np.corrcoef(atlas.p[:, axis], peer[:, axis])[0, 1]) > 0.999


def test_mds_reaches_scikit_learns_stress_from_the_same_start(sheet):
    from sklearn.manifold import smacof

    z = sheet[0][:150].astype(np.float64)
    ours = fit_map(z, "mds", max_iter=300)
    wanted = pdist(z)
    from scipy.spatial.distance import squareform

    _, peer = smacof(squareform(wanted), n_components=2, init=fit_map(z, "pca").p, n_init=1, max_iter=300, eps=1e-4,
                     random_state=0, normalized_stress=False)  # fmt: skip
    stress = ((pdist(ours.p) - wanted) ** 2).sum()
    assert stress == pytest.approx(peer, rel=0.02)
    assert stress < 0.9 * ((pdist(fit_map(z, "pca").p) - wanted) ** 2).sum()
    assert f"off by {np.sqrt(stress / (wanted**2).sum()):.0%}" in ours.notes[0]


def test_densmap_keeps_densities_better_than_umap():
    chance = np.random.default_rng(4)
    z = np.concatenate([chance.normal(12 * at, size, (120, 4)) for at, size in enumerate((0.2, 0.6, 1.8))])

    def widths(p):
        return [np.median(pdist(p[120 * at : 120 * at + 120])) for at in range(3)]

    thick, plain = widths(fit_map(z, "densmap").p), widths(fit_map(z, "umap").p)
    assert thick[2] / thick[0] > 1.5 * plain[2] / plain[0]


def test_pacmap_is_the_pacmap_package_only_turned(sheet):
    import pacmap

    from manigen import seeds
    from manigen.projections.pacmap import _pairs

    z = sheet[0][:300]
    seed = int(seeds.numpy_stream(0).integers(2**30))
    peer = pacmap.PaCMAP(n_neighbors=10, pair_neighbors=_pairs(z, 10), random_state=seed, num_iters=(100, 100, 250))
    assert np.allclose(pdist(fit_map(z, "pacmap").p), pdist(peer.fit_transform(z.copy())), atol=1e-2)


def test_codes_that_are_flat_already_are_drawn_as_they_are_and_others_refused():
    z = np.random.default_rng(5).normal(size=(30, 2)).astype("f")
    flat, deep = fit_map(z, "as_it_is"), Map("as_it_is", dims=3).fit(z)
    assert (flat.p == z).all() and (flat.inverse_transform(z[:4]) == z[:4]).all()
    assert (deep.p[:, :2] == z).all() and (deep.p[:, 2] == 0).all() and (deep.inverse_transform(deep.p) == z).all()
    with pytest.raises(BadInput, match="Codes of 3 numbers cannot be drawn as they are in 2-D"):
        fit_map(np.zeros((4, 3)), "as_it_is")


def test_settings_a_variant_cannot_take_are_mended_and_said(sheet):
    z = sheet[0][:100]
    assert "raised from 4 to 6: the hessian variant" in fit_map(z, "lle", n_neighbors=4, variant="hessian").notes[0]
    assert "lowered from 50 to 19" in fit_map(z[:20], "isomap", n_neighbors=50).notes[0]


def test_a_variant_that_finds_no_sheet_says_so():
    z = np.random.default_rng(6).normal(size=(400, 12)).astype("f")
    assert "fell into one spot" in " ".join(fit_map(z, "lle", variant="hessian").notes)


def test_copies_of_codes_share_their_place_and_the_map_says_how_many(sheet):
    z = np.concatenate([sheet[0][:80], sheet[0][:20]])
    atlas = fit_map(z, "isomap")
    assert (atlas.p[:20] == atlas.p[80:]).all()
    assert atlas.notes[-1] == "20 of the 100 codes are copies, and share their places."
