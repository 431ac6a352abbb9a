"""The Compare page: what models are asked, what is shown of them, what is measured meanwhile, and its report."""

from __future__ import annotations

import re
import threading
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from manigen import choice, comparison, measures, samplers, weights
from manigen.cards import Card
from manigen.live.library import library
from manigen.ui import comparing, measuring, report, scores
from manigen.weights import Codes

PAGE = str(Path(__file__).resolve().parents[1] / "pages" / "compare.py")


class Model:
    """As much of an opened model as the choice of pictures looks at."""

    def __init__(self, rows: list[int], split: int = comparing.TEST) -> None:
        n, of = len(rows), np.array(rows)
        self.codes = Codes(np.zeros((n, 2), np.float32), of % 3, np.full(n, split), of, np.zeros(n))


def opened(**link: str) -> AppTest:
    test = AppTest.from_file(PAGE, default_timeout=90)
    for key, value in link.items():
        test.query_params[key] = value
    return test.run()


def link(test: AppTest, key: str) -> str:
    value = test.query_params[key]
    return value[0] if isinstance(value, list) else value


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_held_out_pictures_are_those_that_every_encoder_has_a_code_of():
    a, b, drawn = Model([7, 3, 5, 9]), Model([1, 5, 9, 7]), Model([5, 7], split=2)
    assert comparing.common_rows([a, b, drawn]).tolist() == [5, 7, 9]
    assert comparing.common_rows([drawn]).tolist() == []
    assert a.codes.rows[comparing.places(a, [9, 7, 5])].tolist() == [9, 7, 5]
    assert comparing.labels_of([drawn, a], [5, 7, 9]).tolist() == [2, 1, 0]


def test_pictures_are_chosen_one_of_each_class_first_and_others_by_another_seed():
    rows = np.arange(100, 400)
    labels = rows % 10
    chosen = comparing.choose(rows, labels, 10, 0)
    assert (chosen % 10).tolist() == list(range(10))
    assert len(set(comparing.choose(rows, labels, 25, 0))) == 25
    assert sorted(np.bincount(comparing.choose(rows, labels, 25, 3) % 10)) == [2] * 5 + [3] * 5
    assert chosen.tolist() == comparing.choose(rows, labels, 10, 0).tolist()
    assert chosen.tolist() != comparing.choose(rows, labels, 10, 1).tolist()


def test_the_ends_of_a_walk_are_called_by_class_or_else_by_row():
    emoji, digits = (library().open(name) for name in ("emoji-fusion", "mnist-vae"))
    rows = comparing.common_rows([emoji])[[3, 5]]
    assert comparing.walked(emoji, tuple(rows), 0, "straight", 3).ends == tuple(f"#{row:,}" for row in rows)
    rows = comparing.common_rows([digits])[[3, 5]]
    labels = digits.codes.labels[comparing.places(digits, rows)]
    assert comparing.walked(digits, tuple(rows), 0, "straight", 3).ends == tuple(str(label) for label in labels)


def test_samples_are_drawn_by_the_sampler_asked_for_and_without_the_steepest(monkeypatch):
    model, fits = library().open("mnist-fusion-2"), []
    fit = samplers.fit
    monkeypatch.setattr(samplers, "fit", lambda name, z: fits.append((name, len(z))) or fit(name, z))
    own = comparing.sampled(model, 5, 1)
    assert own.z.tolist() == model.generator.sample_codes(5, 1).tolist() and fits == []
    shaken = comparing.sampled(model, 5, 1, "jitter")
    trained_on = model.codes.z[model.codes.split == comparing.TRAIN]
    assert shaken.z.tolist() == fit("jitter", trained_on).sample(5, 1).tolist() and shaken.x.shape == own.x.shape
    calm = comparing.sampled(model, 5, 1, "jitter", 0.5)
    assert calm.z.tolist() != shaken.z.tolist() and fits == [("jitter", len(trained_on))]
    assert comparing.sampled(model, 5, 1).z.tolist() == own.z.tolist()  # its own is as it was, for everyone


def test_how_samples_are_drawn_is_chosen_on_the_page_and_kept_in_the_link():
    test = opened(models="mnist-fusion-2", sampler="jitter", reject="20")
    assert not test.exception
    assert next(box for box in test.selectbox if box.label == "Codes are drawn from").value == "jitter"
    slider = next(slider for slider in test.slider if slider.label == "Leave out the steepest")
    assert slider.value == 20
    slider.set_value(35).run()
    assert not test.exception and (link(test, "sampler"), link(test, "reject")) == ("jitter", "35")
    next(box for box in test.selectbox if box.label == "Codes are drawn from").set_value("own").run()
    assert "sampler" not in test.query_params and link(test, "reject") == "35"
    odd = opened(models="mnist-fusion-2", sampler="nonsense", reject="999")
    assert not odd.exception and "sampler" not in odd.query_params


