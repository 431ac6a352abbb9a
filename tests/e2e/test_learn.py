"""Learn in a real browser: lessons from start to end, in both languages, before a class, by keyboard, and readable."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from manigen import lessons

pytestmark = pytest.mark.e2e
SHOWN = ".mg-learn .mg-scene[data-shown]:not([hidden])"


# Every word's colour against what lies under it, by the formula of WCAG 2.1 (axe does not read colours that CSS mixes):
# those with less than 4.5 to 1, or 3 to 1 where letters are large. What cannot be pressed may be faint.
FAINT = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const over = (colours) => {
    pen.clearRect(0, 0, 1, 1);
    for (const colour of colours) { pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const faint = [];
  for (const node of document.querySelectorAll(".mg-learn *")) {
    if (![...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())) continue;
    if (!node.checkVisibility() || node.closest("math, :disabled, .mg-notice")) continue;
    const under = [];
    for (let at = node; at; at = at.parentElement) under.unshift(getComputedStyle(at).backgroundColor);
    const style = getComputedStyle(node), back = over(under), front = over([...under, style.color]);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.6 && style.fontWeight >= 700);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) faint.push([node.className, node.textContent.slice(0, 30), ratio.toFixed(2)]);
  }
  return faint;
}"""


# What a teacher's screen does not show of a step, or too small: knobs, panels, figures, the way on, words cut off,
# sliders shorter than 110 pixels, pictures of less than 28, plots of less than 100.
BEYOND = """() => {
  const seen = (selector) => [...document.querySelectorAll(`.mg-learn :is(${selector})`)].filter((node) =>
    node.checkVisibility());
  const name = (node) => `${node.className} ${node.textContent.slice(0, 40)}`;
  const box = (node) => node.getBoundingClientRect();
  return [
    ...seen(".mg-knob, .mg-panels figure, .mg-cell, .mg-figures > div, .mg-turn button, .mg-option").filter((node) =>
      box(node).top < 0 || box(node).left < 0 || box(node).bottom > innerHeight || box(node).right > innerWidth),
    ...seen(".mg-words, .mg-panels figure, .mg-picture-grid").filter((node) =>
      node.scrollHeight > node.clientHeight + 1),
    ...seen("input[type=range]").filter((node) => box(node).width < 110),
    ...seen(".mg-cell").filter((node) => box(node).width < 28),
    ...seen(".mg-plot-canvas").filter((node) => box(node).height < 100),
  ].map(name);
}"""


def is_on_one_screen(one: Any, where: str, before_a_class: bool = True) -> None:
    """At 1280 x 720, in the page and before a class: all that can be turned, and all that moves, is in sight."""
    size = one.page.viewport_size
    one.page.set_viewport_size({"width": 1280, "height": 720})
    for presenting in (False, True)[: 1 + before_a_class]:
        if presenting:
            one.page.locator(".mg-present").click()
            one.page.wait_for_selector(".mg-presenting")
        one.page.wait_for_selector('.mg-fitted .mg-scene[aria-busy="false"]')
        with contextlib.suppress(Exception):  # what it still waits for is told below
            one.page.wait_for_function(f"() => ({BEYOND})().length === 0", timeout=5000)
        assert one.page.evaluate(BEYOND) == [], (where, "presenting" if presenting else "")
    if before_a_class:
        one.page.keyboard.press("Escape")
        one.page.wait_for_selector(".mg-learn:not(.mg-presenting)")
    one.page.set_viewport_size(size)


def go_on(one: Any, step: str) -> None:
    one.page.locator(".mg-turn .mg-main").click()
    one.page.wait_for_selector(f'.mg-learn[data-step="{step}"]')


def is_clear(one: Any, where: str) -> None:
    """axe-core: no serious violation in our part of the page; every word stands out; nothing sticks out to the side."""
    from axe_core_python.base import AXE_SCRIPT
    from axe_core_python.sync_playwright import Axe

    here = one.page.evaluate("'axe' in window")  # its script is long: once for a page is enough
    looked = Axe("0" if here else AXE_SCRIPT).run(one.page, ".mg-learn", {"resultTypes": ["violations"]})
    assert {"button-name", "image-alt"} & {rule["id"] for rule in looked["passes"]}, "axe has looked"
    serious = [rule for rule in looked["violations"] if rule["impact"] in ("serious", "critical")]
    assert [(rule["id"], [node["html"][:120] for node in rule["nodes"]]) for rule in serious] == [], where
    assert one.page.evaluate(FAINT) == [], where
    assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), where


