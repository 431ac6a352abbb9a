"""A map of more points than a page can hold: what is sent of it is bounded, and counts every point."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from manigen import maps, measures, nearest, projections, weights
from manigen.errors import BadInput
from manigen.live import crowd, library, protocol
from manigen.live.crowd import Crowd
from manigen.live.engine import Engine
from manigen.live.library import Library
from manigen.live.routes import Live
from manigen.measures import _distortion
from manigen.nearest import Nearest
from manigen.projections import base
from manigen.weights import Codes
from tests.test_live import Plates

N = 3001
P = np.random.default_rng(5).normal(size=(N, 2)).astype(np.float32) * [3, 1]
LABELS = np.arange(N) % 3 - 1
BOXES = [None, (-1.0, 2.0, -0.5, 0.25), (0.1, 0.3, 0.0, 0.1), (90.0, 91.0, 0.0, 1.0)]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few points are sent, and of so few codes not every one is looked at."""
    monkeypatch.setattr(crowd, "SENT", 50)
    monkeypatch.setattr(crowd, "COARSEST", 40)
    for room in (nearest, library, _distortion, measures, base):
        monkeypatch.setattr(room, "MANY", 1000)


def inside(box: Any, hidden: Any = ()) -> np.ndarray:
    x0, x1, y0, y1 = box or (-np.inf, np.inf, -np.inf, np.inf)
    x, y = P.T
    return np.flatnonzero((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1) & ~np.isin(LABELS, list(hidden)))


@pytest.mark.parametrize("hidden", [(), (1,), (-1, 0, 1)])
@pytest.mark.parametrize("box", BOXES)
def test_the_density_counts_every_point_in_view_and_no_more_are_sent_than_may_be(
    box: Any, hidden: Any, few: None
) -> None:
    seen = Crowd(P, LABELS).view(box, 500, hidden)
    there = inside(box, hidden)
    assert seen.counts.sum() == seen.total == len(there)
    assert len(seen.rows) == min(50, len(there)) and np.isin(seen.rows, there).all()
    assert seen.counts.size <= 500
    assert ((seen.label == -2) == (seen.counts == 0)).all()


def test_zooming_in_only_adds_points_until_all_are_there(few: None) -> None:
    throng, box = Crowd(P, LABELS), np.array([-4.0, 4.0, -2.0, 2.0])
    before, counts = set(throng.view(tuple(box)).rows.tolist()), []
    for _ in range(8):
        box = box * 0.6
        seen = throng.view(tuple(box))
        still = set(inside(tuple(box)).tolist())
        assert before & still <= set(seen.rows.tolist())
        before, counts = set(seen.rows.tolist()), [*counts, seen.total]
    assert counts[0] > 50 and 0 < counts[-1] < 50 and len(before) == counts[-1]
    assert (throng.view(tuple(box)).rows == Crowd(P, LABELS).view(tuple(box)).rows).all()


def test_cells_hold_what_a_slow_count_finds() -> None:
    values = np.where(np.arange(N) % 7, np.linspace(0, 1, N), np.nan).astype(np.float32)
    seen = Crowd(P, LABELS).view((-2.0, 2.0, -1.0, 1.0), 50, values=values)
    high, wide = seen.counts.shape
    assert wide > high > 1 and seen.mean is not None
    for row in range(high):
        for column in range(wide):
            x = (P[:, 0] + 2) / 4 * wide
            y = (P[:, 1] + 1) / 2 * high
            here = np.flatnonzero((x >= column) & (x < column + 1) & (y >= row) & (y < row + 1))
            assert abs(int(seen.counts[row, column]) - len(here)) <= 1  # a point on a border, rounded
            if len(here) != seen.counts[row, column]:
                continue
            most = np.unique(LABELS[here], return_counts=True)
            assert not len(here) or seen.label[row, column] in most[0][most[1] == most[1].max()]
            known = values[here][np.isfinite(values[here])]
            assert not len(known) or np.isclose(seen.mean[row, column], known.mean(), atol=1e-5)


def test_points_in_one_place_and_boxes_without_width_are_counted_too() -> None:
    seen = Crowd(np.ones((70, 2), np.float32), np.full(70, -1)).view()
    assert seen.total == seen.counts.sum() == 70
    with pytest.raises(BadInput, match="smaller ones first"):
        Crowd(P, LABELS).view((1.0, 0.0, 0.0, 1.0))
    with pytest.raises(BadInput, match="finite"):
        Crowd(P, LABELS).view((float("nan"), 1.0, 0.0, 1.0))


# --- through the routes -----------------------------------------------------------------------------------------------


def plates_of(count: int) -> tuple[Codes, projections.Map]:
    z = np.random.default_rng(count).normal(size=(count, 2)).astype(np.float32)
    blank = np.full(count, np.nan, np.float32)
    codes = Codes(z, np.arange(count) % 3 - 1, np.full(count, 2), np.arange(count), blank, ("a", "b"))
    return codes, projections.Map.of_places(z, z * np.float32(2), "umap")