def test_each_model_s_own_sampler_is_marked_among_all_that_were_measured():
    test = opened(models="mnist-vae~mnist-gan")
    told = {said.value.partition("**")[2].partition("**")[0]: said.value for said in test.markdown if "★" in said.value}
    card = weights.info("mnist-vae")
    titles = {name: one.title for name, one in samplers.cards().items()}
    order = sorted(card["samplers"], key=lambda name: card["samplers"][name])
    words = told["Variational autoencoder"]
    assert [words.index(titles[name]) for name in order] == sorted(words.index(titles[name]) for name in order)
    assert f"**{titles[card['sampler']]} {card['samplers'][card['sampler']]:.3g} ★**" in words
    copied = {name for name, share in card["samplers_copying"].items() if share >= choice.COPIES}
    assert copied == {"jitter"} and words.count("(repeats)") == 1
    assert "**Standard normal ★**" in told["Generative adversarial network"]  # the only one it can have


@pytest.mark.parametrize("seed", range(8))
def test_the_ends_of_a_pair_have_the_classes_asked_for_and_are_two(seed):
    rows, labels = np.arange(60), np.arange(60) % 3
    assert [row % 3 for row in comparing.ends(rows, labels, 2, 0, seed)] == [2, 0]
    start, end = comparing.ends(rows, labels, 1, 1, seed)
    assert (start % 3, end % 3) == (1, 1) and start != end
    start, end = comparing.ends(rows, labels, None, None, seed)
    assert start % 3 != end % 3
    start, end = comparing.ends(rows, labels, None, 2, seed)
    assert start % 3 != 2 and end % 3 == 2
    assert comparing.ends(rows, labels, 7, None, seed) is None
    assert comparing.ends(rows[:1], labels[:1], None, None, seed) is None


def test_the_nearest_training_picture_is_found_as_by_looking_at_each(monkeypatch):
    rng = np.random.default_rng(0)
    x, among = (rng.integers(0, 256, (n, 3, 4, 5), dtype=np.uint8) for n in (7, 23))
    monkeypatch.setattr(comparing, "BLOCK", 5)
    rows, distance = comparing.nearest(x, among)
    apart = np.sqrt(((x[:, None] / 255.0 - among[None] / 255.0) ** 2).sum(axis=(2, 3, 4)))
    assert rows.tolist() == apart.argmin(axis=1).tolist()
    assert distance == pytest.approx(apart.min(axis=1), rel=1e-5)
    assert comparing.nearest(among[3:4], among)[1].tolist() == [0.0]


# --- what is measured meanwhile ---------------------------------------------------------------------------------------


def test_a_run_that_is_stopped_keeps_what_it_has_measured():
    titles = {name: card.title for name, card in measures.cards().items()}
    names, reached, go_on = ["coverage", "density", "precision"], threading.Event(), threading.Event()
    asked: list[list[str]] = []

    def take(names, n, progress):
        asked.append(list(names))
        for done, name in enumerate(names):
            progress(done, len(names), titles[name])
            if name == "density":
                reached.set()
                go_on.wait(120)
        return {name: measures.Result(0.5, None, n) for name in names}

    run = measuring.Measuring({("m-stopped", "print"): names}, {"m-stopped": take}, 77)
    run.start()
    assert reached.wait(120)
    assert (run.done, run.of, run.what) == (1, 3, titles["density"])
    run.stop()
    go_on.set()
    run.wait(120)
    assert run.over and not run.error
    assert asked == [names, ["coverage", "density"]]
    assert measuring.found("m-stopped", "print") == {"coverage": 0.5, "coverage_n": 77, "density": 0.5, "density_n": 77}
    assert measuring.tried("m-stopped", "print") == {"coverage", "density"}


def test_a_run_that_fails_says_why_and_one_that_ends_counts_to_its_end():
    def take(names, n, progress):
        return {}

    def fail(names, n, progress):
        raise ValueError("no such luck")

    run = measuring.Measuring({("m-ends", ""): ["coverage"], ("m-fails", ""): ["coverage"]},
                              {"m-ends": take, "m-fails": fail}, 5)  # fmt: skip
    run.start()
    run.wait(120)
    assert run.over and run.done == 1
    assert "no such luck" in run.error
    assert measuring.tried("m-ends", "") == {"coverage"}


