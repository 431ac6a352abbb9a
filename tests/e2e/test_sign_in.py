"""Signed in: what a person uploads is theirs in every browser, and no other person's in the same one."""

from __future__ import annotations

import io
import os
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from benchmarks.browser import ROOT, free_port, served
from tests.e2e.provider import PEOPLE, provided, secrets_toml

pytestmark = pytest.mark.e2e
MINE = "/train?make=pictures"


def zipped(count: int = 4) -> bytes:
    buffer, rng = io.BytesIO(), np.random.default_rng(0)
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(count):
            with archive.open(f"{number}.png", "w") as entry:
                Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8)).save(entry, "PNG")
    return buffer.getvalue()


@pytest.fixture
def door(tmp_path, visit):
    """Opens the page of one's own pictures in a new browser, on a server where people can sign in."""
    port, house = free_port(), tmp_path / "house"
    address = f"http://127.0.0.1:{port}"
    (house / ".streamlit").mkdir(parents=True)
    with provided() as provider:
        (house / ".streamlit" / "secrets.toml").write_text(secrets_toml(provider, address))
        places = {"MANIGEN_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(house)}
        with served(ROOT / "app.py", port=port, PYTHONPATH=os.pathsep.join(sys.path), **places):
            yield lambda: visit(MINE, address)


def sign_in(one, who: str) -> None:
    one.page.get_by_role("button", name="Sign in").click()
    one.page.get_by_role("link", name=PEOPLE[who]).click()
    one.page.get_by_text(PEOPLE[who]).wait_for()
    one.page.get_by_text("Add pictures").wait_for()  # where it was pressed


def test_what_a_person_uploads_is_theirs_everywhere_and_nobody_elses(door) -> None:
    here, there = door(), door()
    mine = "My four pictures"
    sign_in(here, "ada")
    here.page.locator("input[type=file]").set_input_files(
        {"name": f"{mine}.zip", "mimeType": "application/zip", "buffer": zipped()}
    )
    here.page.get_by_text(mine, exact=True).wait_for()
    sign_in(there, "ada")  # another browser, the same person
    there.page.get_by_text(mine, exact=True).wait_for()
    here.page.get_by_role("button", name=PEOPLE["ada"]).click()
    here.page.get_by_role("button", name="Sign out").click()
    here.page.get_by_role("button", name="Sign in").wait_for()
    here.page.get_by_text("Add pictures").wait_for()
    assert here.page.get_by_text(mine, exact=True).count() == 0  # the browser alone has nothing
    sign_in(here, "emmy")  # the same browser, another person
    assert here.page.get_by_text(mine, exact=True).count() == 0
