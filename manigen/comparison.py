"""Comparison: models side by side, in numbers that are read beside what real pictures get.

A table has a row for each measure and a column for each model. A figure is never alone: beside it stand the figure of
real pictures in the model's place, how many pictures it comes from, and its standard error where it has one. The best
of a row is whatever lies nearest to the measure's best value, and whatever cannot be told from it:

    |v - best| <= min_i |v_i - best| + error of that one

All of it is arithmetic on what models' cards say: nothing is measured here.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from manigen.cards import Card

# What a table lists together, in this order; a measure that is named nowhere comes last.
ORDER = (
    *("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage", "class_histogram"),
    *("sharpness", "memorisation", "reconstruction_mse", "ssim", "midpoint_frechet_distance", "perceptual_path_length"),
    *("distance_rank_correlation", "metric_condition", "metric_volume_variance", "linear_probe", "clustering"),
    *("intrinsic_dimension", "intrinsic_dimension_mle", "trustworthiness", "continuity", "parameters", "seconds"),
)
NEAR = 1.0  # a panel's scale reaches the best value where that is no farther off than so many widths of the figures
DECADES = 50.0  # the largest figure over the smallest from which on a panel's scale is logarithmic
NONE = "\N{EN DASH}"  # where there is no figure
MARGIN = 0.06  # of a panel's scale that stays free at either end


@dataclass(frozen=True)
class Cell:
    """One model's figure: its value, the real one beside it, n, its standard error; whether it is the row's best.

    `features` names the features that pictures were compared in, and their hash; "" where it needs none.
    """

    value: float
    real: float | None = None
    n: int | None = None
    error: float | None = None
    best: bool = False
    features: str = ""


@dataclass(frozen=True)
class Row:
    """One measure's figures, one for each model, None where a model has none."""

    name: str
    card: Card
    cells: tuple[Cell | None, ...]

    @property
    def aim(self) -> float | None:
        """The best value there is, None where none is better than another."""
        aim = self.card.facts.get("best")
        return None if aim is None else float(aim)


@dataclass(frozen=True)
class Table:
    """Models in columns, measures in rows."""

    models: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """What pictures were compared in, by name and hash: figures of different features do not compare."""
        return tuple(sorted({cell.features for row in self.rows for cell in row.cells if cell and cell.features}))

    def missing(self, known: Mapping[str, Card]) -> dict[str, list[str]]:
        """Return, for each model that lacks some, the measures of generators it has no figure of, or one without n."""
        have = {row.name: [cell is not None and cell.n is not None for cell in row.cells] for row in self.rows}
        wanted = [name for name in ordered(known) if known[name].facts["of"] == "generator"]
        lacks = {
            model: [name for name in wanted if name not in have or not have[name][at]]
            for at, model in enumerate(self.models)
        }
        return {model: names for model, names in lacks.items() if names}


def ordered(names: Iterable[str]) -> list[str]:
    """Return the names of measures in the order a table lists them."""
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def table(
    cards: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, Card],
    fresh: Mapping[str, Mapping[str, Any]] | None = None,
    shown: Sequence[str] | None = None,
    comparable: bool = True,
) -> Table:
    """Return the figures of models by their cards; `known` are the measures' cards, by name.

    `fresh` are figures measured meanwhile, by model, flat as on a card; they stand where a card has none or one without
    n. `shown` names the measures wanted [all that some model has]. Where figures are not `comparable`, because the
    models learned from different pictures, none is the best. Maps' figures count only where all have the same kind
    first.
    """
    of_map = _of_map(cards)
    sources = [
        (card.get("measures", {}), (fresh or {}).get(model, {}), of_map.get(model, {})) for model, card in cards.items()
    ]
    rows = []
    for name in ordered(known):
        if shown is not None and name not in shown:
            continue
        cells = [_first([_cell(flat, known[name], name) for flat in flats]) for flats in sources]
        if any(cells):
            row = Row(name, known[name], tuple(cells))
            rows.append(_marked(row) if comparable else row)
    return Table(tuple(cards), tuple(rows))


