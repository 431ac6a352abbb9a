"""The trainings' route, over HTTP: who may ask for what, and what comes back."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import manigen
from manigen import home
from manigen.live import runs
from manigen.live.protocol import unframe
from manigen.live.routes import Doorkeeper, Live
from manigen.workshop import Order, place
from manigen.workshop.worker import Worker

HERE = {"origin": "http://testserver"}


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Order:
    monkeypatch.setenv("MANIGEN_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(runs.host(), "ensure", lambda: None)
    knobs = {"dim": 3, "width": 8}
    return place(home.owner("me"), "autoencoder", "digits", "My first", images=640, batch=64, knobs=knobs, maps=["pca"])


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=Live().routes()))


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
