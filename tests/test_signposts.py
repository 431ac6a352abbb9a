"""Signposts: /explore leads to the first page, and who signs in comes back to the page that was left."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from manigen.live import doors, signposts

HERE, THERE = "k" * 32, "j" * 32


def street(base: str = "", home: str | None = None) -> Starlette:
    """An app with Streamlit's three ways of signing in, which lead everybody to `home`."""

    def to_provider(_: Request) -> Response:
        return RedirectResponse("https://provider.example/authorize", 302)

    def to_first(_: Request) -> Response:
        return RedirectResponse(f"{base}/" if home is None else home, 302)

    ways = {"/auth/login": to_provider, "/auth/logout": to_provider, "/oauth2callback": to_first}
    return Starlette(
        routes=[
            *(Route(base + path, way) for path, way in ways.items()),
            Route(f"{base}/{{page:path}}", lambda request: PlainTextResponse(request.url.path)),
        ],
        middleware=[Middleware(signposts.Signposts, base=base)],
    )


def browser(app: Starlette, key: str | None = HERE) -> TestClient:
    return TestClient(app, cookies={doors.KEY: key} if key else {}, follow_redirects=False)


def signed(client: TestClient, came: str, base: str = "", way: str = "login") -> str:
    client.get(f"{base}/auth/{way}", headers={"referer": came} if came else {})
    return client.get(f"{base}/oauth2callback?code=1").headers["location"]


@pytest.mark.parametrize("base", ["", "/demo"])
@pytest.mark.parametrize(
    ("asked", "place"), [("/explore", "/"), ("/explore/", "/"), ("/explore?a=1&b=%7E", "/?a=1&b=%7E")]
)
def test_explore_leads_to_the_first_page_with_its_link(base: str, asked: str, place: str) -> None:
    answer = browser(street(base)).get(base + asked)
    assert (answer.status_code, answer.headers["location"]) == (307, base + place)


@pytest.mark.parametrize("asked", ["/", "/explorer", "/train?make=runs", "/explore/more"])
def test_other_pages_are_where_they_were(asked: str) -> None:
    assert browser(street()).get(asked).text == asked.partition("?")[0]


@pytest.mark.parametrize("way", ["login", "logout"])
@pytest.mark.parametrize("base", ["", "/demo"])
def test_one_comes_back_to_the_page_and_link_one_left(base: str, way: str) -> None:
    link = f"{base}/train?make=pictures&lang=zh"
    assert signed(browser(street(base)), f"https://a.example{link}", base, way) == link


def test_a_long_link_comes_back_whole() -> None:
    link = "/interpolate?walk=" + "A" * 20_000
    assert signed(browser(street()), f"http://a.example{link}") == link


def test_two_browsers_come_back_to_their_own_pages_and_once_only() -> None:
    app = street()
    here, there = browser(app), browser(app, THERE)
    here.get("/auth/login", headers={"referer": "http://a.example/train"})
    there.get("/auth/login", headers={"referer": "http://a.example/learn"})
    assert here.get("/oauth2callback").headers["location"] == "/train"
    assert there.get("/oauth2callback").headers["location"] == "/learn"
    assert here.get("/oauth2callback").headers["location"] == "/"


@pytest.mark.parametrize(
    "came",
    ["", "http://a.example", "http://a.example//b.example/x", "http://a.example/\\b.example", "javascript:alert(1)",
     "http://a.example/" + "x" * 70_000],
)  # fmt: skip
def test_nothing_else_is_led_to(came: str) -> None:
    assert signed(browser(street()), came) == "/"


def test_a_page_outside_the_path_of_the_app_is_not_come_back_to() -> None:
    assert signed(browser(street("/demo")), "http://a.example/other?x=1", "/demo") == "/demo/"


def test_without_a_key_the_way_is_streamlits_own() -> None:
    assert signed(browser(street(), None), "http://a.example/train") == "/"


def test_an_answer_that_leads_elsewhere_still_does() -> None:
    assert signed(browser(street(home="https://provider.example/error")), "http://a.example/train") == (
        "https://provider.example/error"
    )


def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signposts, "KEPT", 1)
    app = street()
    for key in (HERE, THERE):
        browser(app, key).get("/auth/login", headers={"referer": "http://a.example/train"})
    assert browser(app).get("/oauth2callback").headers["location"] == "/"
    assert browser(app, THERE).get("/oauth2callback").headers["location"] == "/train"
