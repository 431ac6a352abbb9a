"""Maps kept on disk: found again by anyone, under a limit, whatever happens to the files."""

from __future__ import annotations

import multiprocessing
import time

import numpy as np
import pytest

from manigen import maps, projections
from manigen.errors import BadInput
from manigen.projections import fit_map
from tests.oracles import is_one_sentence

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def codes():
    return np.random.default_rng(0).normal(size=(200, 5)).astype("f")


def never(*given, **named):
    raise AssertionError("it was made a second time")


def test_a_map_is_fitted_once_and_read_the_next_time(codes, place, monkeypatch):
    assert maps.known(codes, "isomap") is None
    fitted = maps.fit(codes, "isomap", n_neighbors=9)
    monkeypatch.setattr(projections, "fit_map", never)
    again = maps.fit(codes, "isomap", n_neighbors=9)
    assert (again.p == fitted.p).all() and again.knobs == fitted.knobs and again.notes == fitted.notes
    assert (again.transform(codes[:5] + 0.1) == fitted.transform(codes[:5] + 0.1)).all()


@pytest.mark.parametrize(
    "other", [{"n_neighbors": 10}, {"seed": 1}, {"dims": 3}, {"method": "lle"}, {"z": "other"}, {"library": "newer"}]
)
def test_anything_else_that_changes_makes_another_key(other, codes, monkeypatch):
    z = codes + 1 if "z" in other else codes
    if "library" in other:
        monkeypatch.setattr("manigen.projections._gpu.metadata.version", lambda name: "99")
    method = other.get("method", "isomap")
    settings = projections.card_of(method).settings({k: v for k, v in other.items() if k == "n_neighbors"})
    changed = maps.key(z, method, other.get("seed", 0), other.get("dims", 2), settings)
    monkeypatch.undo()
    assert changed != maps.key(codes, "isomap", 0, 2, projections.card_of("isomap").settings())


@pytest.mark.parametrize("damage", [b"", b"no npz", None])
def test_a_damaged_file_is_thrown_away_and_made_anew(damage, codes, place):
    fitted = maps.fit(codes, "isomap")
    (kept,) = place.glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:-200] if damage is None else damage)
    assert maps.known(codes, "isomap") is None
    assert (maps.fit(codes, "isomap").p == fitted.p).all()
    assert maps.known(codes, "isomap") is not None


def test_a_file_of_other_things_is_no_map(codes, place):
    maps.fit(codes, "isomap")
    (kept,) = place.glob("*.npz")
    np.savez(kept, something=np.arange(3))
    assert maps.known(codes, "isomap") is None
    assert len(maps.fit(codes, "isomap").p) == 200


def test_what_was_not_asked_for_longest_goes_first_under_the_limit(codes, place, monkeypatch):
    for seed in range(3):
        maps.fit(codes, "mds", seed=seed)
        time.sleep(0.02)
    assert maps.known(codes, "mds", seed=0) is not None  # asked for just now
    size = max(path.stat().st_size for path in place.glob("*.npz"))
    monkeypatch.setenv("MANIGEN_MAPS_MB", str(2.5 * size / 1e6))
    maps.fit(codes, "mds", seed=3)
    assert [maps.known(codes, "mds", seed=seed) is not None for seed in range(4)] == [True, False, False, True]
    monkeypatch.setenv("MANIGEN_MAPS_MB", "a lot")
    with pytest.raises(BadInput, match="must be a number of megabytes"):
        maps.limit()


def write_often(place, codes, times):
    maps.folder = lambda: place
    arrays = fit_map(codes, "pca").arrays()
    for _ in range(times):
        maps._write("shared", arrays)


def test_two_processes_may_write_and_one_read_the_same_file(codes, place):
    maps._write("shared", fit_map(codes, "pca").arrays())
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_often, args=(place, codes, 60)) for _ in range(2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert maps._read("shared")["p"].shape == (200, 2)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert [path.name for path in place.iterdir()] == ["shared.npz"]


def test_a_distortion_is_measured_once(codes, monkeypatch):
    p = codes[:, :2].copy()
    assert maps.known_distortion(codes, p) is None
    found = maps.distortion(codes, p)
    monkeypatch.setattr(maps._distortion, "of", never)
    assert maps.distortion(codes, p).figures == found.figures
    assert maps.known_distortion(codes, p + 1) is None


def test_a_shipped_distortion_is_found_where_the_user_has_none(codes, tmp_path, monkeypatch):
    p = codes[:, :2].copy()
    shipped = tmp_path / "shipped"
    maps.ship_distortion(codes, p, shipped)
    for kept in tmp_path.glob("*.npz"):
        kept.unlink()
    monkeypatch.setattr(maps, "SHIPPED", shipped)
    assert maps.known_distortion(codes, p) is not None


def test_a_full_disk_costs_nothing_but_time(codes, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setattr(maps, "folder", lambda: blocked / "maps")
    assert len(maps.fit(codes, "pca").p) == 200


@pytest.mark.parametrize("poor", ["one", "two", "equal", "copies", "a line"])
@pytest.mark.parametrize("method", ["pca", "umap", "isomap"])
def test_all_that_a_page_asks_of_a_map_is_answered_for_the_poorest_codes(method, poor, codes):
    z = {
        "one": codes[:1],
        "two": codes[:2],
        "equal": np.repeat(codes[:1], 30, axis=0),
        "copies": np.repeat(codes[:6], 5, axis=0),
        "a line": np.linspace(0, 1, 30, dtype="f")[:, None] * codes[:1],
    }[poor]
    fitted = maps.fit(z, method)
    if len(z) < 3:
        with pytest.raises(BadInput) as said:
            maps.distortion(z, fitted.p)
        assert is_one_sentence(str(said.value))
    else:
        assert all(np.isfinite(column).all() for column in maps.distortion(z, fitted.p).points.values())
    maps.take_best_way(fitted)
    assert np.isfinite(fitted.inverse_transform([[0.0, 0.0], [9.0, 9.0]])).all()
    assert np.isfinite(fitted.transform(z + 0.1)).all() and np.isfinite(fitted.gap([[0.0, 0.0]])).all()
    if len(z) < 2:
        with pytest.raises(BadInput) as said:
            maps.stability(fitted)
        assert is_one_sentence(str(said.value))
    else:
        assert np.isfinite(maps.stability(fitted).spread).all()
    assert (maps.known(z, method).p == fitted.p).all()


def test_codes_that_are_no_numbers_are_refused_in_a_sentence_and_nothing_is_kept(codes, place):
    codes[3, 1] = np.nan
    with pytest.raises(BadInput, match="row 3 holds NaN"):
        maps.fit(codes, "pca")
    with pytest.raises(BadInput, match="row 3 holds NaN"):
        maps.distortion(codes, codes[:, :2])
    assert not list(place.iterdir())