@pytest.mark.parametrize("name", lessons.in_order())
def test_a_lesson_runs_from_its_prediction_to_its_summary(name: str, visit: Callable[..., Any]) -> None:
    """As a teacher has it, then, in a new session, as a student does; each step is looked at in one of the two."""
    one = visit(f"/learn?lesson={name}&lang=en", width=1280, height=720)
    run_through(one, name, "en", ("predict", "try", "why", "end"))
    one.page.set_viewport_size({"width": 390, "height": 844})
    one.page.emulate_media(color_scheme="dark")
    one.page.goto(f"{one.address}/learn?lesson={name}&lang=zh")
    run_through(one, name, "zh", ("reveal", "check", "play"))


def run_through(one: Any, name: str, tongue: str, looks: tuple[str, ...]) -> None:
    """From the lesson's question to its last step, every question answered; clear to see at the steps in `looks`."""
    lesson, numbers = lessons.open_lesson(name).lesson, lessons.numbers(name)

    def arrive(step: str) -> None:
        if step != "predict":
            go_on(one, step)
        if step not in ("check", "end"):
            one.page.wait_for_selector(SHOWN)
        if step in looks:
            is_clear(one, step)
        if step in ("predict", "try", "reveal"):
            is_on_one_screen(one, f"{name} {step} {tongue}", step == "reveal" or (step == "try" and tongue == "en"))

    one.page.wait_for_selector(".mg-option")
    arrive("predict")
    assert one.page.locator(".mg-lesson-head h1").inner_text() == lesson.title.in_(tongue)
    assert one.page.locator(".mg-knob:visible").count() == 0, "locked until a prediction is made"
    assert one.page.locator(".mg-steps button:enabled").count() == 1
    right = lesson.prediction.answer(numbers)
    given = (right + 1) % len(lesson.prediction.options) if tongue == "zh" else right  # once wrong, once right
    one.page.locator(".mg-option").nth(given).click()
    assert one.page.locator(".mg-option:enabled").count() == 0, "locked in"
    arrive("try")
    one.page.wait_for_selector(".mg-panels figure:visible")  # drawn anew where the page was built anew
    arrive("reveal")
    assert lesson.reveal.in_(tongue, numbers) in one.page.locator(".mg-surprise").inner_text()
    said = one.page.locator(".mg-words").inner_text()
    options = [option.in_(tongue, numbers) for option in lesson.prediction.options]
    assert options[given] in said and options[right] in said, "what was predicted, and what the model showed"
    go_on(one, "check")
    for i, check in enumerate(lesson.checks):
        one.page.locator(".mg-check").nth(i).locator(".mg-option").nth(check.answer(numbers)).click()
    assert one.page.locator(".mg-feedback.mg-right").count() == len(lesson.checks)
    if "check" in looks:
        is_clear(one, "check")
    arrive("why")
    assert one.page.locator(".mg-formula math").count() == 1
    arrive("play")
    assert "def scene" in one.page.locator(".mg-code code").text_content()
    arrive("end")
    n = len(lesson.checks) + 1
    counts = re.findall(r"\d+", one.page.locator(".mg-score").inner_text())
    assert sorted(map(int, counts)) == sorted([n, n - (given != right)])
    summary = one.page.locator(".mg-summary li").first.inner_text()
    assert options[given] in summary and options[right] in summary


def test_a_slider_of_a_lesson_moves_the_picture_while_it_is_held(visit: Callable[..., Any]) -> None:
    one = visit("/learn?lesson=turning_bar")
    one.page.locator(".mg-option").first.click()
    go_on(one, "try")
    one.page.wait_for_selector(SHOWN)
    x, y = one.place(0.2, 0.5, "#knob-angle")
    one.page.mouse.move(x, y)
    one.page.mouse.down()
    seen = {
        one.changes(lambda at=at: one.page.mouse.move(x + at, y), ".mg-picture-panel canvas") for at in (60, 120, 180)
    }
    one.page.mouse.up()
    assert len(seen) == 3
    one.until("() => location.search.includes('angle')")


