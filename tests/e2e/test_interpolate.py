"""The Interpolate page in a real browser, on a shipped model."""

from __future__ import annotations

import re

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.e2e
LOOK = ".mg-look:nth-of-type({}) canvas"
FIRST, SECOND = LOOK.format(1), LOOK.format(2)
BOUNCE, LOOP = "There and back. Press", "Starts again at the end. Press"
HEAT = "How much the picture changes for a step"


@pytest.fixture
def walker(visit):
    """Someone on the page with the two ends it opens with, every frame decoded."""
    return ready(visit("/interpolate"))


def ready(one):
    one.page.wait_for_selector('.mg-row[data-kind="straight"][data-empty="false"]')
    one.page.wait_for_selector('.mg-row[data-kind="density"][data-empty="false"]')
    return one


def film(one):
    return one.page.locator(".mg-scrub")


def t(one) -> float:
    return float(film(one).get_attribute("aria-valuenow"))


def drag(one, start: float, end: float, steps: int = 12) -> None:
    one.page.mouse.move(*one.place(start, 0.5, ".mg-track"))
    one.page.mouse.down()
    one.page.mouse.move(*one.place(end, 0.5, ".mg-track"), steps=steps)


def test_a_first_visit_is_not_empty(walker):
    assert walker.page.locator(".mg-end").count() == 2
    assert walker.page.locator(".mg-row").count() == 2
    assert walker.picture(FIRST) != walker.picture(SECOND)
    own = walker.page.locator('.mg-row[data-kind="density"]')
    assert "of all kinds of path" in own.locator(".mg-own").get_attribute("title")
    assert re.fullmatch(r"converged, residual .*%", own.locator('[data-of="search"] dd').text_content())
    length, energy = (float(own.locator(f'[data-of="{of}"] dd').text_content()) for of in ("length", "energy"))
    assert energy >= 0.99 * length**2 > 0
    assert walker.page.locator(".mg-own").count() == 1


def test_why_a_walk_is_longer_is_told_where_no_straight_line_is_on_the_page(visit):
    one = visit("/interpolate?kinds=graph~density")
    for kind in ("graph", "density"):
        row = one.page.locator(f'.mg-row[data-kind="{kind}"]')
        row.get_by_text(re.compile(r"\d+ % longer than the straight line: .* the straight line is \d")).wait_for()
    assert one.page.locator('.mg-row[data-kind="straight"]').count() == 0


def test_pictures_change_while_the_hand_drags_and_both_kinds_move_together(walker):
    drag(walker, 0.1, 0.1)
    seen = [walker.picture(FIRST)], [walker.picture(SECOND)]
    for at in (0.3, 0.5, 0.7, 0.9):  # the button stays down: nothing waits for its release
        for selector, pictures in zip((FIRST, SECOND), seen, strict=True):
            if selector == FIRST:
                walker.changes(lambda at=at: walker.page.mouse.move(*walker.place(at, 0.5, ".mg-track")), FIRST)
            pictures.append(walker.picture(selector))
    walker.page.mouse.up()
    assert len(set(seen[0])) == 5
    assert len(set(seen[1])) == 5


def test_exact_pictures_come_again_under_a_moving_hand_after_a_slow_answer(walker):
    own = "document.querySelector('.mg-interpolate').parentElement.manigen"
    exact = "document.querySelector('.mg-interpolate').dataset.exact"
    left, right = (walker.place(x, 0.5, ".mg-track") for x in (0.2, 0.8))
    walker.page.mouse.move(*left)
    walker.page.mouse.down()
    walker.page.wait_for_timeout(500)  # what was asked for before has come
    walker.page.evaluate(f"{own}.pace = 1e9")  # as after an answer that took very long
    before = walker.page.evaluate(exact)
    for step in range(500):
        share = (step % 50) / 50
        walker.page.mouse.move(left[0] + share * (right[0] - left[0]), left[1])
        if walker.page.evaluate(exact) != before:
            break
        walker.page.wait_for_timeout(20)
    assert walker.page.evaluate(exact) != before
    walker.page.mouse.up()


