"""The pages' scripts, run without a browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from manigen import links, weights
from manigen.ui import state
from manigen.ui.directions import Selection

ROOT = Path(__file__).resolve().parents[1]
ROUTER = str(ROOT / "manigen" / "ui" / "router.py")
PAGES = [page for page in sorted((ROOT / "pages").glob("*.py")) if page.stem not in ("learn", "train")]  # of a model


def opened(page: Path, **link: str) -> AppTest:
    test = AppTest.from_file(str(page), default_timeout=60)
    for key, value in link.items():
        test.query_params[key] = value
    return test.run()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs_for_every_shipped_model(page):
    for model in weights.names():
        test = opened(page, model=model)
        assert not test.exception
        assert not test.error
        assert test.query_params["model"] in (model, [model])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_takes_nonsense_in_a_link_with_a_sentence_and_shows_the_default(page):
    test = opened(page, model="no-such-model", map="no-such-map", ends="%%%", walk="!", code="?", t="nan")
    assert not test.exception
    assert any("no-such-model" in warning.value for warning in test.warning)


def test_tune_has_one_fear_of_the_empty_for_density_its_width_behind_it_and_goes_back_to_what_was_chosen():
    def turned(test: AppTest) -> dict[str, object]:
        return {slider.label: slider.value for slider in test.select_slider}

    chosen = links.defaults("density", weights.info("mnist-fusion"))
    usual = {"Fear of the empty `fear`": chosen["fear"], "Width of the bells `bandwidth`": chosen["bandwidth"]}
    page, back = ROOT / "pages" / "interpolate.py", "As chosen for this model"
    test = opened(page, model="mnist-fusion", kinds="density")
    assert turned(test) == usual
    (behind,) = test.expander
    assert not behind.proto.expanded and [slider.value for slider in behind.select_slider] == [chosen["bandwidth"]]
    assert [slider.label for slider in behind.slider] == ["Contrast kept `lift`"]
    assert next(button for button in test.button if button.label == back).disabled

    test = opened(page, model="mnist-fusion", kinds="density", knobs="density.bandwidth~0.3~density.fear~1.0")
    assert list(turned(test).values()) == [1.0, 0.3]
    assert test.expander[0].proto.expanded and "density.bandwidth~0.3" in str(test.query_params["knobs"])
    next(button for button in test.button if button.label == back).click().run()
    assert not test.exception and turned(test) == usual and "knobs" not in test.query_params


def test_the_frame_opens_on_the_explore_page():
    test = AppTest.from_file(ROUTER, default_timeout=60).run()
    assert not test.exception
    assert [control.label for control in test.get("button_group")] == [
        "Map",
        "Drawn in",
        "Other maps beside this one, 2 at most",
    ]
    assert [control.label for control in test.selectbox] == ["Colour by"]


def test_a_page_asked_for_while_a_fragment_runs_is_not_written_inside_that_fragment():
    def left_by_a_fragment(router: str) -> None:
        import runpy

        import streamlit as st

        st.container(key="fragment").__enter__()  # and never left, as Streamlit does when a fragment's run ends
        runpy.run_path(router)

    test = AppTest.from_function(left_by_a_fragment, default_timeout=60, args=(ROUTER,)).run()
    assert not test.exception
    assert test.selectbox  # the page is there
    assert not test.main.children[0].children  # beside what the fragment had entered


def test_what_a_press_changes_is_changed_also_when_a_further_run_is_already_asked_for():
    from streamlit.runtime.scriptrunner import RerunException
    from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

    waiting = [RerunException(RerunData(query_string="second")), RerunException(RerunData(query_string="first"))]
    changed = []

    def change(what: str) -> None:
        if waiting:
            raise waiting.pop()  # as Streamlit does at the first look at the session
        changed.append(what)

    with pytest.raises(RerunException) as further:
        state.whole(change)("pinned")
    assert changed == ["pinned"]
    assert further.value.rerun_data.query_string == "second"  # the run that waits is taken up, the latest asked for
    state.whole(change)("again")
    assert changed == ["pinned", "again"]
    waiting = [RerunException(RerunData()) for _ in range(1000)]
    with pytest.raises(RerunException):
        state.whole(change)("never")
    assert len(waiting) > 900  # what asks for a run itself, each time, is not begun for ever


def test_no_press_is_lost_where_several_runs_wait_and_the_newest_values_stand(monkeypatch):
    """A press is told once; what is asked for after it, while the first change is being made, must not replace it."""
    from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
    from streamlit.runtime.scriptrunner import RerunException
    from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests, ScriptRequestType

    def asked(*widgets: WidgetState, link: str = "") -> RerunData:
        return RerunData(query_string=link, widget_states=WidgetStates(widgets=widgets))

    def look(*_: object) -> None:
        found = requests.on_scriptrunner_yield()
        if found is not None and found.type is ScriptRequestType.RERUN:
            raise RerunException(found.rerun_data)

    requests = ScriptRequests()
    told = [
        asked(WidgetState(id="language", trigger_value=True)),
        asked(WidgetState(id="place", int_value=1), link="1"),
    ]

    def change() -> None:
        if told:
            requests.request_rerun(told.pop(0))
        look()
        requests.request_rerun(asked(WidgetState(id="place", int_value=2), link="2"))  # after the change's last look

    monkeypatch.setattr(state, "get_script_run_ctx", lambda **_: SimpleNamespace(script_requests=requests))
    monkeypatch.setattr(state.st, "session_state", SimpleNamespace(get=look))
    with pytest.raises(RerunException) as further:
        state.whole(change)()
    requests.request_rerun(further.value.rerun_data)  # as Streamlit does when every callback has been called
    run = requests.on_scriptrunner_yield().rerun_data
    assert run.query_string == "2"
    assert {one.id: one.int_value or one.trigger_value for one in run.widget_states.widgets} == {
        "language": 1,
        "place": 2,
    }


def test_a_press_is_heard_also_where_a_further_run_waits_before_its_own_has_begun(monkeypatch):
    """With Streamlit's own classes: the press is told of, then the run that waits is taken up, with the newest link."""
    from streamlit.runtime.scriptrunner import RerunException
    from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests
    from streamlit.runtime.state.safe_session_state import SafeSessionState

    begin = getattr(SafeSessionState.on_script_will_rerun, "__wrapped__", SafeSessionState.on_script_will_rerun)
    monkeypatch.setattr(SafeSessionState, "on_script_will_rerun", begin)  # and as it was, afterwards
    requests, heard = ScriptRequests(), []

    def look() -> None:
        if (found := requests.on_scriptrunner_yield()) is not None:
            raise RerunException(found.rerun_data)

    session = SafeSessionState(SimpleNamespace(on_script_will_rerun=lambda states, **_: heard.append(states)), look)
    monkeypatch.setattr(state, "get_script_run_ctx", lambda **_: SimpleNamespace(script_requests=requests))
    for _ in range(2):  # a second time changes nothing
        state.hear_presses()
    session.on_script_will_rerun("quiet", is_history_navigation=False)
    requests.request_rerun(RerunData(query_string="second"))
    session.on_script_will_rerun("pressed")
    assert heard == ["quiet", "pressed"]
    assert requests.on_scriptrunner_yield().rerun_data.query_string == "second"
    assert state.SafeSessionState.on_script_will_rerun.__wrapped__ is begin