def test_a_game_is_stepped_slowed_run_and_paused_by_button_and_by_key(visit: Callable[..., Any]) -> None:
    one = visit("/learn?lesson=forger&step=try&knobs=look:digits&present=1", width=1280, height=720)
    one.page.wait_for_selector(SHOWN)
    step, slow, run = (one.page.get_by_role("button", name=name) for name in ("Step:", "Slow:", "Run:"))
    now = "Number(document.querySelector('output[for=knob-step]').textContent)"
    still = "() => !document.querySelector('.mg-player [aria-pressed=true]')"
    first = one.picture(".mg-picture-panel canvas")
    step.click()
    one.until(f"() => {now} === 20")
    one.page.wait_for_function(
        "(was) => document.querySelector('.mg-picture-panel canvas').toDataURL() !== was", arg=first
    )
    slow.click()
    one.until(f"() => document.querySelectorAll('.mg-player [aria-pressed=true]').length === 1 && {now} > 20")
    run.click()  # at once at full speed
    one.page.wait_for_selector('.mg-play[aria-label^="Run"][aria-pressed="true"]')
    run.click()
    one.until(still)
    one.page.locator("#knob-step").focus()
    one.page.keyboard.press("Home")
    one.until(f"() => {now} === 0")
    one.page.keyboard.press("s")
    one.until(f"() => {now} === 20")
    one.page.keyboard.press("Space")
    one.until(f"() => {now} > 20")
    one.page.keyboard.press("Space")
    one.until(still)
    one.page.keyboard.press("End")
    one.until(f"() => {now} === 800")
    one.page.keyboard.press("s")
    one.until(f"() => {now} === 0")
    assert one.page.get_attribute(".mg-learn", "data-step") == "try", "space on a slider does not turn the page"


def test_a_link_opens_the_same_picture_for_everybody(visit: Callable[..., Any]) -> None:
    link = "/learn?lesson=turning_bar&step=play&knobs=angle:77~between:0.25&present=1"
    pictures = []
    for _ in range(2):
        one = visit(link)
        one.page.wait_for_selector(SHOWN)
        one.until("() => document.querySelector('output[for=knob-angle]')?.textContent === '77'")
        pictures.append(one.picture(".mg-picture-panel canvas"))
    assert pictures[0] == pictures[1]