def test_the_keyboard_walks_and_reaches_both_ends(walker):
    film(walker).focus()
    before = t(walker)
    walker.changes(lambda: [walker.page.keyboard.press("ArrowRight") for _ in range(5)], FIRST)
    assert t(walker) > before
    walker.page.keyboard.press("Home")
    start = walker.picture(FIRST)
    assert t(walker) == 0
    assert start == walker.picture(SECOND)  # both kinds begin at the same picture
    walker.page.keyboard.press("End")
    walker.page.wait_for_function("document.querySelector('.mg-scrub').getAttribute('aria-valuenow') != 0")
    assert walker.picture(FIRST) != start


def test_play_moves_by_itself_and_space_stops_it(walker):
    film(walker).focus()
    walker.page.keyboard.press("Home")
    walker.changes(lambda: walker.page.keyboard.press("Space"), FIRST)
    walker.changes(lambda: None, FIRST)
    walker.page.keyboard.press("Space")


def test_a_link_restores_the_very_same_picture(walker, visit):
    drag(walker, 0.3, 0.37)
    walker.page.mouse.up()
    walker.page.wait_for_url(re.compile(r"walk=[^&]+~.*"))
    walker.page.wait_for_url(re.compile(r"[?&]t=0\.3\d+"))
    for name, told in ((BOUNCE, "bounce=0"), (HEAT, "heat=1")):
        walker.page.get_by_role("button", name=name).click()
        walker.page.wait_for_url(re.compile(f"[?&]{told}"))
    friend = ready(visit("/interpolate?" + walker.page.url.partition("?")[2] + "&beyond=0.5"))  # and past the ends
    friend.page.wait_for_function(
        "(t) => document.querySelector('.mg-scrub').getAttribute('aria-valuenow') === t",
        arg=film(walker).get_attribute("aria-valuenow"),
    )
    for selector in (FIRST, SECOND):
        same = "([s, wanted]) => document.querySelector(s).toDataURL() === wanted"
        friend.page.wait_for_function(same, arg=[selector, walker.picture(selector)])

    friend.page.wait_for_selector(f'.mg-tools [aria-label^="{HEAT}"][aria-pressed="true"]')
    friend.page.get_by_role("button", name=LOOP).wait_for()
    friend.page.wait_for_selector(".mg-onward:not([hidden])")
    friend.page.wait_for_function("document.querySelector('.mg-note').textContent.includes('Past its ends')")
    film(friend).focus()
    for key, end in (("End", 150), ("PageUp", 150), ("PageDown", 100), ("PageDown", 0), ("PageDown", -50)):
        friend.page.keyboard.press(key)
        assert t(friend) == end


def test_a_click_on_the_map_adds_an_end_and_undo_takes_it_back(walker):
    walker.page.mouse.click(*walker.place(0.5, 0.45, ".mg-map"))
    walker.page.wait_for_function("document.querySelectorAll('.mg-end').length === 3")
    walker.page.locator(".mg-transport .mg-round").last.click()
    walker.page.wait_for_function("document.querySelectorAll('.mg-end').length === 2")


def test_dragging_an_end_on_the_map_walks_elsewhere_while_it_moves(walker):
    film(walker).focus()
    walker.page.keyboard.press("Home")
    box = walker.page.locator(".mg-handle").first.bounding_box()
    walker.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    walker.page.mouse.down()
    walker.changes(lambda: walker.page.mouse.move(*walker.place(0.6, 0.6, ".mg-map"), steps=8), FIRST)
    walker.page.mouse.up()


SKETCHES = """window.sketches = []
new MutationObserver((changes) => changes
  .filter(({ target }) => target.matches('.mg-row[data-kind="pullback"]'))
  .forEach(({ target }) => sketches.push(target.dataset.sketch)))
  .observe(document, { subtree: true, attributeFilter: ["data-sketch"] })"""


def test_a_search_is_sketched_at_once_also_under_a_dragging_hand_and_then_refined(visit):
    one = visit("/learn")  # a page without walks, so that nothing is missed before somebody watches
    one.context.add_init_script(SKETCHES)
    one.page = one.open("/interpolate?model=mnist-vae&kinds=straight~pullback")
    row = '.mg-row[data-kind="pullback"][data-sketch="{}"]'
    one.page.wait_for_selector(row.format("false"))
    assert one.page.evaluate("sketches")[:2] == ["true", "false"]
    at = one.page.locator(".mg-handle").first.bounding_box()
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    one.page.mouse.move(x, y)
    one.page.mouse.down()
    one.changes(lambda: one.page.mouse.move(x + 60, y + 20, steps=4), FIRST)
    one.changes(lambda: one.page.mouse.move(x + 90, y + 20, steps=4), SECOND)
    one.page.wait_for_selector(row.format("true"))
    one.page.mouse.up()
    one.page.wait_for_selector(row.format("false"))
    assert "first sketch" not in one.page.locator('.mg-row[data-kind="pullback"] .mg-note').text_content()