class CutShort(dict[str, Any]):
    """A session in which a run can be ended at any of its looks, as Streamlit ends one where a further one waits."""

    looks, cut = 0, -1

    def look(self) -> None:
        from streamlit.runtime.scriptrunner import RerunException
        from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

        self.looks += 1
        if self.looks == self.cut:
            raise RerunException(RerunData())

    @contextmanager
    def cut_at(self, cut: int) -> Iterator[None]:
        self.looks, self.cut = 0, cut
        try:
            yield
        finally:
            self.cut = -1

    def __getattribute__(self, name: str) -> Any:
        if name in ("get", "setdefault", "pop"):
            self.look()
        return super().__getattribute__(name)

    def __setitem__(self, key: str, value: Any) -> None:
        self.look()
        super().__setitem__(key, value)


def test_a_change_of_the_link_that_is_cut_short_anywhere_is_made_when_it_is_begun_again(monkeypatch):
    """Streamlit may end a callback at each of its looks at the session; a switch of language must not come undone."""
    from streamlit.runtime.scriptrunner import RerunException

    def switched(cut: int) -> int:
        """Return how many looks a switch takes that is ended at its look number `cut`."""
        session, link = CutShort(), {"lang": "en"}
        monkeypatch.setattr(state, "get_script_run_ctx", lambda **_: None)
        monkeypatch.setattr(state, "st", SimpleNamespace(session_state=session, query_params=link))
        assert state.from_link("lang") == "en"
        with suppress(RerunException), session.cut_at(cut):
            state.whole(lambda: state.to_link(lang="zh"))()
        looks = session.looks
        assert state.from_link("lang") == "zh" and link["lang"] == "zh"
        return looks

    whole = switched(0)
    assert whole > 4
    for cut in range(1, whole + 1):
        assert switched(cut) > cut


