"""Report: what the Compare page shows as one HTML page that needs nothing else: no network, no script.

Whatever a model or a class is called is escaped; pictures are data within the page.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from manigen import __version__, comparison
from manigen.ablation import Ablation, Change
from manigen.cards import Card
from manigen.figures import panels
from manigen.ui.text import card_text, knob_text, text

STYLE = Path(__file__).with_name("frontend") / "report.css"


def page(looked: Mapping[str, Any], made: comparison.Table, heads: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the report: `looked` as the front end is given it, the table of figures, what each model is called."""
    day = datetime.date.today().isoformat()
    titles = [str(heads[name]["title"]) for name in made.models]
    tags = [str(heads[name]["tag"]) for name in made.models]
    parts = [
        f"<h1>{_safe(text('cmp_report_title'))}</h1>",
        f"<p>{_safe(', '.join(titles))} · {_safe(looked['dataTitle'])}</p>",
        f"<p class=faint>{_safe(text('cmp_report_made', day=day))}</p>",
        *[_section(section, looked["models"]) for section in looked["sections"]],
    ]
    if made.rows:
        parts += [
            f"<h2>{_safe(text('cmp_measure'))}</h2>",
            table(made, titles),
            f"<p class=faint>{_safe(features(made))}</p>",
            f"<h2>{_safe(text('cmp_panels'))}</h2><p class=faint>{_safe(text('cmp_panels_note'))}</p>",
            "<div class=panels>" + "".join(_panel(row, tags) for row in made.rows) + "</div>",
        ]
    parts += [f"<h2>{_safe(text('cmp_report_same'))}</h2>", f"<pre>{_safe(commands(made))}</pre>"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="generator" content="ManiGen {__version__}">'
        f"<title>{_safe(text('cmp_report_title'))}: {_safe(', '.join(titles))}</title>"
        f"<style>{STYLE.read_text(encoding='utf-8')}</style></head><body>{''.join(parts)}</body></html>"
    )


def commands(made: comparison.Table) -> str:
    """Return the lines for a terminal that give the same figures, for each model with the n that its figures have."""
    lines = []
    for at, model in enumerate(made.models):
        ns = {cell.n for row in made.rows if (cell := row.cells[at]) is not None and cell.n is not None}
        lines.append(f"python -m manigen measure {model} --seed 0" + (f" --n {max(ns)}" if ns else ""))
    return "\n".join(lines)


def _section(section: Mapping[str, Any], models: list[dict[str, Any]]) -> str:
    head = f"<h2>{_safe(section['title'])}</h2><p class=faint>{_safe(section['note'])}</p>"
    if section.get("words"):
        return f"{head}<p>{_safe(section['words'])}</p>"
    shown = []
    for name, title in [("real", text("cmp_real")), *[(model["name"], model["title"]) for model in models]]:
        cell = section["cells"].get(name)
        if not cell:
            continue
        tag = text("cmp_real_tag") if cell.get("real") else text("generated")
        inside = "".join(
            f'<img src="{_safe(cell[key])}" alt="{_safe(section["title"])}, {_safe(tag if key == "url" else pairs)}">'
            for key, pairs in (
                ("url", ""),
                ("pairs", text("cmp_nearest" if cell.get("pairsReal") else "cmp_nearest_generated")),
            )
            if key in cell
        )
        said = cell.get("words") or cell.get("pending") or f"{tag} · {cell.get('foot', '')}"
        shown.append(f"<figure><figcaption>{_safe(title)}</figcaption>{inside}<small>{_safe(said)}</small></figure>")
    return head + f"<div class=models>{''.join(shown)}</div>"