TALK = """window.talk = []
const send = WebSocket.prototype.send
const head = (data) => JSON.parse(new TextDecoder().decode(data.slice(4, 4 + new DataView(data).getUint32(0, true))))
WebSocket.prototype.send = function (message) {
  const { id, report } = typeof message === "string" ? JSON.parse(message) : {}
  if (typeof message !== "string") talk.push("the page hears")
  if (report) this.addEventListener("message", ({ data }) => head(data).id === id && talk.push("an answer"))
  return send.call(this, message)
}"""
ENDS = "document.querySelector('.mg-interpolate').parentElement.manigen.ends.codes"


@pytest.fixture
def talking(visit):
    """Someone on the page with one walk; who is told what is written down."""
    one = visit("/learn")
    one.context.add_init_script(TALK)
    one.page = one.open("/interpolate?kinds=straight")
    one.page.wait_for_selector('.mg-row[data-kind="straight"][data-empty="false"]')
    one.page.wait_for_selector('[data-painted="plotly"]')
    one.settled()
    one.page.evaluate("talk.length = 0")
    return one


def let_an_end_go(one) -> list[float]:
    """Drag the first end somewhere and let it go; return its code there."""
    before = one.page.evaluate(f"{ENDS}[0]")
    at = one.page.locator(".mg-handle").first.bounding_box()
    one.page.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
    one.page.mouse.down()
    one.page.mouse.move(*one.place(0.6, 0.6, ".mg-map"), steps=4)
    one.page.mouse.up()
    one.page.wait_for_function(f"(before) => String({ENDS}[0]) !== String(before)", arg=before)
    return one.page.evaluate(f"{ENDS}[0]")


def test_the_page_s_script_does_not_take_the_processor_from_the_walks_of_an_end_let_go(talking):
    link = talking.page.evaluate("location.search")
    let_an_end_go(talking)
    talking.until("(link) => location.search !== link", link)
    said = talking.page.evaluate("talk")
    assert said.index("an answer") < said.index("the page hears")


def test_an_end_let_go_is_kept_when_one_leaves_before_it_is_walked_to(talking):
    own = ENDS.removesuffix(".ends.codes")
    talking.page.evaluate(f"{own}.take = () => null")  # no walk ever comes
    code = let_an_end_go(talking)
    talking.page.evaluate(f"clearTimeout({own}.telling)")  # and no time passes
    talking.page.get_by_role("link", name="Learn").hover()
    talking.page.mouse.down()
    talking.until("() => talk.includes('the page hears')")
    talking.page.mouse.up()
    talking.page.wait_for_selector(".mg-lesson-card")
    talking.page.get_by_role("link", name="Interpolate").click()
    talking.page.wait_for_selector('.mg-row[data-kind="straight"][data-empty="false"]')
    assert np.allclose(talking.page.evaluate(f"{ENDS}[0]"), code, atol=1e-4)


def test_the_hills_of_the_metric_lie_under_the_paths(visit):
    one = visit("/interpolate?model=mnist-vae&kinds=straight")
    one.page.wait_for_selector('[data-painted="plotly"]')
    bare = one.picture(".mg-map .mg-overlay")
    one.page.get_by_role("button", name=HEAT).click()
    one.page.wait_for_selector(".mg-hot:not([hidden])")
    assert one.picture(".mg-map .mg-overlay") != bare
    one.page.get_by_role("button", name=HEAT).click()
    one.page.wait_for_selector(".mg-hot", state="hidden")


def test_the_ends_can_be_an_uploaded_picture_and_a_bad_file_is_one_sentence(walker, tmp_path):
    bad, good = tmp_path / "not-a-picture.png", tmp_path / "seven.png"
    bad.write_text("words")
    pixels = np.zeros((28, 28), np.uint8)
    pixels[6:8, 8:20] = pixels[8:22, 17:19] = 255
    Image.fromarray(pixels).save(good)
    walker.page.get_by_role("button", name="Choose ends").click()
    chooser = walker.page.locator('input[type="file"]')
    chooser.set_input_files(bad)
    walker.page.get_by_text(re.compile("not-a-picture.png")).last.wait_for()
    walker.page.locator('[data-testid="stAlert"]').first.wait_for()
    chooser.set_input_files(good)
    walker.page.get_by_role("button", name="Add as an end").click()
    walker.page.wait_for_function("document.querySelectorAll('.mg-end').length === 3")


