"""The Train page in a real browser: order a training, watch it, leave and come back, open what it made."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.e2e


def test_a_training_is_ordered_watched_left_found_again_and_opened(visit):
    one = visit("/train")
    one.page.get_by_role("button", name="Start training").wait_for()
    one.page.get_by_role("slider").first.focus()
    one.page.keyboard.press("Home")  # the shortest training there is
    one.page.get_by_text("Batch, learning rate, seed, map").click()
    one.page.get_by_role("radio", name="PCA").click()
    one.page.get_by_text("7 rounds").wait_for()
    one.page.get_by_role("button", name="Start training").click()
    one.page.wait_for_selector(".mg-train[data-look]")
    one.page.wait_for_selector(".mg-curve")
    address = one.page.url.removeprefix(one.address).partition("/train")[2]
    one.page.close()
    one.page = one.open("")
    one.page.goto(one.page.url.rstrip("/") + "/train" + address)
    one.page.wait_for_selector(".mg-train[data-state=done]", timeout=120_000)
    one.page.locator(".mg-time").focus()
    one.page.keyboard.press("Home")
    one.page.wait_for_selector('.mg-train[data-look="0"]')
    first = one.picture(".mg-forming canvas")
    one.page.keyboard.press("End")
    one.until("([s, b]) => document.querySelector(s).toDataURL() !== b", [".mg-forming canvas", first])
    one.page.locator(".mg-figures dd").first.wait_for()
    one.page.get_by_role("button", name="Open in Explore").click()
    one.page.wait_for_selector('.mg-map[data-painted]:not([data-painted=""])')
    assert re.search(r"model=own-[0-9a-f]{24}", one.page.url)
    stranger = visit("/" + one.page.url.rpartition("/")[2])
    stranger.page.get_by_text("There is no model named").wait_for()  # it is nobody else's