def test_a_class_is_led_by_the_keyboard_alone(visit: Callable[..., Any]) -> None:
    one = visit("/learn?lesson=bottleneck&present=1", width=1280, height=720, color_scheme="dark")
    one.page.wait_for_selector(".mg-presenting")
    assert (
        one.page.evaluate("getComputedStyle(document.querySelector('.mg-presenting')).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    one.page.keyboard.press("ArrowRight")
    one.page.wait_for_selector('[data-step="try"]')
    one.page.keyboard.press("Space")
    one.page.wait_for_selector('[data-step="reveal"]')
    one.page.keyboard.press("ArrowLeft")
    one.page.wait_for_selector('[data-step="try"]')
    one.page.keyboard.press("b")
    assert one.page.locator(".mg-blank").is_visible()
    one.page.keyboard.press("b")
    assert not one.page.locator(".mg-blank").is_visible()
    one.until("() => /^(?!0:00)\\d+:\\d\\d \\/ 8:00$/.test(document.querySelector('.mg-timer').textContent)")
    one.page.keyboard.press("r")
    assert one.page.locator(".mg-timer").inner_text() == "0:00 / 8:00"
    one.page.keyboard.press("Escape")
    one.page.wait_for_selector(".mg-learn:not(.mg-presenting)")


def test_an_answer_outlives_a_change_of_language_and_goes_on_the_sheet(visit: Callable[..., Any]) -> None:
    one = visit("/learn?lesson=turning_bar")
    one.page.locator(".mg-option").nth(0).click()
    one.page.get_by_role("button", name="中文").click()
    one.page.wait_for_selector("text=什么是流形")
    assert one.page.locator('.mg-option[aria-pressed="true"]').count() == 1
    with one.page.expect_download() as waiting:
        one.page.get_by_role("button", name="我的学习单").click()
    sheet = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert 'lang="zh-Hans"' in sheet and 'class="chosen"' in sheet


def test_answers_given_and_settings_kept_at_once_all_reach_the_server(visit: Callable[..., Any]) -> None:
    """In one turn of the browser: the server hears of the last alone. A change of language then shows what it has."""
    one = visit("/learn?lesson=turning_bar&step=play")
    one.page.locator(".mg-option").first.click()
    for step in ("try", "reveal", "check"):
        go_on(one, step)
    count = one.page.evaluate("""() => {
      const count = document.querySelectorAll(".mg-check").length;
      for (let i = 0; i < count; i++) document.querySelectorAll(".mg-check")[i].querySelector(".mg-option").click();
      return count;
    }""")
    for step in ("why", "play"):
        go_on(one, step)
    one.page.evaluate("""() => {
      const keep = document.querySelector(".mg-words > .mg-button");
      const angle = document.querySelector("#knob-angle");
      for (const at of [40, 90, 140]) {
        angle.value = at;
        angle.dispatchEvent(new Event("input", { bubbles: true }));
        keep.click();
      }
    }""")
    one.page.get_by_role("button", name="中文").click()
    one.page.wait_for_selector(".mg-lesson-head h1:has-text('什么是流形')")
    go_on(one, "end")
    assert count > 1
    assert "没有" not in one.page.locator(".mg-summary").inner_text()
    assert one.page.locator(".mg-summary .mg-right, .mg-summary .mg-wrong").count() == count + 1
    one.page.wait_for_selector(".mg-note:has-text('3')")
    one.until("() => ['step=end', 'lang=zh', 'knobs='].every((part) => location.search.includes(part))")


def test_the_overview_has_a_picture_for_every_lesson_and_opens_them(visit: Callable[..., Any]) -> None:
    one = visit("/learn")
    one.page.wait_for_selector(".mg-lesson-card")
    assert one.page.locator(".mg-lesson-card").count() == len(lessons.in_order())
    one.until("() => [...document.querySelectorAll('.mg-lesson-face img')].every((image) => image.naturalWidth > 0)")
    one.page.locator('[data-lesson="holes"]').click()
    one.page.wait_for_selector('.mg-learn[data-lesson="holes"]')
    one.page.locator(".mg-link").first.click()
    one.page.wait_for_selector(".mg-lesson-card")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_nothing_stands_in_the_way_of_a_reader(scheme: str, width: int, visit: Callable[..., Any]) -> None:
    one = visit("/learn?lesson=turning_bar", width=width, height=844, color_scheme=scheme)
    one.page.locator(".mg-option").nth(1).click()
    for step in ("try", "reveal", "check", "why", "play", "end"):
        go_on(one, step)
        if step in ("try", "reveal", "play"):
            one.page.wait_for_selector(SHOWN)
        is_clear(one, step)


@pytest.mark.parametrize("lesson", ["", "&lesson=shortest_way&step=reveal&present=1"])
def test_the_overview_and_a_lesson_before_a_class_are_clear(lesson: str, visit: Callable[..., Any]) -> None:
    one = visit(f"/learn?lang=zh{lesson}", width=1280, height=720, color_scheme="dark")
    one.page.wait_for_selector(SHOWN.replace(".mg-learn", ".mg-presenting") if lesson else ".mg-lesson-card")
    one.until("() => [...document.querySelectorAll('.mg-lesson-face img')].every((image) => image.complete)")
    is_clear(one, lesson)


def test_a_student_comes_to_the_end_by_the_keyboard_alone(visit: Callable[..., Any]) -> None:
    one = visit("/learn?lesson=turning_bar")
    one.page.wait_for_selector(".mg-option")
    page = one.page

    def tab_to(selector: str) -> None:
        for _ in range(60):
            if page.evaluate("(s) => document.activeElement?.matches(s) ?? false", selector):
                return
            page.keyboard.press("Tab")
        pytest.fail(f"{selector} is never reached")

    tab_to(".mg-option")
    page.keyboard.press("Enter")
    page.wait_for_selector(".mg-main:focus")  # the way on lies under the finger
    page.keyboard.press("Enter")
    page.wait_for_selector(f'[data-step="try"] {SHOWN[len(".mg-learn ") :]}')
    tab_to("#knob-angle")
    one.changes(lambda: page.keyboard.press("ArrowRight"), ".mg-picture-panel canvas")
    assert page.get_attribute(".mg-learn", "data-step") == "try", "arrows on a slider turn the slider"
    for step in ("reveal", "check"):
        tab_to(".mg-turn .mg-main")
        page.keyboard.press("Enter")
        page.wait_for_selector(f'.mg-learn[data-step="{step}"]')
    count = page.locator(".mg-check").count()
    for answered in range(count):
        tab_to(".mg-option:not(:disabled)")
        page.keyboard.press("Enter")
        one.until("(n) => document.querySelectorAll('.mg-feedback').length === n", answered + 1)
    for step in ("why", "play", "end"):
        tab_to(".mg-turn .mg-main")
        page.keyboard.press("Enter")
        page.wait_for_selector(f'.mg-learn[data-step="{step}"]')
    assert page.locator(".mg-summary li").count() == count + 1
