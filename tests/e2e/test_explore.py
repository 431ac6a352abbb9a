"""The Explore page in a real browser, on a shipped model."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest
from PIL import Image

from benchmarks.browser import ROOT, free_port, served
from benchmarks.live import crowded
from manigen import weights
from manigen.ui.state import DEFAULT_MODEL

pytestmark = pytest.mark.e2e
STAGE = ".mg-stage .mg-frame canvas"
ENDS = "].map((number) => number.toFixed(3)).join()"
VIEW = f"((v) => [v.x0, v.x1, v.y0, v.y1{ENDS})(document.querySelector('.mg-explore').parentElement.manigen.map.view)"
RANGES = f"(({{ xaxis, yaxis }}) => [...xaxis.range, ...yaxis.range{ENDS})(document.querySelector('.mg-plot').layout)"


def colour_by(visit, name):
    visit.page.get_by_label("Colour by").click()
    visit.page.get_by_role("option", name=name).click()


def test_it_opens_on_a_trained_models_map_with_a_picture_and_no_set_up(visit):
    one = visit()
    one.page.wait_for_selector('[data-painted="plotly"]')
    one.page.wait_for_selector(".mg-map[data-shown]")
    assert one.page.locator(".mg-chip").count() == 10
    assert one.page.evaluate(
        "Math.max(...document.querySelector('.mg-stage .mg-frame canvas').getContext('2d')"
        ".getImageData(0, 0, 28, 28).data.filter((_, i) => i % 4 < 3)) > 100"
    )
    assert "mnist-fusion" in one.page.url


def test_until_a_hand_arrives_the_loupe_wanders_and_pictures_follow_it(visit):
    one = visit()
    one.page.wait_for_selector(".mg-map[data-shown]")
    one.changes(lambda: None)


def test_without_classes_the_loupe_begins_at_a_point_among_others_and_wanders_from_there(visit):
    still = visit("/?model=emoji-fusion", reduced_motion="reduce")
    still.page.wait_for_selector('.mg-frame[data-level="near"]')
    still.until("document.querySelectorAll('.mg-numbers dd')[1].textContent === '0.00 ×'")  # no gap: it is on a point
    one = visit("/?model=emoji-fusion")
    one.page.wait_for_selector(".mg-map[data-shown]")
    one.changes(lambda: None)


def test_the_picture_follows_the_pointer_also_where_no_point_is(explore):
    seen = {explore.changes(lambda at=at: explore.page.mouse.move(*explore.place(*at))) for at in
            [(0.2, 0.3), (0.4, 0.6), (0.7, 0.4), (0.6, 0.8)]}  # fmt: skip
    assert len(seen) == 4
    explore.page.mouse.move(*explore.place(0.004, 0.3))  # the map's empty edge
    explore.page.wait_for_selector('.mg-frame[data-level="far"]')
    explore.until("document.querySelector('.mg-verdict').textContent.includes('guessing')")


def test_loupe_and_stage_show_the_same_picture_and_its_neighbours_are_named(explore):
    explore.changes(lambda: explore.page.mouse.move(*explore.place(0.45, 0.55)))
    explore.until("document.querySelector('.mg-near span').textContent !== ''")
    assert explore.picture(STAGE) == explore.picture(".mg-loupe canvas")
    labels = explore.page.locator(".mg-near span").all_inner_texts()
    assert len(labels) == 6
    assert set(labels) <= set("0123456789")


def test_the_page_says_the_device_and_the_measured_milliseconds(explore):
    for at in range(10):
        explore.page.mouse.move(*explore.place(0.3 + 0.03 * at, 0.5))
    explore.until("/^\\d+ ms$/.test(document.querySelectorAll('.mg-numbers dd')[2].textContent)")
    assert re.search(r"CPU|NVIDIA|Apple", explore.page.locator(".mg-numbers dd").nth(3).inner_text())


def test_a_click_pins_a_link_restores_the_pins_and_no_one_else_sees_them(explore, visit):
    for at in [(0.3, 0.4), (0.6, 0.5)]:
        count = explore.page.locator(".mg-pin").count()
        explore.page.mouse.click(*explore.place(*at))
        explore.page.wait_for_function("(n) => document.querySelectorAll('.mg-pin').length === n + 1", arg=count)
    explore.page.wait_for_url(re.compile(r"ends=[^&]+~"))
    pins = [explore.picture(f".mg-pin:nth-of-type({n}) canvas") for n in (1, 2)]
    friend = visit("/" + explore.page.url.partition("/?")[2].join(["?", ""]))
    friend.page.wait_for_selector(".mg-pin:nth-of-type(2)")
    friend.page.wait_for_function(
        "(first) => document.querySelector('.mg-pin canvas').toDataURL() === first", arg=pins[0]
    )
    assert [friend.picture(f".mg-pin:nth-of-type({n}) canvas") for n in (1, 2)] == pins
    stranger = visit()
    stranger.page.wait_for_selector('[data-painted="plotly"]')
    assert stranger.page.locator(".mg-pin").count() == 0


def test_a_removed_pin_comes_back_with_undo(explore):
    explore.page.mouse.click(*explore.place(0.3, 0.4))
    explore.page.wait_for_selector(".mg-pin")
    explore.page.locator(".mg-pin > button").dispatch_event("click")
    explore.page.wait_for_selector(".mg-pin", state="detached")
    explore.page.get_by_role("button", name="Undo").click()
    explore.page.wait_for_selector(".mg-pin")


def test_zoom_is_kept_when_the_page_runs_again(explore):
    first = explore.page.evaluate(RANGES)
    explore.page.get_by_role("button", name="Zoom in (+)").click()
    explore.until(f"(first) => {RANGES} !== first", first)  # Plotly has drawn it
    before = explore.page.evaluate(RANGES)
    colour_by(explore, "Reconstruction error")
    explore.page.wait_for_selector(".mg-scale")
    explore.until("Array.isArray(document.querySelector('.mg-plot').data[0].marker.color)"
                  " || document.querySelector('.mg-plot').data[0].marker.color.length > 100")  # fmt: skip
    assert explore.page.evaluate(RANGES) == before == explore.page.evaluate(VIEW)


def test_a_drawn_map_follows_the_hand_on_the_canvas_and_plotly_draws_once_when_it_rests(explore):
    page = explore.page
    page.evaluate(
        "document.querySelector('.mg-plot').on('plotly_relayout', () => (window.drawings = 1 + (window.drawings ?? 0)))"
    )
    raster = "document.querySelector('.mg-raster')"
    assert page.evaluate(f"{raster}.hidden")
    before = page.evaluate(VIEW)
    page.mouse.move(*explore.place(0.5, 0.5))
    page.mouse.down()
    page.mouse.move(*explore.place(0.6, 0.55), steps=10)
    explore.until(f"!{raster}.hidden && document.querySelector('.mg-plot.mg-behind') !== null")
    assert page.evaluate("window.drawings ?? 0") == 0
    for _ in range(5):
        page.mouse.wheel(0, -20)
    page.mouse.up()
    explore.until(f"{raster}.hidden")
    after = page.evaluate(VIEW)
    assert after != before and page.evaluate(RANGES) == after
    assert page.evaluate("window.drawings") == 1
    assert page.locator(".mg-pin").count() == 0


def test_two_fingers_zoom_the_map_about_what_lies_between_them(visit):
    one = visit(has_touch=True, is_mobile=True, width=800, height=1000)
    one.page.wait_for_selector('[data-painted="plotly"]')
    view = "document.querySelector('.mg-explore').parentElement.manigen.map.view"
    before = one.page.evaluate(view)
    box = one.page.locator(".mg-map").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    hand = one.context.new_cdp_session(one.page)

    def touch(kind: str, *apart: float) -> None:
        points = [{"x": middle[0] + side * reach, "y": middle[1], "id": i}
                  for reach in apart for i, side in enumerate((-1, 1))]  # fmt: skip
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 60)
    for reach in (70, 80, 90, 100, 110, 120):
        touch("touchMove", reach)
    touch("touchEnd")
    one.until(f"(before) => {view}.x1 - {view}.x0 < 0.6 * (before.x1 - before.x0)", before)
    after = one.page.evaluate(view)
    assert after["x1"] - after["x0"] == pytest.approx((before["x1"] - before["x0"]) / 2, rel=0.02)
    for low, high in (("x0", "x1"), ("y0", "y1")):  # the middle stays where it was
        size = before[high] - before[low]
        assert (after[low] + after[high] - before[low] - before[high]) / 2 == pytest.approx(0, abs=0.01 * size)
    assert one.page.locator(".mg-pin").count() == 0
    assert one.problems == []


def test_the_map_zooms_pans_and_filters_before_plotly_is_there_and_plotly_goes_on_from_there(visit):
    one = visit()
    held = []
    one.page.route("**/plotly.min.js", lambda request: held.append(request))
    one.page.reload()
    one.page.wait_for_selector('[data-painted="raster"]')
    before = one.page.evaluate(VIEW)
    one.page.mouse.move(*one.place(0.6, 0.4))
    one.changes(lambda: one.page.mouse.wheel(0, -100), ".mg-raster")
    zoomed = one.page.evaluate(VIEW)
    one.page.mouse.down()
    one.changes(lambda: one.page.mouse.move(*one.place(0.7, 0.5), steps=3), ".mg-raster")
    one.page.mouse.up()
    panned = one.page.evaluate(VIEW)
    assert len({before, zoomed, panned}) == 3
    assert one.page.locator(".mg-pin").count() == 0  # a pan is no click
    one.changes(lambda: one.page.locator(".mg-chip").first.click(), ".mg-raster")
    assert held
    for request in held:
        request.continue_()
    one.page.wait_for_selector('[data-painted="plotly"]')
    assert one.page.evaluate(RANGES) == panned
    assert one.page.evaluate("document.querySelector('.mg-plot').data[0].visible") is False


def test_a_double_click_shows_all_of_the_map_again_and_pins_nothing(explore):
    before = explore.page.evaluate(RANGES)
    explore.page.get_by_role("button", name="Zoom in (+)").click()
    explore.until(f"(before) => {RANGES} !== before", before)
    explore.page.mouse.dblclick(*explore.place(0.4, 0.5))
    explore.until(f"(before) => {RANGES} === before", before)
    explore.page.wait_for_timeout(300)  # a pin of the first click would be there by now
    assert explore.page.locator(".mg-pin").count() == 0


def test_legend_entries_switch_classes_off_and_on(explore):
    chip = explore.page.locator(".mg-chip").first
    visible = "document.querySelector('.mg-plot').data[0].visible"
    chip.click()
    explore.until(f"{visible} === false")
    assert chip.get_attribute("aria-pressed") == "false"
    chip.click()
    explore.until(f"{visible} === true")


def test_a_lasso_gives_a_gallery_and_its_rows_as_csv(explore):
    explore.page.get_by_role("button", name="Select a box").click()
    explore.page.mouse.move(*explore.place(0.1, 0.1))
    explore.page.mouse.down()
    explore.page.mouse.move(*explore.place(0.9, 0.85), steps=6)
    explore.page.mouse.up()
    explore.page.get_by_text("Your selection").wait_for()
    said = explore.page.get_by_text(re.compile(r"^[\d,]+ of 10,000 codes$")).inner_text()
    with explore.page.expect_download() as given:
        explore.page.get_by_role("button", name="Rows as CSV").click()
    rows = list(csv.DictReader(io.StringIO(given.value.path().read_text(encoding="utf-8"))))
    assert len(rows) == int(said.split()[0].replace(",", "")) > 1000
    with explore.page.expect_download() as given:
        explore.page.get_by_role("button", name="Codes as npz").click()
    with np.load(given.value.path(), allow_pickle=False) as kept:
        assert kept["z"].shape == (len(rows), 16)


def test_another_map_shows_other_places_in_well_under_a_reload(explore):
    first = "document.querySelector('.mg-plot').data[0].x[0]"
    before = explore.page.evaluate(first)
    explore.page.get_by_role("radio", name="t-SNE").click()
    explore.page.wait_for_function(f"(before) => {first} !== before", arg=before)
    explore.page.wait_for_url(re.compile("map=tsne"))


def test_every_map_says_in_one_line_how_far_to_trust_it_and_draws_the_worst_points_hollow(explore):
    explore.page.wait_for_selector(".mg-honest[data-kept]")
    line = explore.page.locator(".mg-honest").inner_text()
    kept = int(explore.page.locator(".mg-honest").get_attribute("data-kept"))
    assert f"this map keeps {kept}" in line and 0 < kept < 15 and "Distances between groups" in line
    rings = "document.querySelector('.mg-plot').data.filter((t) => t.marker.symbol === 'circle-open')"
    explore.until(f"{rings}.length === 1 && {rings}[0].x.length === 500")
    assert explore.page.locator(".mg-key").inner_text() == "hollow: trust least"
    chip = explore.page.locator(".mg-chip").first
    chip.click()
    explore.until(f"{rings}[0].x.length < 500")  # rings of a class that is switched off go with it


def test_the_map_is_coloured_by_where_it_lies(explore):
    explore.page.wait_for_selector(".mg-honest[data-kept]")
    colour_by(explore, "Torn from its neighbours")
    explore.page.wait_for_selector(".mg-scale")
    assert "torn" in explore.page.locator(".mg-scale").inner_text()
    explore.until("new Set(document.querySelector('.mg-plot').data[0].marker.color).size > 20")


def test_ellipses_of_equal_change_lie_on_the_map_and_colour_the_points(explore):
    colour_by(explore, "Change of the picture")
    field = "document.querySelector('.mg-explore').parentElement.manigen"
    explore.until(f"{field}.stretch?.cells?.length > 50")
    explore.page.get_by_text("each ellipse: the same change").wait_for()
    explore.until("new Set(document.querySelector('.mg-plot').data[0].marker.color).size > 5")


def test_under_a_resting_hand_the_surroundings_are_unwarped_and_go_back_when_it_leaves(explore):
    page, field = explore.page, "document.querySelector('.mg-explore').parentElement.manigen"
    switch = page.get_by_role("button", name="Un-warp under the pointer (U)")
    page.locator(".mg-map").focus()
    page.keyboard.press("u")
    assert switch.get_attribute("aria-pressed") == "true"
    box = page.locator(".mg-map").bounding_box()
    x, y = page.evaluate(f"{field}.map.toPixel([{field}.columns.x[7], {field}.columns.y[7]])")
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.wait_for_selector('.mg-map[data-unwarped="7"]')
    explore.until(f"{field}.bent?.share === 1")
    bent = page.evaluate(f"{field}.bent")
    z = shipped()[0].z
    near = np.argsort(np.linalg.norm(z - z[7], axis=1))[1:25]
    assert set(near) == {row for row, true in zip(bent["rows"], bent["true"], strict=True) if true}
    page.mouse.move(box["x"] + x + 200, box["y"] + y + 20)
    explore.until(f"!{field}.bent || {field}.bent.rows[0] !== 7")
    switch.click()
    explore.until(f"!{field}.bent")
    assert switch.get_attribute("aria-pressed") == "false"


def test_maps_side_by_side_share_one_hand_and_one_lasso(visit):
    one = visit(f"/?model={DEFAULT_MODEL}&map=umap&beside=tsne")
    page, field = one.page, "document.querySelector('.mg-explore').parentElement.manigen"
    page.wait_for_selector('[data-painted="plotly"]')
    page.wait_for_selector('.mg-beside [data-painted="canvas"]')
    page.locator(".mg-beside .mg-honest[data-kept]").wait_for()
    there = ".mg-beside .mg-overlay"
    one.changes(lambda: page.mouse.move(*one.place(0.5, 0.5)), there)  # a hand here is seen there
    one.changes(lambda: page.mouse.move(*one.place(0.5, 0.6, ".mg-beside .mg-map")))
    assert page.evaluate(f"{field}.header.map") == "tsne"
    one.until(f"{field}.elsewhere(null).near.length === 6")  # and the other way round
    page.get_by_role("button", name="Lasso a region").click()
    page.mouse.move(*one.place(0.3, 0.3, ".mg-beside .mg-map"))
    page.mouse.down()
    for at in [(0.6, 0.3), (0.6, 0.6), (0.3, 0.6)]:
        page.mouse.move(*one.place(*at, ".mg-beside .mg-map"), steps=4)
    page.mouse.up()
    said = page.get_by_text(re.compile(r"^[\d,]+ of 10,000 codes$")).inner_text()
    chosen = page.evaluate(f"{field}.chosen")
    assert len(chosen) == int(said.split()[0].replace(",", "")) > 100
    z = shipped()[0].z
    p = weights.load_map(DEFAULT_MODEL, "tsne", z).p
    assert np.ptp(p[chosen], axis=0).max() < 0.6 * np.ptp(p, axis=0).max()  # a region there, whatever it is here
    page.get_by_role("button", name="Beside it").click()
    page.get_by_role("button", name="t-SNE", exact=True).click()
    page.locator(".mg-beside").wait_for(state="detached")
    page.wait_for_url(lambda url: "beside" not in url)


def test_a_map_in_space_turns_follows_the_hand_is_lassoed_and_goes_back_to_the_plane(explore):
    page, field = explore.page, "document.querySelector('.mg-explore').parentElement.manigen"
    page.get_by_role("radio", name="PCA").click()
    page.wait_for_url(re.compile("map=pca"))
    page.get_by_role("radio", name="3-D").click()
    page.wait_for_selector('[data-painted="canvas"]')  # fitted in the background, then shown
    page.wait_for_url(re.compile("map=pca~dims~3"))
    explore.changes(lambda: page.mouse.move(*explore.place(0.45, 0.5)))
    assert len(page.evaluate(f"{field}.header.at")) == 3
    page.wait_for_selector(".mg-honest[data-kept]")
    seen = f"JSON.stringify([...{field}.columns.x.slice(0, 3)])"
    before = page.evaluate(seen)
    page.mouse.down()
    explore.changes(lambda: page.mouse.move(*explore.place(0.6, 0.4), steps=4), ".mg-raster")
    page.mouse.up()
    assert page.evaluate(seen) != before and page.locator(".mg-pin").count() == 0  # a turn is no click
    page.get_by_role("button", name="Lasso a region").click()
    page.mouse.move(*explore.place(0.3, 0.3))
    page.mouse.down()
    for at in [(0.6, 0.3), (0.6, 0.7), (0.3, 0.7)]:
        page.mouse.move(*explore.place(*at), steps=4)
    page.mouse.up()
    said = page.get_by_text(re.compile(r"^[\d,]+ of 10,000 codes$")).inner_text()
    inside = page.evaluate(f"""(() => {{ const m = {field}.map, [a, b] = [0, 1].map((i) => m.path.map((q) => q[i]));
      return [...m.columns.x.keys()].filter((i) => {{ const [x, y] = m.toPixel([m.columns.x[i], m.columns.y[i]]);
      return x > Math.min(...a) && x < Math.max(...a) && y > Math.min(...b) && y < Math.max(...b); }}).length; }})()""")
    assert abs(int(said.split()[0].replace(",", "")) - inside) < 0.02 * inside  # its corners are cut
    page.get_by_role("radio", name="2-D").click()
    page.wait_for_selector('[data-painted="plotly"]')
    page.wait_for_url(re.compile("map=pca&"))


def test_a_map_is_made_again_to_see_how_steady_it_is_and_a_clicked_point_shows_its_ghosts(visit):
    one = visit(f"/?model={DEFAULT_MODEL}&map=pca")
    one.page.wait_for_selector('[data-painted="plotly"]')
    colour_by(one, "Stability")
    field = "document.querySelector('.mg-explore').parentElement.manigen"
    one.until(f"{field}.columns.stability?.length === 10000")
    one.page.locator(".mg-notice").get_by_text("Made again 5 times").wait_for()
    box = one.page.locator(".mg-map").bounding_box()
    x, y = one.page.evaluate(f"{field}.map.toPixel([{field}.columns.x[7], {field}.columns.y[7]])")
    one.page.mouse.click(box["x"] + x, box["y"] + y)
    one.until(f"{field}.haunted?.places.length === 4")
    ghosts, place = one.page.evaluate(f"[{field}.haunted, [{field}.columns.x[7], {field}.columns.y[7]]]")
    far = np.linalg.norm(np.array(ghosts["places"]) - place, axis=1)
    assert ghosts["row"] == 7 and 0 < far.max() < 1  # PCA is steady: near, and not the point itself
    one.page.get_by_role("button", name="How far to trust this map").click()
    one.page.get_by_role("dialog").get_by_text("would be much the same in another fit").wait_for()


def test_find_goes_to_a_class_or_a_row_and_says_what_is_not_there(explore):
    field = "document.querySelector('.mg-explore').parentElement.manigen"
    explore.page.locator(".mg-map").focus()
    explore.page.keyboard.press("/")
    explore.page.get_by_placeholder("A class, or # and a row").fill("#7")
    explore.changes(lambda: explore.page.keyboard.press("Enter"))
    assert explore.page.evaluate(
        f"{field}.place[0] === {field}.columns.x[7] && {field}.place[1] === {field}.columns.y[7]"
    )
    explore.page.get_by_role("button", name="Zoom in (+)").click(click_count=3, delay=50)
    explore.until(f"{field}.sprites.pictures.size > 0")  # so near, the points are the pictures they stand for
    explore.page.get_by_role("button", name="Find a class or a row (/)").click()
    explore.page.get_by_placeholder("A class, or # and a row").fill("eleven")
    explore.page.keyboard.press("Enter")
    explore.page.get_by_text("There is no class and no row eleven here").wait_for()


TAKEN = {"PNG": "png", "SVG": "svg", "Page (HTML)": "html", "Table (CSV)": "csv", "Arrays (npz)": "npz"}


def test_the_map_is_taken_away_as_picture_page_table_and_arrays(explore):
    explore.page.wait_for_selector(".mg-honest[data-kept]")
    taken = {}
    for name, ending in TAKEN.items():
        explore.page.get_by_role("button", name="Take the map away").click()
        with explore.page.expect_download() as given:
            explore.page.get_by_role("button", name=name, exact=True).click()
        assert given.value.suggested_filename == f"{DEFAULT_MODEL}-umap.{ending}"
        taken[ending] = given.value.path().read_bytes()
    assert taken["png"].startswith(b"\x89PNG") and b"<svg" in taken["svg"][:300]
    assert taken["svg"].count(b'<path class="point"') == 10_000 and b"this map keeps" in taken["svg"]
    assert b"Plotly.newPlot" in taken["html"] and b'src="http' not in taken["html"]
    rows = list(csv.DictReader(io.StringIO(taken["csv"].decode())))
    assert len(rows) == 10_000 and sum(int(row["hollow"]) for row in rows) == 500 and 0 <= float(rows[3]["torn"]) <= 1
    with np.load(io.BytesIO(taken["npz"]), allow_pickle=False) as held:
        assert held["points"].shape == (10_000, 2) and held["z"].shape == (10_000, 16)


def test_a_picture_of_ones_own_lands_on_every_map(visit, tmp_path):
    one = visit("/?beside=tsne")
    one.page.wait_for_selector(".mg-map[data-shown]")
    generator, z = weights.load(DEFAULT_MODEL), weights.codes(DEFAULT_MODEL).z
    picture = np.roll((255 * generator.decode(z[7:8])[0, 0]).round().astype(np.uint8), 1, axis=1)
    Image.fromarray(picture).save(tmp_path / "own.png")
    one.page.get_by_role("button", name="A picture of your own").click()
    one.page.locator("[role=dialog] input[type=file]").set_input_files(tmp_path / "own.png")
    error = "[role=dialog] [data-testid=stCaptionContainer]:has-text('squared error')"
    one.page.wait_for_selector(error)
    read = one.page.locator(error).inner_text()
    switch = one.page.locator("[role=dialog]").get_by_text("Search for a better code")
    switch.click()
    one.page.wait_for_selector(f"{error}:not(:has-text('{read[:26]}'))")  # nearer than what the encoder reads off
    assert one.page.locator(error).inner_text() < read
    switch.click()
    one.page.wait_for_selector(f"{error}:has-text('{read[:26]}')")
    one.page.get_by_role("button", name="Pin it where it lies").click()
    one.page.wait_for_selector(".mg-pin")
    pin = "document.querySelector('.mg-explore').parentElement.manigen.tray.pins[0]"
    one.until(f"Object.keys({pin}.places ?? {{}}).length === 2")
    places = one.page.evaluate(f"{pin}.places")
    code = generator.encode(picture[None, None] / np.float32(255))
    for method in ("umap", "tsne"):
        fitted = weights.load_map(DEFAULT_MODEL, method, z)
        assert np.allclose(places[method], fitted.transform(code)[0], atol=0.02 * np.ptp(fitted.p, axis=0).max())


def test_the_page_stands_on_one_low_screen_and_nothing_covers_the_map(visit):
    one = visit(width=1280, height=720)
    one.page.wait_for_selector(".mg-honest[data-kept]")
    bottoms = [one.page.locator(name).bounding_box() for name in (".mg-stage", ".mg-tray", ".mg-fields")]
    assert all(box["y"] + box["height"] <= 720 for box in bottoms)
    assert one.page.locator(".mg-honest").bounding_box()["height"] < 45  # one line
    lowest = "(() => { const map = document.querySelector('.mg-explore').parentElement.manigen.map; "
    lowest += "return Math.max(...map.columns.x.map((x, i) => map.toPixel([x, map.columns.y[i]])[1])); })()"
    legend, field = (one.page.locator(name).first.bounding_box() for name in (".mg-legend", ".mg-map"))
    assert one.page.evaluate(lowest) < legend["y"] - field["y"]


def test_lines_run_from_a_point_to_its_true_neighbours(explore):
    field = "document.querySelector('.mg-explore').parentElement.manigen"
    box = explore.page.locator(".mg-map").bounding_box()
    x, y = explore.page.evaluate(f"{field}.map.toPixel([{field}.columns.x[7], {field}.columns.y[7]])")
    explore.changes(lambda: explore.page.mouse.move(box["x"] + x, box["y"] + y), ".mg-overlay")
    explore.page.wait_for_selector(".mg-map[data-kin]")
    kin = explore.page.evaluate(f"{field}.kin")
    assert len(kin["rows"]) == len(kin["kept"]) == 15
    z, p = (getattr(part, name) for part, name in zip(shipped(), "zp", strict=True))
    true = np.argsort(np.linalg.norm(z - z[kin["row"]], axis=1))[:16]
    assert set(kin["rows"]) == set(true.tolist()) - {kin["row"]}
    beside = np.argsort(np.linalg.norm(p - p[kin["row"]], axis=1))[:16]
    assert kin["kept"] == [row in beside for row in kin["rows"]]


def shipped():
    from manigen import weights

    codes = weights.codes(DEFAULT_MODEL)
    return codes, weights.load_map(DEFAULT_MODEL, "umap", codes.z)


def test_the_panel_says_in_words_and_figures_how_far_to_trust_the_map(explore):
    explore.page.wait_for_selector(".mg-honest[data-kept]")
    explore.page.get_by_role("button", name="How far to trust this map").click()
    panel = explore.page.get_by_role("dialog")
    panel.get_by_text(
        re.compile(r"The 15 nearest points around a picture hold \d+ of its 15 true neighbours")
    ).wait_for()
    for title in ("Neighbour recall", "Trustworthiness", "Continuity", "Shepard correlation", "Density correlation"):
        panel.get_by_text(title, exact=True).wait_for()
    explore.page.wait_for_function("document.querySelectorAll('[role=dialog] .js-plotly-plot').length === 2")


def test_another_map_forms_in_the_background_is_shown_and_linked(explore, visit):
    explore.page.get_by_role("button", name="Another map").click()
    panel = explore.page.get_by_role("dialog")
    panel.get_by_label("Method").click()
    explore.page.get_by_role("option", name="Laplacian eigenmaps").click()
    panel.get_by_text("Ties neighbours with springs").wait_for()
    first = "document.querySelector('.mg-plot').data[0].x[0]"
    before = explore.page.evaluate(first)
    panel.get_by_role("button", name="Make it in the background").click()
    explore.page.wait_for_url(re.compile("map=laplacian"))
    named = "[...document.querySelectorAll('.st-key-explore-bar input')].some((i) => i.value === 'Laplacian eigenmaps')"
    explore.until(named)  # of more than three maps there is a menu, and the controls still stand on one line
    bar = explore.page.locator(".st-key-explore-bar")
    assert len({bar.locator(f".stSelectbox >> nth={n}").bounding_box()["y"] for n in (0, 1)}) == 1
    explore.page.wait_for_function(f"(before) => {first} !== before", arg=before)
    friend = visit(f"/?model={DEFAULT_MODEL}&map=laplacian")
    friend.page.wait_for_selector('[data-painted="plotly"]')
    friend.until(named)


def test_a_map_that_is_being_made_can_be_stopped_and_the_page_stays(visit):
    one = visit("/?model=mnist-vae&map=mds~max_iter~1000")
    one.page.wait_for_selector(".mg-making:not([hidden])")
    assert "MDS" in one.page.locator(".mg-making b").inner_text()
    one.page.locator(".mg-making").get_by_role("button", name="Stop").click()
    one.page.wait_for_selector(".mg-making", state="hidden")
    one.page.get_by_text("Stopped; the map you were on stays.").wait_for()
    assert one.page.locator(".mg-chip").count() >= 10


def test_a_link_to_a_map_that_cannot_be_is_said(visit):
    one = visit("/?model=mnist-vae&map=umapp~n~3")
    one.page.get_by_text("There is no projection named 'umapp'").wait_for()
    one.page.wait_for_selector('[data-painted="plotly"]')


def test_the_keyboard_moves_the_loupe_and_pins(explore):
    explore.page.locator(".mg-map").focus()
    explore.changes(lambda: [explore.page.keyboard.press("Shift+ArrowRight") for _ in range(4)])
    explore.page.keyboard.press("Enter")
    explore.page.wait_for_selector(".mg-pin")


def test_an_unknown_model_in_a_link_is_said_and_the_default_shown(visit):
    one = visit("/?model=../../etc/passwd")
    one.page.get_by_text("There is no model named").wait_for()
    one.page.wait_for_selector('[data-painted="plotly"]')


def test_a_link_cut_short_is_said_and_loses_nothing(visit):
    one = visit("/?model=mnist-vae&ends=AAAA~!!")
    one.page.get_by_text(re.compile("link's codes")).wait_for()
    one.page.wait_for_selector('[data-painted="plotly"]')


def test_on_a_phone_the_stage_stands_above_the_map(visit):
    one = visit(width=390, height=844)
    one.page.wait_for_selector('[data-painted="plotly"]')
    stage, field = one.page.locator(".mg-stage").bounding_box(), one.page.locator(".mg-map").bounding_box()
    assert stage["y"] + stage["height"] <= field["y"]
    assert one.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert field["y"] < 600  # a good part of the map is seen without scrolling
    for name in ("Another map", "Beside it"):  # only their icons show; their names stay
        assert one.page.get_by_role("button", name=name).locator("visible=true").count() == 1
    for width in (390, 320):
        one.page.set_viewport_size({"width": width, "height": 844})
        one.until("(width) => document.querySelector('.mg-map').getBoundingClientRect().right <= width", width)
        field = one.page.locator(".mg-map").bounding_box()
        for tool in one.page.locator(".mg-tools button").all():
            box = tool.bounding_box()
            assert (
                field["x"] <= box["x"] and box["x"] + box["width"] <= field["x"] + field["width"] and box["width"] > 28
            )


def test_the_controls_over_the_map_stand_on_one_line(visit):
    one = visit(width=1440, height=900)
    one.page.wait_for_selector('[data-painted="plotly"]')
    bar = one.page.locator(".st-key-explore-bar")
    for parts in ('[data-testid="stWidgetLabel"]', 'button[role="radio"], .stSelectbox [role="group"]'):
        boxes = [part.bounding_box() for part in bar.locator(parts).locator("visible=true").all()]
        assert len(boxes) >= 3
        for edge in ("y", "height"):
            assert max(box[edge] for box in boxes) - min(box[edge] for box in boxes) < 1, parts


def test_a_restarted_server_is_noticed_and_the_hand_goes_on_where_it_was(visit, browser):
    port = free_port()
    with served(ROOT / "app.py", port=port) as address:
        one = visit(address=address)
        one.page.wait_for_selector('[data-painted="plotly"]')
        one.changes(lambda: one.page.mouse.move(*one.place(0.4, 0.5)))
    one.page.get_by_text("Connection lost").wait_for()
    with served(ROOT / "app.py", port=port):
        one.page.wait_for_selector('.mg-explore[data-connection="open"]')
        one.changes(lambda: one.page.mouse.move(*one.place(0.6, 0.4)))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """The address of an app, and the name of a model in it with more codes than a page is sent."""
    cache = str(tmp_path_factory.mktemp("many"))
    with (
        crowded(120_000) as (name, folder),
        served(ROOT / "app.py", MANIGEN_WEIGHTS=folder, MANIGEN_HOME=cache, XDG_CACHE_HOME=cache) as address,
    ):
        yield address, name


def test_many_points_are_counted_in_a_shading_and_appear_one_by_one_as_one_zooms_in(visit, many):
    address, name = many
    one = visit(f"/?model={name}", address)
    field = one.page.locator(".mg-map")
    one.page.wait_for_selector('.mg-map[data-total="120000"][data-sent="20000"]')
    assert "20,000 of the 120,000" in one.page.locator(".mg-count").inner_text()
    one.page.wait_for_selector(".mg-map[data-shown]")
    one.changes(lambda: one.page.mouse.move(*one.place(0.4, 0.4)))
    one.page.locator('[data-tool="find"]').click()
    one.changes(lambda: (one.page.keyboard.type("#111111"), one.page.keyboard.press("Enter")))
    one.until("document.querySelectorAll('.mg-numbers dd')[0].textContent.startsWith('0.00')")
    one.until("Number(document.querySelector('.mg-map').dataset.total) < 120000")
    sizes = []
    for _ in range(20):
        before = field.get_attribute("data-views")
        with one.page.expect_response(lambda reply: "box=" in reply.url) as reply:
            one.page.locator('[data-tool="closer"]').click()
        sizes.append(len(reply.value.body()))
        one.until("(before) => document.querySelector('.mg-map').dataset.views !== before", before)
        if field.get_attribute("data-total") == field.get_attribute("data-sent"):
            break
    assert 0 < int(field.get_attribute("data-total")) <= 20_000
    assert max(sizes) < 600_000
    one.until("document.querySelector('.mg-count').textContent.startsWith('all ')")
    one.page.locator('[data-tool="reset"]').click()
    one.page.wait_for_selector('.mg-map[data-total="120000"]')
    one.page.locator(".mg-chip").nth(3).click()  # a class is not counted any more
    one.until("Number(document.querySelector('.mg-map').dataset.total) < 120000")


def test_a_lasso_that_ends_where_it_began_holds_points_and_pins_nothing(visit, many):
    address, name = many
    one = visit(f"/?model={name}", address)
    one.page.wait_for_selector('.mg-map[data-total="120000"]')
    one.page.locator('[data-tool="lasso"]').click()
    one.page.mouse.move(*one.place(0.3, 0.3))
    one.page.mouse.down()
    for at in [(0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.3)]:
        one.page.mouse.move(*one.place(*at), steps=4)
    one.page.mouse.up()
    one.page.get_by_text("of 120,000").first.wait_for()
    assert one.page.locator(".mg-pin").count() == 0