def test_a_selection_that_was_taken_away_does_not_come_back_wherever_the_run_that_follows_is_cut_short(monkeypatch):
    """A page's run tells the link what is left; the link of before must not be taken for a new one afterwards."""
    from streamlit.runtime.scriptrunner import RerunException

    one = Selection("corner", 9, np.array([1.0, 0.0], np.float32), np.array([0.5, 0.5], np.float32))

    def left(cut: int) -> int:
        session, link = CutShort(), {"selections": state.selections_to_link([one])}
        monkeypatch.setattr(state, "get_script_run_ctx", lambda **_: None)
        monkeypatch.setattr(state, "st", SimpleNamespace(session_state=session, query_params=link))
        assert [other.name for other in state.selections("m", 2)] == ["corner"]
        state.tell_selections("m")
        state.set_selections("m", [])  # the press
        with suppress(RerunException), session.cut_at(cut):
            assert state.selections("m", 2) == []
            state.tell_selections("m")
        looks = session.looks
        assert state.selections("m", 2) == []  # the next run
        state.tell_selections("m")
        assert "selections" not in link and state.selections("m", 2) == []
        return looks

    whole = left(0)
    assert whole > 6
    for cut in range(1, whole + 1):
        left(cut)


def test_every_press_is_taken_whole():
    """No page hands a widget a callback that a further run would cut short; `components.mount` sees to its own."""
    cut_short = re.compile(r'\bon_(?:click|change)=(?!state\.whole\(|"ignore"|st\.log)')
    for page in [*(ROOT / "pages").glob("*.py"), *(ROOT / "manigen" / "ui").glob("*.py")]:
        assert not cut_short.search(page.read_text(encoding="utf-8")), page.name


def test_without_a_model_the_page_says_how_to_get_one(monkeypatch, tmp_path):
    from manigen.ui import cache

    monkeypatch.setattr(weights, "SHIPPED", tmp_path)
    cache.at_hand.clear()
    test = opened(ROOT / "pages" / "explore.py")
    cache.at_hand.clear()
    assert not test.exception
    assert "python -m manigen train" in test.info[0].value


def test_a_damaged_model_is_named_and_the_others_stay(monkeypatch, tmp_path):
    from manigen.ui import cache

    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "card.json").write_text("{")
    monkeypatch.setenv("MANIGEN_WEIGHTS", str(tmp_path))
    cache.at_hand.clear()
    read, problems = cache.at_hand()
    cache.at_hand.clear()
    assert set(weights.names()) - {"broken"} == set(read)
    assert len(problems) == 1
    assert "broken" in problems[0] or "card.json" in problems[0]


