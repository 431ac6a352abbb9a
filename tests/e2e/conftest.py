"""A real server and a real browser, shared by all tests here; each test has a session of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchmarks.browser import ROOT, chromium, served

READY = '[data-painted="plotly"]'


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running ManiGen, with a home and a cache of its own."""
    home, cache = (str(tmp_path_factory.mktemp(name)) for name in ("home", "cache"))
    with served(ROOT / "app.py", MANIGEN_HOME=home, XDG_CACHE_HOME=cache) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    try:
        with chromium() as running:
            yield running
    except Exception as problem:
        if "Executable doesn't exist" in str(problem):
            pytest.fail("No Chromium is here; `python3 -m tests` installs one.")
        raise


class Visit:
    """One person's browser: a context of its own, what went wrong in it, and whom it asked for anything."""

    def __init__(self, browser: Any, address: str, width: int = 1280, height: int = 800, **more: Any) -> None:
        self.address = address
        self.context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **more)
        self.problems: list[str] = []
        self.hosts: set[str] = set()
        self.page = self.open()

    def open(self, path: str = "") -> Any:
        page = self.context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("websocket", lambda socket: self.hosts.add(urlsplit(socket.url).netloc))
        page.goto(self.address + path)
        return page

    def picture(self, selector: str = ".mg-stage .mg-frame canvas", page: Any = None) -> str:
        """Return what a canvas shows, as text that is the same for the same pixels."""
        return (page or self.page).evaluate("(s) => document.querySelector(s).toDataURL()", selector)

    def place(self, x: float, y: float, selector: str = ".mg-map") -> tuple[float, float]:
        """Return the pixel at shares x, y of an element."""
        box = self.page.locator(selector).first.bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def until(self, condition: str, *given: Any) -> None:
        """Wait until a JavaScript expression, or function of what is given, is true in the page."""
        self.page.wait_for_function(condition, arg=given[0] if given else None)

    def settled(self) -> None:
        """Wait until the page's script has run to its end."""
        self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')

    def changes(self, act: Callable[[], Any], selector: str = ".mg-stage .mg-frame canvas") -> str:
        """Do something, wait until a canvas shows another picture, and return that."""
        before = self.picture(selector)
        act()
        self.page.wait_for_function(
            "([s, before]) => document.querySelector(s).toDataURL() !== before", arg=[selector, before]
        )
        return self.picture(selector)


@pytest.fixture
def visit(browser: Any, app: str) -> Iterator[Callable[..., Visit]]:
    """Open pages as different people; afterwards: no script failed, and no other host was asked for anything."""
    visits: list[Visit] = []

    def come(path: str = "", address: str = app, **more: Any) -> Visit:
        visits.append(Visit(browser, address + path, **more))
        visits[-1].address = address
        return visits[-1]

    yield come
    problems = [problem for one in visits for problem in one.problems]
    hosts = {host for one in visits for host in one.hosts if host}
    for one in visits:
        one.context.close()
    assert not problems
    assert all(host.startswith("127.0.0.1:") for host in hosts), hosts


@pytest.fixture
def explore(visit: Callable[..., Visit]) -> Visit:
    """Someone on the Explore page, its map drawn, the tour ended by a first hand."""
    one = visit()
    one.page.wait_for_selector(READY)
    one.page.mouse.move(*one.place(0.5, 0.5))
    one.page.wait_for_selector(".mg-map[data-shown]")
    return one


def shots(name: str) -> Path:
    """Where a test may leave a picture for people to look at; not kept by git."""
    folder = ROOT / "test-artifacts"
    folder.mkdir(exist_ok=True)
    return folder / f"{name}.png"