@pytest.fixture
def live(few: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Live]:
    monkeypatch.setattr(maps, "folder", lambda: tmp_path / "maps")
    engine = Engine(workers=1)
    models = Library(engine)
    for count in (400, 1500, 6000):
        codes, fitted = plates_of(count)
        models.register(f"plates-{count}", Plates(), codes, {"umap": fitted})
    yield Live(models)
    engine.stop()


@pytest.fixture
def client(live: Live) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=live.routes())) as client:
        yield client


def columns(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    header, payload = protocol.unframe(content)
    return header, {
        about["name"]: np.frombuffer(payload, about["dtype"], int(np.prod(about["shape"])), about["offset"]).reshape(
            about["shape"]
        )
        for about in header["columns"]
    }


def test_what_a_view_is_sent_does_not_grow_with_the_points(client: TestClient) -> None:
    bodies = [client.get(f"/manigen/map/plates-{n}/umap?box=-3,3,-3,3&cells=60").content for n in (1500, 6000)]
    assert abs(len(bodies[1]) - len(bodies[0])) <= 16  # the digits of the counts
    header, sent = columns(bodies[1])
    assert header["codes"] == 6000 and header["many"]["sent"] == len(sent["row"]) == 50
    assert sent["counts"].sum() == header["many"]["total"] > 3000
    codes, fitted = plates_of(6000)
    assert (sent["points"] == fitted.p[sent["row"]]).all() and (sent["label"] == codes.labels[sent["row"]]).all()
    assert len(client.get("/manigen/map/plates-400/umap").content) > 400 * 20  # few points all travel


def test_a_map_of_many_opens_with_the_view_of_all_of_it(client: TestClient) -> None:
    header, sent = columns(client.get("/manigen/map/plates-6000/umap").content)
    assert header["many"]["total"] == sent["counts"].sum() == 6000
    assert [label for label, *_ in header["many"]["middles"]] == [0, 1]


@pytest.mark.parametrize("query", ["box=1,2,3", "box=a,b,c,d", "box=2,1,0,1", "box=0,1,0,1&hidden=x", "box=0,inf,0,1"])
def test_a_view_that_no_page_of_ours_asks_for_is_refused_in_a_sentence(query: str, client: TestClient) -> None:
    reply = client.get(f"/manigen/map/plates-6000/umap?{query}")
    assert reply.status_code == 400 and "box" in reply.json()["error"]


def test_few_points_have_no_views(client: TestClient) -> None:
    assert client.get("/manigen/map/plates-400/umap?box=0,1,0,1").status_code == 400


def test_a_hover_among_many_says_where_its_neighbours_lie(client: TestClient) -> None:
    with client.websocket_connect("/manigen/live") as line:
        for n in (6000, 400):
            ask = {
                "op": "hover",
                "id": n,
                "channel": "h",
                "model": f"plates-{n}",
                "map": "umap",
                "at": [0.1, 0.2],
                "k": 4,
            }
            line.send_text(json.dumps(ask))
            header, _ = protocol.unframe(line.receive()["bytes"])
            rows = [neighbour["row"] for neighbour in header["neighbours"]]
            if n == 400:
                assert "where" not in header
                continue
            assert header["where"]["rows"] == rows
            assert np.allclose(header["where"]["at"], plates_of(6000)[1].p[rows], atol=1e-4)
    kin = client.get("/manigen/kin/plates-6000/umap/17").json()
    assert kin["where"]["rows"] == kin["rows"]


def test_where_a_map_of_many_lies_goes_along_with_its_views(live: Live, client: TestClient) -> None:
    opened = live.models.open("plates-6000")
    maps.distortion(opened.codes.z, opened.map("umap").p)
    header, sent = columns(client.get("/manigen/trust/plates-6000/umap").content)
    assert [about["name"] for about in header["columns"]] == ["hollow"] and not len(sent["hollow"])
    header, sent = columns(client.get("/manigen/map/plates-6000/umap?box=-3,3,-3,3&colour=torn").content)
    assert header["many"]["colour"] == "torn" and sent["torn"].shape == (50,)
    assert sent["mean"].shape == sent["counts"].shape


# --- what is measured on a sample of many -----------------------------------------------------------------------------


def test_figures_of_many_are_those_of_all_where_all_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    z = np.random.default_rng(0).normal(size=(700, 5)).astype(np.float32)
    p = (z[:, :2] + np.random.default_rng(1).normal(size=(700, 2)) * 0.3).astype(np.float32)
    exact = _distortion.of(z, p)
    monkeypatch.setattr(_distortion, "MANY", 100)
    monkeypatch.setattr(_distortion, "AMONG", 700)
    asked = _distortion.of(z, p)
    for name, (value, _) in exact.figures.items():
        assert asked.figures[name][0] == pytest.approx(value, abs=0.004), name
    for name, column in exact.points.items():
        assert np.allclose(asked.points[name], column, atol=0.02), name
    monkeypatch.setattr(_distortion, "ASKED", 200)
    some = _distortion.of(z, p)
    assert all(np.isfinite(column).sum() == 200 for column in some.points.values())
    assert np.isfinite(some.points["torn"][some.hollow]).all()
    for name in ("neighbour_recall", "trustworthiness", "continuity"):
        value, error = some.figures[name]
        assert abs(value - exact.figures[name][0]) < 5 * error, name
    assert measures.of_map(projections.Map.of_places(z, p)).keys() == exact.figures.keys()


def test_the_points_that_are_measured_are_those_that_are_shown_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_distortion, "MANY", 100)
    monkeypatch.setattr(_distortion, "ASKED", 90)
    z = np.random.default_rng(2).normal(size=(300, 3)).astype(np.float32)
    found = _distortion.of(z, z[:, :2])
    assert set(np.flatnonzero(np.isfinite(found.points["torn"]))) == set(crowd.order(300)[:90].tolist())


