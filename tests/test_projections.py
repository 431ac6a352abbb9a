from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from manigen import projections
from manigen.cards import Card
from manigen.discovery import discover
from manigen.errors import BadFile, BadInput, ManigenError, NotPossible, UnknownName
from manigen.measures import trustworthiness
from manigen.projections import Embedding, Map, fit_map

METHODS = list(discover("manigen.projections"))
EACH = pytest.mark.parametrize("method", METHODS)
AT_ONCE = {"pca", "as_it_is"}  # closed forms, without iterations of their own


def suited(method, codes):
    """The first numbers of the codes, as many as a method can take."""
    return codes[:, : discover("manigen.projections")[method].card.facts.get("widest", 99) - 1]


@pytest.fixture(scope="module")
def codes():
    """Three groups of 60 codes in 5 dimensions, group by group."""
    rng = np.random.default_rng(0)
    middles = 8 * np.eye(5)[:3]
    return (np.repeat(middles, 60, axis=0) + rng.normal(size=(180, 5))).astype(np.float32)


@pytest.fixture(scope="module")
def maps(codes):
    return {method: fit_map(suited(method, codes), method) for method in METHODS}


@pytest.fixture(scope="module")
def plain():
    """A map of 2,000 points whose places and codes are known: codes bend over a flat sheet."""
    rng = np.random.default_rng(1)
    p = rng.uniform(-1, 1, (2000, 2)).astype(np.float32)
    z = np.stack([p[:, 0], p[:, 1], np.sin(3 * p[:, 0]) * p[:, 1]], axis=1) + rng.normal(0, 0.1, (2000, 3))
    return place(z.astype(np.float32), p)


def place(z, p):
    """A map that asks its own points, over places and codes of our choice."""
    atlas = Map("umap", dims=p.shape[1])
    atlas._become(z, Embedding(p), stand_in=False)
    return atlas


# --- every projection -------------------------------------------------------------------------------------------------


@EACH
@pytest.mark.parametrize("dims", [2, 3])
def test_every_projection_gives_each_code_a_finite_place(method, dims, codes):
    atlas = fit_map(suited(method, codes), method, dims=dims)
    assert atlas.p.shape == (180, dims)
    assert atlas.p.dtype == np.float32
    assert np.isfinite(atlas.p).all()
    assert atlas.inverse_transform(atlas.p[:3]).shape == (3, suited(method, codes).shape[1])
    assert atlas.library


@EACH
def test_every_projection_puts_neighbours_together_which_chance_does_not(method, codes, maps):
    shuffled = np.random.default_rng(0).permutation(maps[method].p)
    assert trustworthiness.measure(maps[method].z, shuffled) < 0.6
    assert trustworthiness.measure(maps[method].z, maps[method].p) > 0.85


@EACH
def test_the_same_seed_gives_the_same_map(method, codes, maps):
    assert (fit_map(suited(method, codes), method, seed=0).p == maps[method].p).all()


@EACH
def test_a_fit_leaves_the_codes_and_the_global_chance_alone(method, codes):
    z, before = suited(method, codes).copy(), np.random.get_state()[1].copy()
    fit_map(z, method)
    assert (z == suited(method, codes)).all()
    assert (np.random.get_state()[1] == before).all()


@EACH
def test_its_own_codes_keep_their_places(method, maps, codes):
    assert np.allclose(maps[method].transform(suited(method, codes)), maps[method].p, atol=1e-4)