def test_the_way_to_the_first_map_imports_no_map_library():
    script = (
        "import sys; sys.argv = ['x']\n"
        "import app, manigen.ui.cache, manigen.ui.pickers, manigen.ui.components\n"
        "from manigen.live.library import library\n"
        "library().open('mnist-fusion').columns('umap')\n"
        "print(sorted({'umap', 'openTSNE', 'sklearn', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_a_page_of_our_own_components_imports_no_table_library():
    script = (
        "import sys; sys.argv = ['x']\n"
        "from streamlit.testing.v1 import AppTest\n"
        "before = set(sys.modules)\n"
        f"AppTest.from_file({str(ROOT / 'manigen/ui/router.py')!r}).run(timeout=60)\n"
        "print(sorted({'pandas', 'torch'} & (set(sys.modules) - before)), 'pandas' in before)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[] False"


def test_the_train_page_offers_pictures_families_and_a_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MANIGEN_HOME", str(tmp_path))
    monkeypatch.setattr("manigen.workshop.pace.measure", lambda about, shape: 1234.0)
    monkeypatch.setattr("manigen.workshop.host.Host.ensure", lambda self: None)
    test = AppTest.from_file(str(ROOT / "pages" / "train.py"), default_timeout=60).run()
    assert not test.exception
    next(button for button in test.button if button.label == "Start training").click().run()
    assert not test.exception
    (note,) = tmp_path.glob("owners/*/runs/*/about.json")
    assert '"family": "autoencoder"' in note.read_text(encoding="utf-8")


def test_the_article_s_preset_proposes_its_own_length_and_batch_and_lets_them_be_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, needs_data: Callable[..., None]
) -> None:
    needs_data("mnist")
    monkeypatch.setenv("MANIGEN_HOME", str(tmp_path))
    monkeypatch.setattr("manigen.workshop.pace.measure", lambda about, shape: 1234.0)
    monkeypatch.setattr("manigen.workshop.host.Host.ensure", lambda self: None)
    test = opened(ROOT / "pages" / "train.py", data_for="mnist", family="autoencoder")

    def run_of() -> tuple[int, int]:
        told = {slider.label: slider.value for slider in test.select_slider}
        return told["How long: pictures seen"], told["Pictures in a step"]

    assert run_of() == (300_000, 256)
    next(number for number in test.number_input if number.label == "Numbers in a code").set_value(7).run()
    next(box for box in test.selectbox if box.label == "Preset").set_value("article").run()
    (dim,) = (number for number in test.number_input if number.label == "Numbers in a code")
    (pull,) = (slider for slider in test.select_slider if slider.label == "Code length")
    assert (dim.value, dim.disabled) == (32, True) and (pull.value, pull.disabled) == (0.0, True)  # its own
    assert run_of() == (3_000_000, 256) and any("50 rounds" in said.value for said in test.caption)
    next(slider for slider in test.select_slider if slider.label == "Pictures in a step").set_value(128).run()
    assert run_of() == (3_000_000, 128)
    next(button for button in test.button if button.label == "Start training").click().run()
    assert not test.exception and not test.error
    (note,) = tmp_path.glob("owners/*/runs/*/about.json")
    about = json.loads(note.read_text(encoding="utf-8"))
    assert (about["images"], about["batch"], about["knobs"]) == (3_000_000, 128, {"preset": "article"})


def test_every_loss_term_has_a_slider_that_goes_down_to_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MANIGEN_HOME", str(tmp_path))
    monkeypatch.setattr("manigen.workshop.pace.measure", lambda about, shape: 1234.0)
    monkeypatch.setattr("manigen.workshop.host.Host.ensure", lambda self: None)
    test = opened(ROOT / "pages" / "train.py", data_for="digits", family="fusion")
    terms = ("Adversarial", "Distance", "Isometry", "Cycle", "Code length", "Weight decay", "Penalty")
    sliders = {slider.label: slider for slider in test.select_slider if slider.label in terms}
    assert set(sliders) == set(terms)
    for slider in sliders.values():
        assert float(slider.options[0]) == 0 and f"{slider.value:g}" in slider.options
    sliders["Distance"].set_value(0.0)
    sliders["Cycle"].set_value(0.5).run()
    next(button for button in test.button if button.label == "Start training").click().run()
    assert not test.exception and not test.error
    (note,) = tmp_path.glob("owners/*/runs/*/about.json")
    assert json.loads(note.read_text(encoding="utf-8"))["knobs"] == {"distance": 0.0, "cycle": 0.5}


def test_a_map_without_classes_is_coloured_by_the_error_and_the_former_choice_comes_back_with_the_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(state, "LATE", 0.0)  # no browser is late here

    def colour(model: str) -> Any:
        test.query_params["model"] = model
        test.run()
        assert not test.exception
        return next(menu for menu in test.selectbox if menu.label == "Colour by")

    test = opened(ROOT / "pages" / "explore.py", model="mnist-fusion")
    assert colour("mnist-fusion").value == "label"
    menu = colour("emoji-fusion")
    assert menu.value == "error" and "Label" not in menu.options
    assert colour("mnist-gan").value == "distance"  # nor are there pictures to miss
    assert colour("mnist-fusion").value == "label"
    colour("emoji-fusion").set_value("torn")
    test.run()
    assert colour("mnist-fusion").value == "torn"  # chosen by hand


def test_a_map_still_to_come_is_made_when_one_s_model_is_opened_and_then_lies_in_its_folder(monkeypatch, tmp_path):
    from manigen import home, maps
    from manigen.live.fits import Fits
    from manigen.live.library import library

    monkeypatch.setenv("MANIGEN_HOME", str(tmp_path))
    monkeypatch.setattr(maps, "folder", lambda: tmp_path / "maps")
    token, folder = home.owner("session me").place("models")
    model, shipped = home.PREFIX + token, weights.names()[0]
    codes, plain = weights.codes(shipped), weights.load_map(shipped, "pca")
    data = {"name": "digits", "classes": []}
    weights.save(weights.load(shipped), folder, codes, {"pca": plain}, {}, data, **{weights.TO_COME: ["umap"]})
    ordered = []
    monkeypatch.setattr(
        Fits, "map", lambda self, z, method, *more, **knobs: (ordered.append(method), SimpleNamespace(of="0" * 40))[1]
    )
    test = AppTest.from_file(str(ROOT / "pages" / "explore.py"), default_timeout=60)
    test.session_state["own:session"] = "me"
    test.query_params["model"] = model
    test.run()
    assert not test.exception
    assert ordered == ["umap"]
    fitted = weights.load_map(shipped, "umap")
    maps._write(maps.key(codes.z, "umap", 0, 2, fitted.knobs), fitted.arrays())  # as the process that makes maps does
    test.run()
    assert not test.exception
    for thread in threading.enumerate():
        if thread.name == "keep-map":
            thread.join()
    assert test.query_params["map"] in ("umap", ["umap"])
    assert (weights.maps(model), weights.info(model)[weights.TO_COME]) == (["umap", "pca"], [])
    assert ordered == ["umap"]
    library().close(model)


def test_the_view_of_the_train_page_is_the_hands_and_no_longer_that_of_the_link_it_was_opened_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MANIGEN_HOME", str(tmp_path))
    monkeypatch.setattr("manigen.workshop.pace.measure", lambda about, shape: 1234.0)
    test = opened(ROOT / "pages" / "train.py", make="models")
    test.get("button_group")[0].set_value("pictures").run()
    for _ in range(3):  # as the fragments that look after an errand do
        assert test.get("button_group")[0].value in ("pictures", ["pictures"])
        assert test.query_params["make"] in ("pictures", ["pictures"])
        test.run()


def test_a_run_that_began_with_an_older_link_takes_nothing_out_of_the_newer_one(monkeypatch):
    def page() -> None:
        import streamlit as st

        from manigen.ui import state

        if not st.session_state.get("asked"):
            st.session_state["asked"] = True
            state.to_link(lang="zh", step="play")
        elif not st.session_state.get("twice"):
            st.session_state["twice"] = True
            state.to_link(step="end")
        else:
            state.to_link(knobs="angle:1")
        st.write(state.from_link("lang"))

    test = AppTest.from_function(page).run()
    del test.query_params["lang"]  # the browser has not heard of it yet
    test.run()
    assert test.query_params["lang"] in ("zh", ["zh"]) and test.query_params["step"] in ("end", ["end"])
    monkeypatch.setattr("manigen.ui.state.LATE", 0.0)  # much later
    del test.query_params["lang"]
    test.run()
    assert "lang" not in test.query_params, "the address bar is the reader's"
    assert test.markdown[0].value == "zh"