def test_exports_hold_what_is_on_screen(walker):
    walker.page.get_by_role("button", name="Export").click()
    given = {}
    for name in ("GIF", "MP4", "PNG", "npz", "WebP", "HTML"):
        button = walker.page.locator('[data-testid="stDownloadButton"] button').filter(has_text=name).first
        with walker.page.expect_download() as download:
            button.click()
        given[name] = download.value.path()
    assert Image.open(given["GIF"]).n_frames >= 16
    about = next(imageio_ffmpeg.read_frames(str(given["MP4"])))
    assert about["codec"] == "h264" and about["duration"] > 7 and about["size"] == Image.open(given["GIF"]).size
    assert Image.open(given["PNG"]).width > 16 * 28
    with np.load(given["npz"], allow_pickle=False) as kept:
        assert any(array.ndim == 2 and array.shape[1] == 16 for array in kept.values())
    assert Image.open(given["WebP"]).n_frames == Image.open(given["GIF"]).n_frames
    (own := given["HTML"].with_suffix(".html")).write_bytes(given["HTML"].read_bytes())
    walker.context.set_offline(True)
    page = walker.context.new_page()
    page.goto(own.as_uri())
    shown = "(() => [...document.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL()))()"
    page.wait_for_function(f"new Set({shown}).size === 2 && {shown}.every((one) => one.length > 400)")
    before = page.evaluate(shown)
    page.get_by_role("slider").press("End")  # both walks end at one picture
    page.wait_for_function(f"new Set({shown}).size === 1")
    assert page.evaluate(shown)[0] not in before and page.locator("dt").count() >= 10


def test_pins_of_the_explore_page_become_the_ends(explore):
    for n, at in enumerate([(0.3, 0.4), (0.6, 0.5), (0.5, 0.6)], 1):
        explore.page.mouse.click(*explore.place(*at))
        explore.page.wait_for_function(f"document.querySelectorAll('.mg-pin').length === {n}")
    explore.page.get_by_role("button", name="Walk between them").click()
    ready(explore)
    assert explore.page.locator(".mg-end").count() == 3


def test_a_generator_without_an_encoder_says_it_cannot_read_an_upload(visit):
    one = ready(visit("/interpolate?model=mnist-gan"))
    one.page.get_by_role("button", name="Choose ends").click()
    one.page.get_by_text(re.compile("no encoder|cannot read")).wait_for()


def test_a_code_for_an_upload_is_searched_for_where_there_is_no_encoder_and_the_error_is_said(visit, tmp_path):
    one = ready(visit("/interpolate?model=mnist-gan&kinds=straight~density"))
    paper = np.full((28, 28), 255, np.uint8)
    paper[4:24, 13:16] = 0  # a one in ink
    Image.fromarray(paper).save(tmp_path / "one.png")
    one.page.get_by_role("button", name="Choose ends").click()
    one.page.set_input_files("input[type=file]", tmp_path / "one.png")
    said = one.page.get_by_text(re.compile("Mean squared error 0[.][0-9]+"))
    said.wait_for()
    assert float(re.search("error (0[.][0-9]+)", said.text_content()).group(1)) < 0.05
    one.page.get_by_role("button", name="Add as an end").click()
    one.until("() => document.querySelectorAll('.mg-end').length === 3")


@pytest.mark.parametrize("page", ["/", "/sliders", "/interpolate?kinds=straight~graph~density"])
def test_on_a_phone_the_models_picker_is_as_wide_as_the_page_and_no_name_is_cut_off(visit, page):
    one = visit(page, width=390, height=844)
    one.page.locator(".st-key-open-models").wait_for()
    one.until("() => document.querySelector('.st-key-open-models').offsetWidth > 350")
    one.page.locator(".mg-look figcaption, .mg-stage").first.wait_for()
    cut = "() => [...document.querySelectorAll('.mg-look figcaption')].filter((a) => a.scrollWidth > a.clientWidth)"
    assert one.page.evaluate(f"({cut})().length") == 0