@EACH
def test_new_codes_land_in_their_group(method, codes, maps):
    rng = np.random.default_rng(2)
    new = 8 * np.eye(5)[:3].repeat(20, axis=0) + rng.normal(size=(60, 5))
    rows, _ = maps[method].neighbours(maps[method].transform(suited(method, new)), 5)
    assert (rows // 60 == np.arange(60)[:, None] // 20).mean() > 0.95


@EACH
def test_a_card_says_how_new_codes_and_places_are_answered(method, maps):
    facts = maps[method].card.facts
    assert facts["transform"].startswith(maps[method].transform_kind + ":")
    assert facts["inverse_transform"].startswith(maps[method].inverse_kind + ":")


@EACH
def test_a_saved_map_behaves_as_the_fitted_one(method, codes, maps, tmp_path):
    atlas = maps[method]
    np.savez(tmp_path / "map.npz", **atlas.arrays())
    with np.load(tmp_path / "map.npz", allow_pickle=False) as held:
        read = Map.from_arrays(dict(held), suited(method, codes))
    places = np.random.default_rng(0).uniform(-9, 9, (50, 2))
    for verb in ("inverse_transform", "gap"):
        assert (getattr(read, verb)(places) == getattr(atlas, verb)(places)).all()
    new = suited(method, codes[:20]) + 0.1
    assert (read.transform(new) == atlas.transform(new)).all()
    for fact in ("method", "seed", "dims", "knobs", "notes", "library", "transform_kind", "inverse_kind"):
        assert getattr(read, fact) == getattr(atlas, fact)


@EACH
def test_progress_rises_to_one_and_may_stop_the_fit(method, codes):
    told = []
    fit_map(suited(method, codes), method, progress=lambda done, words, p: told.append((done, words, p)))
    shares = [done for done, _, _ in told]
    assert shares == sorted(shares)
    assert shares[0] == 0 and shares[-1] == 1
    assert told[-1][2].shape == (180, 2)
    if method not in AT_ONCE:
        assert {share for share in shares if 0.1 < share < 1}  # from the method's own iterations

    class Stop(Exception):
        pass

    def stop(done, words, p):
        if done == shares[-2]:
            raise Stop

    with pytest.raises(Stop):
        fit_map(suited(method, codes), method, progress=stop)


@pytest.mark.parametrize("method", ["mds", "tsne", "umap", "densmap"])
def test_the_places_are_seen_while_they_find_their_way_to_the_last_ones(method, codes, maps, monkeypatch):
    monkeypatch.setattr("manigen.projections.umap.EVERY_S", 0)  # so few codes are laid out sooner than that
    told = []
    fit_map(codes, method, progress=lambda share, words, p: told.append((share, p)))
    seen = [p for share, p in told if p is not None and share < 1]
    assert len(seen) >= 2 and all(p.shape == (180, 2) and np.isfinite(p).all() for p in seen)
    far = [1 - np.corrcoef(pdist(p), pdist(maps[method].p))[0, 1] for p in (seen[0], seen[-1])]
    assert far[1] < min(far[0], 0.05)


@EACH
@pytest.mark.parametrize("n", [1, 2, 4, 10, 12])
def test_a_handful_of_codes_still_makes_a_map_that_leads_back(method, n, codes):
    atlas = fit_map(suited(method, codes)[:: 180 // n][:n], method)
    assert np.isfinite(atlas.p).all()
    back = atlas.inverse_transform(np.concatenate([atlas.p, [[30.0, -30.0]]]))
    assert np.isfinite(back).all()
    assert np.isfinite(atlas.gap([[1.0, 1.0]])).all()
    assert atlas.notes


@EACH
def test_equal_codes_make_one_place_and_a_note(method):
    atlas = fit_map(suited(method, np.full((40, 3), 2.5)), method)
    assert (atlas.p == atlas.p[0]).all()
    if method == "as_it_is":  # a place is a code, wherever the others are
        return
    assert np.allclose(atlas.inverse_transform([[0.0, 0.0], [5.0, 1.0]]), 2.5)
    assert "equal" in " ".join(atlas.notes)


@EACH
def test_copies_of_codes_are_no_trouble(method, codes):
    atlas = fit_map(suited(method, np.repeat(codes[::6], 8, axis=0)), method)
    assert np.isfinite(atlas.p).all()
    assert np.isfinite(atlas.transform(suited(method, codes[:5]))).all()


# --- PCA --------------------------------------------------------------------------------------------------------------


def test_pca_agrees_with_scikit_learn(codes, maps):
    from sklearn.decomposition import PCA

    peer = PCA(2).fit(codes)
    expected = peer.transform(codes)
    signs = np.sign((expected * maps["pca"].p).sum(axis=0))
    assert np.allclose(maps["pca"].p, expected * signs, atol=1e-4)
    places = np.array([[1.0, 2.0], [-3.0, 0.5]])
    assert np.allclose(maps["pca"].inverse_transform(places), peer.inverse_transform(places * signs), atol=1e-4)
    assert f"{peer.explained_variance_ratio_.sum():.0%}" in maps["pca"].notes[0]


def test_pca_is_exact_both_ways_and_keeps_lines_straight(maps):
    line = np.linspace(-50, 50, 11)[:, None] * [1.0, 0.5]
    z = maps["pca"].inverse_transform(line)
    assert np.allclose(maps["pca"].transform(z), line, atol=1e-4)
    assert np.allclose(np.diff(z, axis=0), z[1] - z[0], atol=1e-4)


def test_pca_of_codes_with_fewer_directions_than_the_map_is_flat_and_says_so(codes):
    atlas = fit_map(codes[:, :1], "pca")
    assert (atlas.p[:, 1] == 0).all()
    assert "only 1 of the map's 2 directions" in atlas.notes[-1]


# --- the libraries behind the maps ------------------------------------------------------------------------------------


def test_umap_is_umap_learn_only_turned(codes, maps):
    import umap

    from manigen.projections.umap import random_state

    peer = umap.UMAP(n_neighbors=15, min_dist=0.1, random_state=random_state(0), n_jobs=1).fit_transform(codes)
    assert np.allclose(pdist(maps["umap"].p), pdist(peer), atol=1e-4)


@pytest.mark.parametrize("method", ["umap", "tsne"])
def test_a_map_without_an_orientation_of_its_own_lies_across(maps, method):
    spread = np.cov(maps[method].p.T)
    assert spread[0, 0] > spread[1, 1]
    assert abs(spread[0, 1]) < 1e-3 * spread[0, 0]
    assert (maps[method].p.max(axis=0) >= -maps[method].p.min(axis=0)).all()


def test_knobs_reach_the_library(codes, maps):
    assert (fit_map(codes, "umap", n_neighbors=5).p != maps["umap"].p).any()
    assert (fit_map(codes, "umap", min_dist=0.9).p != maps["umap"].p).any()
    assert (fit_map(codes, "umap", metric="cosine").p != maps["umap"].p).any()
    assert (fit_map(codes, "tsne", perplexity=5).p != maps["tsne"].p).any()
    assert (fit_map(codes, "tsne", early_exaggeration=2.0).p != maps["tsne"].p).any()


def test_settings_too_large_for_the_codes_are_lowered_and_said(codes):
    assert fit_map(codes, "umap", n_neighbors=200).notes == (
        "n_neighbors was lowered from 200 to 179: there are 180 codes.",
    )
    assert fit_map(codes, "tsne", perplexity=150).notes == (
        "perplexity was lowered from 150 to 59.7: there are 180 codes.",
    )
    assert fit_map(codes, "umap").notes == ()


@pytest.mark.parametrize(
    "method",
    [name for name, card in projections.cards().items() if "n_neighbors" in {knob.name for knob in card.knobs}],
)
def test_fewer_codes_than_neighbours_are_said_whatever_the_method(method, codes):
    atlas = fit_map(codes[:12], method, n_neighbors=15)
    said = [note for note in atlas.notes if note.startswith("n_neighbors was lowered from 15 to ")]
    assert len(said) == 1 and said[0].endswith(": there are 12 codes."), atlas.notes
    assert np.isfinite(atlas.p).all()


def test_codes_too_few_for_a_method_are_placed_by_pca_and_the_map_says_so(codes):
    for n, method, title in ((1, "umap", "UMAP"), (9, "tsne", "t-SNE")):
        assert fit_map(codes[:n], method).notes[0] == f"{title} needs 10 different codes, not {n}: PCA places them."


# --- the way back -----------------------------------------------------------------------------------------------------


def test_a_place_of_the_map_gives_its_own_code_back(plain):
    assert np.allclose(plain.inverse_transform(plain.p), plain.z, atol=1e-5)


def test_the_way_back_is_a_mean_of_the_neighbours_and_never_leaves_them(plain):
    places = np.random.default_rng(0).uniform(-3, 3, (200, 2))
    rows, _ = plain.neighbours(places, projections.base.BACK)
    z = plain.inverse_transform(places)
    assert (z >= plain.z[rows].min(axis=1) - 1e-5).all()
    assert (z <= plain.z[rows].max(axis=1) + 1e-5).all()


def largest_step(atlas, start, end, steps):
    places = np.linspace(start, end, steps)
    return np.linalg.norm(np.diff(atlas.inverse_transform(places), axis=0), axis=1).max()


@pytest.mark.parametrize(("start", "end"), [([-0.9, -0.8], [0.7, 0.9]), ([1.5, -4.0], [1.7, 5.0]), ([0, 80], [9, -80])])
def test_the_code_changes_without_a_jump_as_the_pointer_moves(plain, start, end):
    coarse, fine = (largest_step(plain, np.float64(start), np.float64(end), steps) for steps in (20_001, 200_001))
    assert fine < 0.2 * coarse  # ten times smaller steps: a jump would stay as large


@pytest.mark.parametrize("n", [2, 3, 7, 32])
def test_on_a_map_of_few_points_there_is_no_jump_either(n, plain):
    few = place(plain.z[:n], plain.p[:n])
    coarse, fine = (largest_step(few, np.float64([-1, -1]), np.float64([1, 0.9]), steps) for steps in (2001, 20_001))
    assert fine < 0.2 * coarse


def test_half_way_between_two_points_lies_the_mean_of_their_codes():
    two = place(np.float32([[0.0], [8.0]]), np.float32([[0, 0], [1, 1]]))
    assert two.inverse_transform([[0.5, 0.5], [1.0, 0.0]]).ravel() == pytest.approx([4, 4])


def test_the_way_back_comes_closer_to_held_out_codes_than_the_nearest_code():
    rng = np.random.default_rng(3)
    p = rng.uniform(-1, 1, (3000, 2)).astype(np.float32)
    z = np.stack([np.sin(2 * p[:, 0]), p[:, 1] ** 2], axis=1) + rng.normal(0, 0.2, (3000, 2))
    atlas = place(z[:2500].astype(np.float32), p[:2500])
    back = atlas.inverse_transform(p[2500:])
    nearest = atlas.z[atlas.neighbours(p[2500:], 1)[0][:, 0]]

    def error(answer):
        return ((answer - z[2500:]) ** 2).mean()

    assert error(back) < 1.15 * 0.2**2  # the noise itself
    assert error(nearest) > 1.8 * 0.2**2


def test_points_in_one_place_share_their_codes():
    z = np.arange(60, dtype=np.float32)[:, None]
    atlas = place(z, np.zeros((60, 2), np.float32))
    assert np.isfinite(atlas.inverse_transform([[0.0, 0.0], [1.0, 1.0]])).all()
    two = place(z[:2], np.zeros((2, 2), np.float32))
    assert two.inverse_transform([[0.0, 0.0]])[0, 0] == 0.5


def test_neighbours_are_those_of_a_search_through_all(plain):
    places = np.random.default_rng(0).uniform(-2, 2, (300, 2)).astype("f")
    rows, distances = plain.neighbours(places, 7)
    every = np.linalg.norm(plain.p[None].astype(float) - places[:, None], axis=2)
    assert (rows == np.argsort(every, axis=1)[:, :7]).all()
    assert np.allclose(distances, np.sort(every, axis=1)[:, :7], atol=1e-6)
    assert plain.neighbours([[0.0, 0.0]], 5000)[0].shape == (1, 2000)


def test_a_gap_is_nothing_on_a_point_about_one_among_them_and_large_in_empty_space(plain):
    assert (plain.gap(plain.p[:50]) == 0).all()
    among = np.random.default_rng(0).uniform(-1, 1, (2000, 2))
    assert 0.9 < (plain.gap(among) <= 1).mean() < 1
    assert plain.gap([[9.0, 9.0]])[0] > 50


# --- the way there ----------------------------------------------------------------------------------------------------


def test_a_code_between_two_torn_groups_lands_with_the_majority():
    z = np.concatenate([np.linspace(-0.8, -0.5, 7), np.linspace(0.5, 0.7, 3), np.linspace(1.2, 1.5, 20)])[:, None]
    p = np.concatenate([np.zeros((7, 2)), np.full((3, 2), 10.0), np.full((20, 2), 50.0)])
    p[:, 0] += np.random.default_rng(0).normal(0, 0.1, 30)
    atlas = place(z.astype("f"), p.astype("f"))
    landed = atlas.transform([[0.0]])[0]
    assert np.linalg.norm(landed) < 0.5  # a mean would land a third of the way to the others


# --- landmarks --------------------------------------------------------------------------------------------------------


def test_more_codes_than_a_method_can_take_are_placed_among_landmarks_and_said(monkeypatch, codes):
    sizes = []

    def embed(z, seed, dims, progress):
        sizes.append(len(z))
        return Embedding(z[:, :dims])

    slow = SimpleNamespace(embed=embed, card=Card("Slow", "Slow.", "None", "", facts={"landmarks": 50}))
    monkeypatch.setattr(projections.base, "find", lambda room, name: slow)
    atlas = Map("slow", seed=3).fit(codes)
    assert sizes == [50]
    assert atlas.notes[0] == "Fitted on 50 of 180 codes, drawn with seed 3; the rest were placed among them."
    wrong = np.abs(pdist(atlas.p) - pdist(codes[:, :2]))  # the true distances are known
    assert wrong.mean() < 1
    assert (wrong < 1e-4).sum() >= 50 * 49 // 2


# --- mistakes ---------------------------------------------------------------------------------------------------------


def test_codes_that_are_no_codes_are_refused_in_a_sentence(codes):
    with pytest.raises(BadInput, match="row 4 holds NaN"):
        fit_map(np.where(np.arange(180)[:, None] == 4, np.nan, codes), "pca")
    with pytest.raises(BadInput, match="at least one row"):
        fit_map(np.zeros((0, 3)), "pca")


def test_unknown_methods_and_knobs_out_of_range_are_refused_with_those_there_are(codes):
    with pytest.raises(UnknownName, match="Did you mean 'umap'"):
        fit_map(codes, "umapp")
    with pytest.raises(BadInput, match="perplexity must lie between 2 and 200"):
        fit_map(codes, "tsne", perplexity=5000)
    with pytest.raises(BadInput, match="no knob 'perplexity'"):
        fit_map(codes, "umap", perplexity=30)
    with pytest.raises(BadInput, match="dims must be a whole number from 2 to 3"):
        fit_map(codes, "pca", dims=4)


def test_a_map_without_points_says_so():
    for ask in (lambda atlas: atlas.transform([[0.0]]), lambda atlas: atlas.inverse_transform([[0.0, 0.0]])):
        with pytest.raises(NotPossible, match="call fit"):
            ask(Map("pca"))


def test_places_and_codes_of_another_dimension_are_refused(plain):
    with pytest.raises(BadInput, match="points must be an array"):
        plain.inverse_transform([[0.0, 0.0, 0.0]])
    with pytest.raises(BadInput, match="finite"):
        plain.inverse_transform([[np.nan, 0.0]])
    with pytest.raises(BadInput, match="3 numbers"):
        plain.transform([[0.0, 0.0]])


def test_a_projection_that_loses_a_code_is_caught(codes):
    atlas = Map("umap")
    with pytest.raises(ManigenError, match="no place for some codes"):
        atlas._become(codes, Embedding(np.full((180, 2), np.nan)), stand_in=False)


@pytest.mark.parametrize("damage", ["no header", "no json", "no places", "nan", "method", "float64", "knobs"])
def test_a_damaged_map_is_refused_in_a_sentence(damage, codes, maps):
    arrays = maps["pca"].arrays()
    if damage == "no header":
        del arrays["header"]
    elif damage == "no json":
        arrays["header"] = np.array("{")
    elif damage == "no places":
        del arrays["p"]
    elif damage == "nan":
        arrays["p"] = arrays["p"] * np.nan
    elif damage == "float64":
        arrays["p"] = arrays["p"].astype(float)
    else:
        old, new = ('"pca"', '"pcx"') if damage == "method" else ('"knobs": {}', '"knobs": {"k": 1}')
        arrays["header"] = np.array(str(arrays["header"]).replace(old, new))
    with pytest.raises(BadFile, match="no map this version can read"):
        Map.from_arrays(arrays, codes)


def test_a_map_of_other_codes_is_refused(codes, maps):
    with pytest.raises(BadFile, match=r"belongs to codes of shape \(180, 5\)"):
        Map.from_arrays(maps["pca"].arrays(), codes[:-1])


# --- imports ----------------------------------------------------------------------------------------------------------


def test_the_rooms_are_imported_without_the_heavy_libraries():
    heavy = ["umap", "openTSNE", "sklearn", "scipy", "torch", "numba", "plotly", "streamlit"]
    program = (
        "import sys, manigen.projections, manigen.paths, manigen.measures; from manigen.discovery import discover;"
        "[discover(f'manigen.{room}') for room in ('projections', 'paths', 'measures')];"
        f"print(*[name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
