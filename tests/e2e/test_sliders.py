"""The Sliders page in a real browser, on a shipped model."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.e2e
STAGE = ".mg-stage .mg-frame canvas"
TRACK = ".mg-list .mg-track"


@pytest.fixture
def person(visit):
    one = visit("/sliders")
    one.page.wait_for_selector(TRACK)
    one.until(f"document.querySelector('{STAGE}').width === 28")
    return one


def drag(one, share: float, row: int = 0) -> None:
    box = one.page.locator(TRACK).nth(row).bounding_box()
    one.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    one.page.mouse.down()
    one.page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2, steps=10)


def test_every_number_has_a_slider_and_the_strongest_comes_first(person):
    person.until("[...document.querySelectorAll('.mg-number')].every((one) => /\\d/.test(one.textContent))")
    numbers = person.page.locator(".mg-number").all_inner_texts()
    effects = [float(re.search(r"[\d.]+", number).group()) for number in numbers]
    assert len(effects) == 16
    assert effects == sorted(effects, reverse=True)


def test_the_picture_follows_a_slider_before_it_is_let_go(person):
    person.changes(lambda: drag(person, 0.9), STAGE)
    person.changes(lambda: person.page.mouse.move(*person.place(0.15, 0.5, TRACK)), STAGE)
    person.page.mouse.up()


def test_the_keyboard_turns_a_slider_and_undo_turns_it_back(person):
    before = person.picture(STAGE)
    person.page.locator(TRACK).first.focus()
    person.changes(lambda: [person.page.keyboard.press("PageUp") for _ in range(3)], STAGE)
    person.page.wait_for_selector('.mg-deck button[aria-label^="Undo"]:enabled')
    person.page.locator('.mg-deck button[aria-label^="Undo"]').click()
    person.page.wait_for_function("([s, b]) => document.querySelector(s).toDataURL() === b", arg=[STAGE, before])


def test_mean_random_and_a_class_are_places_to_start_from(person):
    seen = {person.changes(lambda: person.page.get_by_role("button", name="Mean").click(), STAGE)}
    seen.add(person.changes(lambda: person.page.locator(".mg-drawer").click(), STAGE))
    seen.add(person.changes(lambda: person.page.locator(".mg-drawer").click(), STAGE))  # the next draw is another one
    seen.add(person.changes(lambda: person.page.locator(".mg-classes .mg-chip").last.click(), STAGE))
    assert len(seen) == 4


def test_a_link_restores_the_very_same_picture(person, visit):
    person.page.wait_for_url(re.compile(r"code="))
    before = person.page.url
    person.changes(lambda: drag(person, 0.8), STAGE)
    person.page.mouse.up()
    person.page.wait_for_url(lambda url: url != before)
    friend = visit("/sliders?" + person.page.url.partition("?")[2])
    friend.page.wait_for_function(
        "([s, wanted]) => document.querySelector(s)?.toDataURL() === wanted", arg=[STAGE, person.picture(STAGE)]
    )


def test_principal_directions_are_another_basis_of_the_same_code(person):
    before = person.picture(STAGE)
    person.page.get_by_role("radio", name="Principal directions").click()
    person.page.wait_for_url(re.compile("basis="))
    person.page.wait_for_function("([s, b]) => document.querySelector(s).toDataURL() === b", arg=[STAGE, before])


def test_a_class_has_a_slider_and_turning_it_moves_the_others_with_it(visit):
    one = visit("/sliders?basis=classes")
    one.page.wait_for_selector(TRACK)
    one.until(f"document.querySelectorAll('{TRACK}').length === 10")
    one.until(f"document.querySelector('{STAGE}').width === 28")
    one.page.get_by_role("button", name="Mean").click()
    one.until("[...document.querySelectorAll('.mg-value')].every((value) => value.textContent.startsWith('0.00'))")
    one.page.get_by_role("slider", name="→ 7").focus()
    one.changes(lambda: [one.page.keyboard.press("PageUp") for _ in range(3)], STAGE)
    one.until("[...document.querySelectorAll('.mg-value')].every((value) => !value.textContent.startsWith('0.00'))")
    assert one.page.get_by_role("slider", name="→ 7").get_attribute("aria-valuenow") == "1.50"


def test_three_pinned_pictures_make_an_analogy(person):
    for chip in range(3):
        person.changes(lambda at=chip: person.page.locator(".mg-classes .mg-chip").nth(at + 2).click(), STAGE)
        person.page.locator(".mg-pinner").click()
        person.until("(n) => document.querySelectorAll('.mg-pin').length === n", chip + 1)
        assert person.page.get_by_role("button", name="1 − 2 + 3").is_disabled() == (chip < 2)
    made = person.changes(lambda: person.page.get_by_role("button", name="1 − 2 + 3").click(), STAGE)
    assert made != person.changes(lambda: person.page.get_by_role("button", name="Mean").click(), STAGE)


def test_a_long_code_shows_its_strongest_rows_first_and_the_rest_on_demand(visit):
    one = visit("/sliders?model=lines-autoencoder")
    one.page.wait_for_selector(TRACK)
    assert one.page.locator(TRACK).count() == 12
    one.page.locator(".mg-more").click()
    one.until("document.querySelectorAll('.mg-list .mg-track').length === 64")


def test_on_a_phone_the_picture_stays_in_view_while_the_rows_scroll(visit):
    one = visit("/sliders", width=390, height=844)
    one.page.wait_for_selector(TRACK)
    one.page.locator(TRACK).nth(14).scroll_into_view_if_needed()
    box = one.page.locator(".mg-stage .mg-frame").bounding_box()
    assert box["y"] < 844
    assert box["y"] + box["height"] > 60


def test_a_lasso_becomes_a_named_slider_that_a_link_restores_and_its_middle_a_pin(explore, visit):
    page = explore.page
    page.get_by_role("button", name="Select a box").click()
    page.mouse.move(*explore.place(0.15, 0.2))
    page.mouse.down()
    page.mouse.move(*explore.place(0.5, 0.7), steps=6)
    page.mouse.up()
    page.get_by_role("button", name="Pin its middle").click()
    page.wait_for_selector(".mg-pin")
    page.get_by_role("textbox", name="Name of the slider").fill("my ~ corner")
    page.get_by_role("textbox", name="Name of the slider").press("Enter")
    page.get_by_role("button", name="Make a slider").click()
    page.wait_for_url(re.compile(r"/sliders\?.*selections="))
    page.locator(TRACK).first.wait_for()
    said = re.compile(r"^→ my corner · [\d,]+$")
    page.locator(".mg-what").get_by_text(said).wait_for()
    friend = visit(page.url.removeprefix(explore.address))
    friend.page.locator(".mg-what").get_by_text(said).wait_for()
    assert friend.page.locator(TRACK).count() == 1
    friend.changes(lambda: drag(friend, 0.95), STAGE)
    friend.page.mouse.up()
    friend.page.get_by_role("button", name="Groups").click()
    friend.page.get_by_role("button", name="Remove", exact=True).locator("visible=true").click()
    friend.page.wait_for_url(lambda url: "selections=" not in url)
    friend.page.locator(".mg-what").get_by_text(said).wait_for(state="detached")
    friend.page.wait_for_function("document.querySelectorAll('.mg-track').length > 1")  # another kind of slider is back