def test_typical_distance_of_many_is_that_of_all_and_copies_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    z = np.random.default_rng(3).normal(size=(2000, 4)).astype(np.float32)
    all_ = Nearest(z).typical
    monkeypatch.setattr(nearest, "MANY", 1000)
    assert Nearest(z).typical == pytest.approx(all_, rel=0.15)
    assert Nearest(np.repeat(z, 3, axis=0)).typical == pytest.approx(all_, rel=0.15)
    assert Nearest(np.zeros((2000, 3))).typical == 1.0


def test_of_many_codes_some_are_fitted_and_the_others_placed_with_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MANY", 300)
    monkeypatch.setattr(base, "PLACED", 100)
    card = projections.card_of("pacmap")
    monkeypatch.setitem(card.facts, "of_many", 120)  # type: ignore[arg-type]
    z = np.random.default_rng(4).normal(size=(500, 3)).astype(np.float32) + np.repeat(
        [[0, 0, 0], [9, 9, 9]], 250, axis=0
    )
    heard: list[tuple[float, str]] = []
    fitted = projections.fit_map(z, "pacmap", progress=lambda share, words, p: heard.append((share, words)))
    assert any("120 of 500" in note for note in fitted.notes)
    assert [share for share, _ in heard] == sorted(share for share, _ in heard)
    assert sum("placing" in words for _, words in heard) == 5
    middle = fitted.p.mean(axis=0)
    sides = np.sign((fitted.p - middle) @ (fitted.p[:250].mean(axis=0) - middle))
    assert (sides[:250] == 1).all() and (sides[250:] == -1).all()


def test_the_ways_back_of_many_points_leave_out_the_triangles(monkeypatch: pytest.MonkeyPatch) -> None:
    from manigen.projections import _back, _trials

    monkeypatch.setattr(_trials, "MANY", 200)
    assert set(_trials.measured(P[:500] @ np.ones((2, 3), np.float32), P[:500])) == set(_back.WAYS) - {"triangle"}


def test_the_same_codes_are_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    z, p = (np.random.default_rng(n).normal(size=(50, 2)).astype(np.float32) for n in (0, 1))
    hashed, hash_ = [], maps._hash
    monkeypatch.setattr(maps, "_hash", lambda parts: hashed.append(1) or hash_(parts))
    of = maps.distortion_key(z, p)
    assert maps.distortion_key(z, p) == of and len(hashed) == 1
    assert maps.distortion_key(z.copy(), p) == of and len(hashed) == 2
    assert maps.distortion_key(z + 1, p) != of and len(hashed) == 3


def test_a_crowd_is_drawn_laid_out_and_opened_as_a_model(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from manigen import cli

    made = tmp_path / "many"
    assert cli.main(["crowd", "mnist-fusion-2", "-n", "300", "--out", str(made), "--json"]) == 0
    monkeypatch.setenv("MANIGEN_WEIGHTS", str(tmp_path))
    codes, fitted = weights.codes("many"), weights.load_map("many", "pca")
    assert len(codes) == len(fitted.p) == 300 and "300 draws" in weights.info("many")["title"]
    shipped = weights.codes("mnist-fusion-2")
    assert (codes.labels == shipped.labels[Nearest(shipped.z).find(codes.z)[0][:, 0]]).all()
    assert np.isnan(codes.error).all()


def test_the_small_decoder_answers_for_many_points_as_for_few(monkeypatch: pytest.MonkeyPatch) -> None:
    z = (P[:400] @ np.random.default_rng(0).normal(size=(2, 3))).astype(np.float32)
    fitted = projections.Map.of_places(z, P[:400])
    fitted.way = "decoder"
    few = fitted.inverse_transform(P[400:420])
    monkeypatch.setattr(base, "MANY", 100)
    assert np.allclose(fitted.inverse_transform(P[400:420]), few, atol=1e-5)