def _of_map(cards: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    firsts = {next(iter(card.get("maps", {})), None) for card in cards.values()}
    if len(firsts) != 1 or None in firsts:
        return {}
    (method,) = firsts
    about = {model: card["maps"][method] for model, card in cards.items()}
    return {model: facts | {f"{name}_n": facts.get("codes") for name in facts} for model, facts in about.items()}


def _cell(flat: Mapping[str, Any], card: Card, name: str) -> Cell | None:
    value, real, n, error = (_number(flat.get(name + end)) for end in ("", "_real", "_n", "_error"))
    features = str(flat.get("features", "")) if card.facts.get("features") else ""
    return None if value is None else Cell(value, real, None if n is None else int(n), error, features=features)


def _first(cells: Sequence[Cell | None]) -> Cell | None:
    """The first figure that says its n, else the first there is."""
    found = [cell for cell in cells if cell is not None]
    return next((cell for cell in found if cell.n is not None), found[0] if found else None)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def _marked(row: Row) -> Row:
    """The row with its best figures marked; one figure alone is best of nothing."""
    aim, cells = row.aim, row.cells
    off = [math.inf if cell is None or aim is None else abs(cell.value - aim) for cell in cells]
    if aim is None or sum(math.isfinite(value) for value in off) < 2:
        return row
    winner = cells[off.index(min(off))]
    reach = min(off) + ((winner.error or 0.0) if winner else 0.0)
    marked = tuple(cell and replace(cell, best=value <= reach) for cell, value in zip(cells, off, strict=True))
    return Row(row.name, row.card, marked)


def sort(made: Table, by: str | None) -> Table:
    """Return the table with its models sorted by the measure `by`, the best first, or the worst with "-" before it.

    Where no value is better than another, the smallest comes first. Models without a figure come last. A measure that
    the table does not have leaves it as it is.
    """
    row = next((row for row in made.rows if row.name == (by or "").lstrip("-")), None)
    if row is None or by is None:
        return made
    sign = -1 if by.startswith("-") else 1

    def key(at: int) -> tuple[bool, float]:
        cell = row.cells[at]
        if cell is None:
            return True, 0.0
        return False, sign * (cell.value if row.aim is None else abs(cell.value - row.aim))

    order = sorted(range(len(made.models)), key=key)
    return Table(
        tuple(made.models[at] for at in order),
        tuple(Row(row.name, row.card, tuple(row.cells[at] for at in order)) for row in made.rows),
    )


def csv_text(made: Table) -> str:
    """Return the table as CSV, one line for each measure and model, figures in full."""
    out = io.StringIO()
    writer = csv.writer(out)
    heads = "measure title unit best_value model value real n error is_best features"
    writer.writerow(heads.split())
    for row in made.rows:
        for model, cell in zip(made.models, row.cells, strict=True):
            if cell is not None:
                about = row.name, row.card.title, row.card.facts.get("unit", ""), _blank(row.aim), model
                beside = _blank(cell.real), _blank(cell.n), _blank(cell.error), int(cell.best), cell.features
                writer.writerow([*about, cell.value, *beside])
    return out.getvalue()


def _blank(value: Any) -> Any:
    return "" if value is None else value


def words(value: float | None) -> str:
    """Return a figure for people: three digits that count, no powers of ten.

    >>> words(0.00684), words(-12.345), words(2150430.0)
    ('0.00684', '−12.3', '2,150,430')
    """
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0:
        return "0"
    size = abs(value)
    places = max(0, 2 - math.floor(math.log10(size)))
    return ("−" if value < 0 else "") + (f"{size:.{min(places, 9)}f}" if size < 1000 else f"{size:,.0f}")


# --- one small panel for each measure ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Panel:
    """Where a measure's figures stand on a scale from 0 (left) to 1: of each model, of real pictures, of the best.

    `better` says which way is better: "left", "right", "middle" (towards `aim`), or "" where no way is. `log` says that
    the scale is logarithmic.
    """

    at: tuple[float | None, ...]
    real: float | None
    aim: float | None
    better: str
    log: bool


def panel(row: Row) -> Panel:
    """Return where the figures of a row stand in its small panel; the real figure is the median of the models'."""
    values = [cell.value for cell in row.cells if cell is not None]
    reals = [cell.real for cell in row.cells if cell is not None and cell.real is not None]
    real = float(np.median(reals)) if reals else None
    ends = [*values, *([] if real is None else [real])]
    low, high = min(ends), max(ends)
    log = low > 0 and high / low > DECADES
    better = ""
    if row.aim is not None:
        better = "left" if row.aim <= low else "right" if row.aim >= high else "middle"
        if not log and max(low - row.aim, row.aim - high) <= NEAR * (high - low):
            low, high = min(low, row.aim), max(high, row.aim)
    start, end = (math.log(low), math.log(high)) if log else (low, high)
    width = (end - start) or 1.0
    middle = 0.5 if end == start else 0.0

    def place(value: float | None) -> float | None:
        if value is None or (log and value <= 0):
            return None
        along = ((math.log(value) if log else value) - start) / width + middle
        return MARGIN + (1 - 2 * MARGIN) * along if -1e-9 <= along <= 1 + 1e-9 else None

    return Panel(
        tuple(place(cell.value if cell else None) for cell in row.cells), place(real), place(row.aim), better, log
    )
