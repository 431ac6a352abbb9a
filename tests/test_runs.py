"""The trainings' route, over HTTP: who may ask for what, and what comes back."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import manigen
from manigen import home
from manigen.live import doors, routes, runs
from manigen.live.protocol import unframe
from manigen.live.routes import Doorkeeper, Live
from manigen.workshop import Order, place
from manigen.workshop.worker import Worker

HERE = {"origin": "http://testserver"}
MINE, THEIRS = "k" * 32, "t" * 32  # the keys of two browsers


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Order:
    monkeypatch.setenv("MANIGEN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(runs.host(), "ensure", lambda: None)
    knobs = {"dim": 3, "width": 8}
    me = doors.of_key(MINE)
    return place(me, "autoencoder", "digits", "My first", images=640, batch=64, knobs=knobs, maps=["pca"])


@pytest.fixture
def client() -> TestClient:
    return browser(MINE)


@pytest.fixture(autouse=True)
def _doors_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = doors.Doors()
    for room in (runs, routes):
        monkeypatch.setattr(room, "doors", fresh)


def browser(key: str | None) -> TestClient:
    cookies = {} if key is None else {doors.KEY: key}
    return TestClient(Starlette(routes=Live().routes()), cookies=cookies)


def test_a_training_is_told_from_the_queue_to_its_zip_which_loads(order: Order, client: TestClient, tmp_path) -> None:
    address = f"/manigen/run/{order.token}"
    before = client.get(address).json()
    assert (before["state"], before["looks"], before["model"]) == ("waiting", 0, None)
    assert client.get(f"/manigen/own/{order.model}.zip").status_code == 404
    Worker(idle=0).run()
    after = client.get(address).json()
    assert (after["state"], after["model"]) == ("done", order.model)
    assert {"reconstruction", "total"} <= set(after["lines"][-1]["losses"])
    assert client.get(f"{address}?after={after['at']}").json()["lines"] == []
    header, _ = unframe(client.get(f"{address}/look/0").content)
    shapes = {column["name"]: column["shape"] for column in header["columns"]}
    assert shapes["points"] == [1000, 2]
    assert shapes["samples"] == [16, 8, 8, 1]
    zipped = client.get(f"/manigen/own/{order.model}.zip")
    assert "My-first.zip" in zipped.headers["content-disposition"]
    zipfile.ZipFile(io.BytesIO(zipped.content)).extractall(tmp_path)
    assert manigen.load(tmp_path / "My-first").dim == 3


def test_a_wish_comes_from_a_page_of_this_server_and_from_nobody_else(order: Order, client: TestClient) -> None:
    address = f"/manigen/run/{order.token}/wish"
    assert client.post(address, json={"wish": "pause"}).status_code == 403  # no page at all
    assert client.post(address, json={"wish": "pause"}, headers={"origin": "https://evil.example"}).status_code == 403
    assert order.wish == "run"
    assert client.post(address, json={"wish": "explode"}, headers=HERE).status_code == 400
    assert client.post(address, content=b"[1", headers=HERE).status_code == 400
    assert client.post(address, json={"wish": "pause"}, headers=HERE).json() == {"ok": True}
    assert order.wish == "pause"
    client.post(address, json={"wish": "delete"}, headers=HERE)
    assert not order.folder.exists()


def test_a_training_s_address_and_its_model_s_answer_its_owner_s_browser_alone(order: Order, client) -> None:
    Worker(idle=0).run()
    run, model = f"/manigen/run/{order.token}", order.model
    for stranger in (browser(THEIRS), browser(None), browser("short")):
        for path in (run, f"{run}/fixed", f"{run}/look/0", f"/manigen/own/{model}.zip", f"/manigen/map/{model}/pca"):
            assert client.get(path).status_code == 200, path
            assert stranger.get(path).status_code == 404, path
        assert stranger.post(f"{run}/wish", json={"wish": "delete"}, headers=HERE).status_code == 404
    assert order.folder.is_dir()


def test_a_hand_at_somebody_else_s_model_hears_that_there_is_none(order: Order, client: TestClient) -> None:
    Worker(idle=0).run()

    def told(one: TestClient, model: str) -> str:
        with one.websocket_connect("/manigen/live", headers=HERE) as socket:
            socket.send_text(json.dumps({"id": 1, "op": "rows", "channel": "a", "model": model, "rows": [0]}))
            answer = socket.receive()
        return answer.get("text") or unframe(answer["bytes"])[0]["op"]

    assert told(client, order.model) == "rows"
    gone = told(browser(THEIRS), order.model)
    assert "There is no model named" in gone
    assert gone.replace(order.model, "?") == told(browser(THEIRS), "own-" + "0" * 24).replace("own-" + "0" * 24, "?")


def test_who_is_signed_in_is_answered_in_each_browser_and_not_after_signing_out(order: Order, client) -> None:
    address, other, met = f"/manigen/run/{order.token}", browser(THEIRS), runs.doors
    met.admit(THEIRS, order.owner)
    assert other.get(address).status_code == 200
    met.admit(THEIRS, doors.of_key(THEIRS))
    assert other.get(address).status_code == 404
    met.admit(MINE, home.owner("user somebody"))  # what it made before it signed in is that browser's, not the user's
    assert client.get(address).status_code == 404


def test_a_browser_without_cookies_is_answered_about_what_its_session_made(order: Order) -> None:
    address, bare = f"/manigen/run/{order.token}", browser(None)
    assert bare.get(address).status_code == 404
    runs.doors.admit("", order.owner)
    assert bare.get(address).status_code == 200
    assert browser(THEIRS).get(address).status_code == 404


def test_another_site_s_page_is_told_nothing(order: Order, client: TestClient) -> None:
    evil = {"origin": "https://evil.example"}
    for path in (f"run/{order.token}", f"run/{order.token}/fixed", f"own/{order.model}.zip"):
        assert client.get(f"/manigen/{path}", headers=evil).status_code == 403


@pytest.mark.parametrize("token", ["0" * 24, "..%2f..%2fetc", "%00", "a" * 500])
def test_a_token_that_nobody_gave_out_finds_nothing(client: TestClient, token: str) -> None:
    assert client.get(f"/manigen/run/{token}").status_code == 404
    assert client.get(f"/manigen/own/own-{token}.zip").status_code == 404


def test_a_browser_is_given_a_key_when_it_opens_a_page_and_keeps_it() -> None:
    async def page(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"page"})

    browser = TestClient(Doorkeeper(page))
    first = browser.get("/", headers={"accept": "text/html"})
    key = first.headers["set-cookie"]
    assert "HttpOnly" in key
    assert "SameSite=Lax" in key
    assert "set-cookie" not in browser.get("/", headers={"accept": "text/html"}).headers  # it brings the first along
    assert "set-cookie" not in TestClient(Doorkeeper(page)).get("/script.js").headers
    other = TestClient(Doorkeeper(page)).get("/", headers={"accept": "text/html"})
    assert other.headers["set-cookie"] != key
