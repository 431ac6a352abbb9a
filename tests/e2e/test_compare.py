"""The Compare page in a real browser, on shipped models."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.e2e
MODELS = "/compare?models=mnist-vae~mnist-autoencoder~mnist-gan"
STAGE = '[data-column="{}"] .mg-frame canvas'
ALL = '.mg-compare[data-ready="all"]'


@pytest.fixture
def person(visit):
    one = visit(MODELS)
    one.page.wait_for_selector(ALL)
    return one


def shot(one, section: str, model: str, at: int):
    return one.page.locator(f'[data-id="{section}:{model}:{at}"]')


def lit(one, section: str, at: int) -> None:
    one.until(f"document.querySelector('.mg-compare').dataset.lit === '{section}-{at}'")


def test_the_picture_under_the_hand_is_shown_large_for_every_model_at_once(person):
    lit(person, "rebuilt", 0)
    before = {model: person.picture(STAGE.format(model)) for model in ("real", "mnist-vae", "mnist-autoencoder")}
    shot(person, "rebuilt", "mnist-vae", 7).hover()
    lit(person, "rebuilt", 7)
    after = {model: person.picture(STAGE.format(model)) for model in before}
    assert all(after[model] != before[model] for model in before)
    assert len(set(after.values())) == 3
    small = person.picture('[data-id="rebuilt:mnist-autoencoder:7"] canvas')
    assert after["mnist-autoencoder"] == small
    assert person.page.locator('[data-column="mnist-gan"] .mg-caption').inner_text() != ""


def test_the_keyboard_goes_from_picture_to_picture_and_from_model_to_model(person):
    shot(person, "sampled", "mnist-gan", 0).focus()
    person.page.keyboard.press("ArrowRight")
    lit(person, "sampled", 1)
    person.page.keyboard.press("ArrowDown")
    assert person.page.evaluate("document.activeElement.dataset.id") == "sampled:mnist-vae:1"
    label = person.page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert "generated" in label and "from data" in label and "to training" in label


def test_a_new_seed_brings_other_samples_and_the_link_brings_them_back(person, visit):
    picture = '[data-id="sampled:mnist-vae:0"] canvas'
    person.changes(lambda: person.page.get_by_role("button", name="Next seed").click(), picture)
    person.page.wait_for_url(re.compile("seed=1"))
    person.page.wait_for_selector(ALL)
    friend = visit("/compare?" + person.page.url.partition("?")[2])
    friend.page.wait_for_selector(ALL)
    friend.page.wait_for_function(
        "([s, wanted]) => document.querySelector(s)?.toDataURL() === wanted", arg=[picture, person.picture(picture)]
    )


def test_a_pair_of_classes_is_walked_by_every_model(person):
    person.page.locator('[data-id="ask:from"]').select_option("3")
    person.page.wait_for_url(re.compile("pair=3.x"))
    person.page.locator('[data-id="ask:to"]').select_option("8")
    person.page.wait_for_url(re.compile(r"pair=3\.8"))
    person.page.wait_for_selector('[data-id="walked:mnist-autoencoder:9"][aria-label*="from 3 to 8"]')


def test_each_measure_has_a_panel_of_its_own_below_the_table(person):
    person.page.get_by_role("radio", name="Measures").click()
    person.page.wait_for_selector(".mg-measures figure[data-measure]")
    table, *boxes = person.page.locator(".mg-tablebox, .mg-measures figure[data-measure]").evaluate_all(
        "(all) => all.map((one) => one.getBoundingClientRect().toJSON())"
    )
    assert len(boxes) > 10 and all(box["top"] >= table["bottom"] and box["width"] > 250 for box in boxes)
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            assert one["right"] <= other["left"] or one["bottom"] <= other["top"]


def test_the_table_sorts_explains_and_reports(person):
    person.page.get_by_role("radio", name="Measures").click()
    person.page.wait_for_selector(".mg-measures table")
    heads = person.page.locator(".mg-measures thead th")
    person.page.locator('[data-id="sort:coverage"]').click()
    person.page.wait_for_selector('.mg-measures[data-sort="coverage"]')
    best = heads.nth(1).inner_text()
    assert person.page.locator('tr[data-measure="coverage"] td').first.locator(".mg-best").count() == 1
    person.page.locator('[data-id="sort:coverage"]').click()
    person.page.wait_for_selector('.mg-measures[data-sort="-coverage"]')
    assert heads.last.inner_text() == best
    person.page.locator('[data-id="why:coverage"]').click()
    assert "Naeem" in person.page.locator(".mg-why").inner_text()
    person.page.keyboard.press("Escape")
    person.until("!document.querySelector('.mg-why').matches(':popover-open')")
    person.page.get_by_role("button", name="Export").click()
    with person.page.expect_download() as download:
        person.page.get_by_role("button", name="Report as one HTML page").click()
    page = download.value.path().read_text(encoding="utf-8")
    assert "<script" not in page and page.count("data:image/png") >= 9 and "python -m manigen measure mnist-vae" in page