# --- the report -------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """What a page holds: tags with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data


def a_report() -> str:
    known = {
        "coverage": Card('Coverage <b>"x"</b>', "S.", "R", "https://e.org", facts={"of": "generator", "best": 1.0})
    }
    cards = {"m1": {"measures": {"coverage": 0.5, "coverage_n": 1234}}, "m2": {"measures": {"coverage": 0.75}}}
    evil = "<script>alert(1)</script>"
    heads = {name: {"title": f"{evil}{name}", "tag": name} for name in cards}
    items = [{"label": "l", "caption": "c", "level": ""}]
    cells = {"m1": {"url": "data:image/png;base64,AAAA", "items": items, "foot": evil}, "m2": {"words": evil}}
    looked = {
        "models": [{"name": name, "title": heads[name]["title"]} for name in cards],
        "dataTitle": evil,
        "sections": [{"key": "rebuilt", "title": "T", "note": "N", "cells": cells}],
    }
    return report.page(looked, comparison.table(cards, known), heads)


def test_the_report_needs_no_script_and_no_other_file_and_escapes_every_name():
    page = Reader(a_report())
    assert "script" not in {tag for tag, _ in page.tags}
    assert "b" not in {tag for tag, _ in page.tags}
    assert "<script>alert(1)</script>m2" in page.words
    addresses = [
        value for tag, given in page.tags for key, value in given.items() if key in ("src", "href", "xlink:href")
    ]
    assert addresses == ["data:image/png;base64,AAAA"]
    assert not re.search(r"url\(|@import", a_report())
    assert "prefers-color-scheme: dark" in a_report()


def test_the_report_holds_pictures_figures_panels_and_the_command_that_gives_the_same():
    page = Reader(a_report())
    tags = [tag for tag, _ in page.tags]
    assert (tags.count("img"), tags.count("svg"), tags.count("table")) == (1, 1, 1)
    assert "generated" in page.words and "0.750best" in page.words and "1,234" in page.words
    assert "python -m manigen measure m1 --seed 0 --n 1234\npython -m manigen measure m2 --seed 0" in page.words


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_opens_with_the_present_model_beside_others_of_its_data():
    test = opened(model="mnist-gan")
    assert not test.exception and not test.error
    assert "mnist-gan" in link(test, "models").split("~")
    assert len(link(test, "models").split("~")) == 3
    assert all(weights.info(name)["data"]["name"] == "mnist" for name in link(test, "models").split("~"))


def test_a_link_restores_models_view_and_order():
    test = opened(models="mnist-gan~mnist-autoencoder", view="measures", sort="-coverage", seed="4", pair="3.8.1")
    assert not test.exception and not test.error
    assert sorted(link(test, "models").split("~")) == ["mnist-autoencoder", "mnist-gan"]
    assert (link(test, "data"), link(test, "view"), link(test, "sort")) == ("mnist", "measures", "-coverage")
    assert link(test, "model") in ("mnist-autoencoder", "mnist-gan")


def test_models_of_different_data_are_compared_with_a_word_on_it():
    test = opened(models="mnist-vae~fashion_mnist-vae", view="measures")
    assert not test.exception and not test.error
    assert link(test, "data") == comparing.ALL
    assert any("different pictures" in caption.value for caption in test.caption)


def test_nonsense_in_a_link_is_left_aside():
    test = opened(
        models="x~y", view="z", sort="q", seed="-9", pictures="1e9", pair="a.b", kind="?", shown="w~", data="!"
    )
    assert not test.exception and not test.error
    assert link(test, "view") == "pictures"


@pytest.mark.parametrize("there", [True, False])
def test_the_loss_terms_are_shown_or_how_to_get_them(there, tmp_path, monkeypatch):
    file = tmp_path / "ablation.json"
    if there:
        file.write_text(
            '{"data": "mnist", "images": 5, "seeds": [0, 1], "terms": {"full": {"coverage": [0.9, 0.91]}, '
            '"critic <i>": {"coverage": [0.5, 0.6]}, "code_noise": {"coverage": [0.7, 0.7]}}}'
        )
    monkeypatch.setattr(scores, "TERMS", file)
    test = opened(view="terms")
    assert not test.exception and not test.error
    if not there:
        assert "python -m benchmarks.ablation" in test.info[0].value
        return
    page = Reader(next(block.proto.body for block in test.get("html") if "cmp-terms" in block.proto.body))
    assert "critic <i>" in page.words and "code noise" in page.words and "worse" in page.words
    assert "MNIST" in test.main.caption[-1].value
    assert "0.355" in page.words
