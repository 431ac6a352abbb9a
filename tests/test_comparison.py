"""Comparison: the table of figures, its order, its file, its panels; and what an ablation says."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ElementTree

import pytest

from manigen import ablation, comparison
from manigen.cards import Card
from manigen.errors import BadFile
from manigen.figures import panels
from tests.oracles import is_one_sentence


def measure(title: str, best: float | None, of: str = "generator") -> Card:
    return Card(
        title, "A sentence.", "Somebody 2000", "https://example.org", facts={"of": of, "best": best, "unit": "u"}
    )


KNOWN = {
    "coverage": measure("Coverage", 1.0),
    "frechet_distance": measure("Frechet distance", 0.0),
    "sharpness": measure("Sharpness", 1.0),
    "parameters": measure("Parameters", None),
    "trustworthiness": measure("Trustworthiness", 1.0, "map"),
    "zebra": measure("A new one", 0.0),
}


def card(**figures: float) -> dict:
    return {"measures": figures, "maps": {}}


CARDS = {
    "a": card(coverage=0.8, coverage_real=0.96, coverage_n=500, frechet_distance=9.0, sharpness=1.3, parameters=10),
    "b": card(coverage=0.9, coverage_real=0.96, coverage_n=500, frechet_distance=4.0, sharpness=0.8, parameters=30),
    "c": card(frechet_distance=4.5, frechet_distance_error=0.2, zebra=0.5, other=3.0),
}


def bests(made: comparison.Table) -> dict[str, list[str]]:
    return {
        row.name: [model for model, cell in zip(made.models, row.cells, strict=True) if cell is not None and cell.best]
        for row in made.rows
    }


def test_a_row_for_each_measure_that_some_model_has_in_the_known_order_and_new_ones_last():
    made = comparison.table(CARDS, KNOWN)
    assert made.models == ("a", "b", "c")
    assert [row.name for row in made.rows] == ["frechet_distance", "coverage", "sharpness", "parameters", "zebra"]
    coverage = made.rows[1]
    assert coverage.cells[0] == comparison.Cell(0.8, 0.96, 500, None, False)
    assert coverage.cells[2] is None


def test_the_best_is_nearest_to_the_best_value_from_either_side_and_no_one_is_best_alone():
    assert bests(comparison.table(CARDS, KNOWN)) == {
        "frechet_distance": ["b"],
        "coverage": ["b"],
        "sharpness": ["b"],
        "parameters": [],
        "zebra": [],
    }


def test_what_cannot_be_told_from_the_best_within_its_error_is_best_too():
    cards = {"a": card(frechet_distance=4.0, frechet_distance_error=0.6), **CARDS}
    cards["d"] = card(frechet_distance=4.7)
    assert bests(comparison.table(cards, KNOWN))["frechet_distance"] == ["b"]
    cards["b"] = card(frechet_distance=4.0, frechet_distance_error=0.6)
    assert bests(comparison.table(cards, KNOWN))["frechet_distance"] == ["b", "c"]


def test_models_of_different_data_have_no_best():
    assert not any(bests(comparison.table(CARDS, KNOWN, comparable=False)).values())


def test_what_was_measured_meanwhile_fills_gaps_and_stands_for_figures_without_n():
    fresh = {"c": {"coverage": 0.5, "coverage_n": 100}, "a": {"coverage": 0.1, "coverage_n": 9, "frechet_distance": 8.0,
             "frechet_distance_n": 100}}  # fmt: skip
    rows = {row.name: row.cells for row in comparison.table(CARDS, KNOWN, fresh).rows}
    assert rows["coverage"][2].value == 0.5
    assert rows["coverage"][0].value == 0.8
    assert (rows["frechet_distance"][0].value, rows["frechet_distance"][0].n) == (8.0, 100)


def test_figures_of_maps_count_where_all_models_have_the_same_kind_first():
    of_map = {"trustworthiness": 0.9, "codes": 700, "knobs": {}}
    cards = {"a": {"measures": {}, "maps": {"umap": of_map}}, "b": {"measures": {}, "maps": {"umap": of_map}}}
    (row,) = comparison.table(cards, KNOWN).rows
    assert [(cell.value, cell.n, cell.best) for cell in row.cells] == [(0.9, 700, True), (0.9, 700, True)]
    cards["b"] = {"measures": {}, "maps": {"pca": of_map}}
    assert comparison.table(cards, KNOWN).rows == ()


def test_nonsense_on_a_card_is_no_figure():
    cards = {"a": card(coverage=float("nan")), "b": {"measures": {"coverage": "0.9", "sharpness": True}}}
    assert comparison.table(cards, KNOWN).rows == ()


def test_missing_lists_figures_that_are_absent_or_come_without_n_and_no_figures_of_maps():
    made = comparison.table(CARDS, KNOWN)
    assert made.missing(KNOWN) == {
        "a": ["frechet_distance", "sharpness", "parameters", "zebra"],
        "b": ["frechet_distance", "sharpness", "parameters", "zebra"],
        "c": ["frechet_distance", "coverage", "sharpness", "parameters", "zebra"],
    }


@pytest.mark.parametrize(
    ("by", "order"),
    [
        ("frechet_distance", "bca"),
        ("-frechet_distance", "acb"),
        ("coverage", "bac"),
        ("-coverage", "abc"),
        ("sharpness", "bac"),
        ("parameters", "abc"),
        ("-parameters", "bac"),
        ("nothing", "abc"),
        (None, "abc"),
    ],
)
def test_models_are_sorted_by_a_measure_best_first_and_without_a_figure_last(by, order):
    made = comparison.sort(comparison.table(CARDS, KNOWN), by)
    assert "".join(made.models) == order
    for row in made.rows:
        for model, cell in zip(made.models, row.cells, strict=True):
            given = CARDS[model]["measures"].get(row.name)
            assert (None if cell is None else cell.value) == given


def test_every_figure_of_features_names_them_with_their_hash_and_no_other_does():
    facts = {**KNOWN["coverage"].facts, "features": True}
    known = {**KNOWN, "coverage": Card("Coverage", "A sentence.", "Somebody 2000", "", facts=facts)}
    one, other = "FD-LeNet 0123456789ab", "FD-LeNet ba9876543210"
    cards = {
        "a": card(coverage=0.8, features=one),
        "b": card(coverage=0.9, sharpness=1.0, features=one),
        "c": card(sharpness=1.1, features=other),
    }
    made = comparison.table(cards, known)
    assert made.features == (one,)  # c has no figure that was taken in features
    rows = list(csv.DictReader(io.StringIO(comparison.csv_text(made))))
    assert {(row["measure"], row["features"]) for row in rows} == {("coverage", one), ("sharpness", "")}
    fresh = {"c": {"coverage": 0.7, "coverage_n": 10, "features": other}}
    assert comparison.table(cards, known, fresh).features == (one, other)
    assert comparison.table(CARDS, KNOWN).features == ()


def test_the_csv_holds_every_figure_in_full_and_survives_commas_and_quotes():
    known = {**KNOWN, "coverage": measure('Coverage, "all" of it', 1.0)}
    rows = list(csv.DictReader(io.StringIO(comparison.csv_text(comparison.table(CARDS, known)))))
    assert len(rows) == sum(name in KNOWN for given in CARDS.values() for name in given["measures"])
    first = next(row for row in rows if row["measure"] == "coverage" and row["model"] == "a")
    assert first["title"] == 'Coverage, "all" of it'
    assert (float(first["value"]), float(first["real"]), first["n"], first["error"]) == (0.8, 0.96, "500", "")
    assert [row["model"] for row in rows if row["is_best"] == "1"] == ["b", "b", "b"]


# --- panels -----------------------------------------------------------------------------------------------------------


def row(*values: float | None, best: float | None = 0.0, real: float | None = None) -> comparison.Row:
    cells = tuple(None if value is None else comparison.Cell(value, real, 10) for value in values)
    return comparison.Row("m", measure("M", best), cells)


def test_a_panel_keeps_the_order_and_the_ratios_of_its_figures():
    place = comparison.panel(row(2.0, 4.0, None, 3.0, best=None))
    low, high, nothing, middle = place.at
    assert nothing is None
    assert low == pytest.approx(comparison.MARGIN)
    assert high == pytest.approx(1 - comparison.MARGIN)
    assert middle == pytest.approx((low + high) / 2)
    assert (place.real, place.aim, place.better) == (None, None, "")


@pytest.mark.parametrize(
    ("best", "better", "shown"),
    [(1.0, "left", True), (0.0, "left", False), (4.9, "right", True), (3.0, "middle", True)],
)
def test_a_panel_says_which_way_is_better_and_shows_the_best_value_where_it_is_near(best, better, shown):
    place = comparison.panel(row(2.0, 3.5, best=best, real=3.0))
    assert place.better == better
    assert (place.aim is not None) == shown
    assert 0 < place.real < 1


def test_figures_over_decades_stand_on_a_logarithmic_scale():
    place = comparison.panel(row(1.0, 10.0, 100.0, best=0.0))
    assert place.log
    assert place.at[1] - place.at[0] == pytest.approx(place.at[2] - place.at[1])
    assert not comparison.panel(row(0.0, 10.0, 100.0)).log


def test_one_figure_alone_stands_in_the_middle():
    assert comparison.panel(row(5.0, best=None)).at == (0.5,)


def test_the_drawn_panel_is_sound_xml_with_every_label_escaped_and_a_mark_for_every_figure():
    text = panels.panel("A < B", "better & so on", ["<script>", "b", "c"], [0.2, None, 0.9], ["1", "-", "3"],
                        [False, False, True], 0.5, None, '"foot"')  # fmt: skip
    drawn = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    words = [node.text for node in drawn.iter(f"{space}text")]
    assert "<script>" in words and "A < B" in words and '"foot"' in words
    assert "<script" not in text
    assert len([node for node in drawn if node.tag in (f"{space}circle", f"{space}polygon")]) == 2
    assert [node.text for node in drawn.iter(f"{space}text") if node.get("class") == "best"] == ["3"]
    lines = [node.get("class") for node in drawn.iter(f"{space}line")]
    assert (lines.count("real"), lines.count("aim")) == (1, 0)


# --- ablation ---------------------------------------------------------------------------------------------------------

FILE = {
    "data": "mnist",
    "images": 1000,
    "seeds": [0, 1, 2],
    "terms": {
        "full": {"coverage": [0.90, 0.91, 0.92], "frechet_distance": [5.0, 6.0, 7.0], "parameters": [3, 3, 3]},
        "critic": {"coverage": [0.70, 0.75, 0.71], "frechet_distance": [6.5, 7.5, 8.5], "parameters": [2, 2, 2]},
        "cycle": {"coverage": [0.93, 0.95, 0.97]},
    },
}


def test_a_change_counts_where_all_seeds_without_the_term_lie_on_one_side_of_all_with_it():
    made = ablation.read(FILE, KNOWN)
    assert made.measures == ("frechet_distance", "coverage", "parameters")
    distance, coverage, parameters = made.terms["critic"]
    assert (coverage.beyond, coverage.worse) == (True, True)
    assert coverage.change == pytest.approx(0.72 - 0.91)
    assert (distance.beyond, distance.worse) == (False, True)
    assert (parameters.beyond, parameters.worse) == (True, None)
    nothing, better, _ = made.terms["cycle"]
    assert nothing is None
    assert (better.beyond, better.worse) == (True, False)
    assert made.full["coverage"] == pytest.approx((0.91, 0.90, 0.92))


def test_one_seed_alone_has_no_spread_to_be_beyond():
    once = {name: {key: values[:1] for key, values in figures.items()} for name, figures in FILE["terms"].items()}
    made = ablation.read({**FILE, "seeds": [0], "terms": once}, KNOWN)
    assert not any(change.beyond for changes in made.terms.values() for change in changes if change)


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        {**FILE, "terms": {}},
        {**FILE, "terms": {"full": {"coverage": []}}},
        {**FILE, "terms": {"full": {"coverage": [float("nan")]}}},
        {**FILE, "terms": {"full": {"coverage": ["x"]}}},
        {**FILE, "seeds": None},
    ],
)
def test_a_damaged_ablation_file_is_refused_in_a_sentence(content):
    with pytest.raises(BadFile) as refusal:
        ablation.read(content, KNOWN)
    assert is_one_sentence(str(refusal.value))