def table(made: comparison.Table, titles: list[str]) -> str:
    """Return the table of figures as HTML."""
    heads = "".join(f"<th scope=col>{_safe(title)}</th>" for title in titles)
    rows = []
    for row in made.rows:
        unit, aim = row.card.facts.get("unit", ""), row.aim
        about = text("cmp_no_best") if aim is None else text("cmp_is_best", value=f"{aim:g}")
        about = " · ".join(filter(None, [unit, about]))
        head = f"<th scope=row>{_safe(card_text(row.card.title))}<small>{_safe(about)}</small></th>"
        rows.append(f"<tr>{head}{''.join(_cell(cell) for cell in row.cells)}</tr>")
    return (
        f"<div class=wide><table><thead><tr><th scope=col>{_safe(text('cmp_measure'))}</th>{heads}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def features(made: comparison.Table) -> str:
    """Return the sentence that names what pictures were compared in, with its hash; "" where no figure needs it."""
    return text("cmp_features", names=" · ".join(made.features)) if made.features else ""


def _cell(cell: comparison.Cell | None) -> str:
    if cell is None:
        return f"<td class=faint>{comparison.NONE}</td>"
    figure = comparison.words(cell.value) + (f" ± {comparison.words(cell.error)}" if cell.error else "")
    beside = [
        text("cmp_of_real", value=comparison.words(cell.real)) if cell.real is not None else "",
        text("cmp_no_n") if cell.n is None else text("cmp_n", n=f"{cell.n:,}"),
    ]
    shown = f"<span class=best>{figure}</span><span class=tag>{text('cmp_best')}</span>" if cell.best else figure
    return f"<td>{shown}<small>{_safe(' · '.join(filter(None, beside)))}</small></td>"


def _panel(row: comparison.Row, tags: list[str]) -> str:
    place = comparison.panel(row)
    better = {
        "left": text("cmp_lower"),
        "right": text("cmp_higher"),
        "middle": text("cmp_middle", value=f"{row.aim or 0:g}"),
    }.get(place.better, text("cmp_no_best"))
    values = [comparison.words(cell.value if cell else None) for cell in row.cells]
    best = [cell is not None and cell.best for cell in row.cells]
    foot = text("cmp_log") if place.log else ""
    return panels.panel(card_text(row.card.title), better, tags, place.at, values, best, place.real, place.aim, foot)


def terms_table(made: Ablation, known: Mapping[str, Card]) -> str:
    """Return what each term of a loss does as an HTML table: terms in rows, measures in columns."""
    heads = "".join(
        f'<th scope="col">{_safe(card_text(known[name].title) if name in known else name)}</th>'
        for name in made.measures
    )
    full = "".join(
        f"<td>{comparison.words(mean)}<small>{comparison.words(low)} … {comparison.words(high)}</small></td>"
        for mean, low, high in (made.full[name] for name in made.measures)
    )
    rows = "".join(
        f'<tr><th scope="row">{_safe(knob_text(term.replace("_", " ")))}</th>{"".join(map(_change, changes))}</tr>'
        for term, changes in made.terms.items()
    )
    return (
        f'<div class="cmp-terms"><table><thead><tr><th scope="col">{_safe(text("cmp_term"))}</th>{heads}</tr></thead>'
        f'<tbody><tr class="cmp-full"><th scope="row">{_safe(text("cmp_full"))}</th>{full}</tr>{rows}</tbody>'
        "</table></div>"
    )


def _change(change: Change | None) -> str:
    if change is None:
        return f"<td>{comparison.NONE}</td>"
    sign = "+" if change.change > 0 else ""
    word = "cmp_changed" if change.worse is None else "cmp_worse" if change.worse else "cmp_better"
    kind = word.removeprefix("cmp_") if change.beyond else "within"
    spread = f"{comparison.words(change.low)} … {comparison.words(change.high)}"
    arrow = {"worse": "▼ ", "better": "▲ "}.get(kind, "")
    said = f"{text(word if change.beyond else 'cmp_within')} · {spread}"
    return f'<td class="cmp-{kind}">{arrow}{sign}{comparison.words(change.change)}<small>{_safe(said)}</small></td>'


def _safe(words: Any) -> str:
    return escape(str(words), quote=True)
