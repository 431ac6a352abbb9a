"""Sheets: a lesson on paper. The student's, with answers and evidence; a worksheet; the teacher's, with the answers.

Each is one HTML page that opens anywhere and prints on A4. Scenes are drawn again from their knobs: what is on paper is
what those knobs show.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from typing import Any

from manigen import lessons
from manigen.figures import pictures
from manigen.lessons import _svg
from manigen.lessons.base import Pictures, Plot, Scene

LETTERS = "ABCDEFG"
STYLE = """
@page { size: A4; margin: 16mm; }
body { font: 16px/1.5 system-ui, "Noto Sans", "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; color: #15171c; max-width: 780px; margin: 32px auto; padding: 0 18px; }
h1 { font-size: 1.7em; margin: 0 0 .2em; } h2 { font-size: 1.12em; margin: 1.6em 0 .4em; color: #4338b8; break-after: avoid; }
.fields { display: flex; gap: 40px; margin: 12px 0 20px; } .fields span { flex: 1; border-bottom: 1px solid #777; padding-bottom: 2px; color: #555; }
.question { break-inside: avoid; margin-bottom: 20px; } .question p { margin: .3em 0; }
ol.options { list-style: none; padding: 0; margin: .4em 0; } ol.options li { padding: 3px 0 3px 1.7em; text-indent: -1.7em; } ol.options b { display: inline-block; width: 1.7em; text-indent: 0; }
li.right { font-weight: 650; } li.right::after { content: " ✓"; color: #1a7a3c; } li.chosen b { width: 1.4em; margin-right: .3em; outline: 2px solid #4338b8; border-radius: 50%; text-align: center; }
.because, .note, figcaption, footer { color: #4b5160; } footer { break-before: avoid; } .scene { display: flex; flex-wrap: wrap; gap: 18px; } .scene, .evidence, tr { break-inside: avoid; } figure { margin: 0; } figure.plot { flex: 1 1 300px; max-width: 440px; } figure svg { width: 100%; height: auto; }
figure img { image-rendering: pixelated; max-width: 100%; background: #000; } .lines { height: 5.4em; background: repeating-linear-gradient(transparent 0 1.7em, #bbb 1.7em calc(1.7em + 1px)); }
table { border-collapse: collapse; } td { border-bottom: 1px solid #ddd; padding: 1px 16px 1px 0; font-variant-numeric: tabular-nums; } math { font-size: 1.1em; }
@media print { body { font-size: 13px; line-height: 1.45; margin: 0; padding: 0; print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
SCREENS = 680  # pixels that a row of pictures on paper is wide at most


def page(
    kind: str,
    name: str,
    tongue: str,
    words: Mapping[str, str],
    given: Mapping[str, int],
    kept: Sequence[Mapping[str, Any]],
    formula: str,
) -> str:
    """Return a sheet of a lesson, `kind` "sheet", "worksheet" or "teacher", as one HTML page.

    `words` are the page's own in the present language, `given` the student's answers, `kept` the settings to draw.
    """
    module = lessons.open_lesson(name)
    lesson, numbers = module.lesson, lessons.numbers(name)
    safe = html.escape
    parts = [
        f"<h1>{safe(lesson.title.in_(tongue))}</h1>",
        f"<p class=note>{safe(words[f'learn_file_{kind}'])} · ManiGen</p>",
    ]
    if kind != "teacher":
        fields = "".join(f"<span>{safe(words[key])}:</span>" for key in ("learn_sheet_name", "learn_sheet_date"))
        parts.append(f"<div class=fields>{fields}</div>")
    parts.append(f"<p><b>{safe(lesson.question.in_(tongue, numbers))}</b></p>")
    if kind == "worksheet":
        parts.append(drawn(lessons.scene(name), tongue, words, 1))
    asked = [("prediction", lesson.prediction), *((f"check-{i + 1}", check) for i, check in enumerate(lesson.checks))]
    for key, question in asked:
        heading = {"prediction": "learn_predict", "check-1": "learn_step_check"}.get(key)
        if key == "check-1" and kind != "sheet":
            parts.append(f"<h2>{safe(words['learn_step_try'])}</h2><p>{safe(lesson.task.in_(tongue, numbers))}</p>")
            parts.append(
                "<div class=lines></div>"
                if kind == "worksheet"
                else f"<p>{safe(lesson.reveal.in_(tongue, numbers))}</p>"
            )
        if heading:
            parts.append(f"<h2>{safe(words[heading])}</h2>")
        parts.append(_question(question, numbers, tongue, kind, given.get(key), words))
    if kind == "sheet":
        parts.append(f"<h2>{safe(words['learn_step_reveal'])}</h2><p>{safe(lesson.reveal.in_(tongue, numbers))}</p>")
        if kept:
            parts.append(f"<h2>{safe(words['learn_sheet_evidence'])}</h2>")
        parts += [_evidence(name, knobs, tongue, words) for knobs in kept]
    if kind == "teacher":
        parts.append(
            f"<h2>{safe(words['learn_sheet_wrong'])}</h2><p>{safe(lesson.usually_wrong.in_(tongue, numbers))}</p>"
        )
        parts.append(f"<h2>{safe(words['learn_step_why'])}</h2><p>{safe(lesson.why.in_(tongue, numbers))}</p>{formula}")
        rows = "".join(
            f"<tr><td>{safe(lesson.figures[key].in_(tongue))}</td><td>{safe(_figure(value))}</td></tr>"
            for key, value in numbers.items()
        )
        parts.append(f"<h2>{safe(words['learn_sheet_figures'])}</h2><table>{rows}</table>")
    card = module.card
    parts.append(
        f'<p class=note>{safe(words["learn_source"])}: <a href="{safe(card.link)}">{safe(card.reference)}</a></p>'
    )
    parts.append(f"<footer>{safe(words['learn_sheet_made'])}</footer>")
    lang = "zh-Hans" if tongue == "zh" else "en"
    title = safe(lesson.title.in_(tongue))
    return f'<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style><body>{"".join(parts)}</body></html>'


def _question(question: Any, numbers: Any, tongue: str, kind: str, given: int | None, words: Mapping[str, str]) -> str:
    right = question.answer(numbers)
    items = []
    for i, option in enumerate(question.options):
        marks = (["right"] if i == right and (kind == "teacher" or given is not None) else []) + (
            ["chosen"] if i == given else []
        )
        items.append(
            f'<li class="{" ".join(marks)}"><b>{LETTERS[i]}</b> {html.escape(option.in_(tongue, numbers))}</li>'
        )
    why = ""
    if kind == "teacher" or given is not None:
        why = f"<p class=because>{html.escape(words['learn_sheet_because'])}: {html.escape(question.why.in_(tongue, numbers))}</p>"
    ask = html.escape(question.ask.in_(tongue, numbers))
    return f"<div class=question><p>{ask}</p><ol class=options>{''.join(items)}</ol>{why}</div>"


def _evidence(name: str, knobs: Mapping[str, Any], tongue: str, words: Mapping[str, str]) -> str:
    settings = lessons.cards()[name].settings(knobs)
    labels = lessons.open_lesson(name).lesson.knobs
    said = [
        words["learn_seed"].format(seed=value)
        if key == "seed"
        else f"{labels[key].in_(tongue) if key in labels else key} = "
        f"{labels[choice].in_(tongue) if (choice := f'{key}={value}') in labels else _figure(value)}"
        for key, value in settings.items()
        if value != ""
    ]
    about = f"{words['learn_sheet_settings']}: {', '.join(said)}"
    scene = drawn(lessons.scene(name, dict(knobs)), tongue, words)
    return f"<div class=evidence><p class=note>{html.escape(about)}</p>{scene}</div>"


def drawn(scene: Scene, tongue: str, words: Mapping[str, str], panels: int | None = None) -> str:
    """Return a scene as HTML: its pictures, its plots, its figures; or only its first `panels` panels."""
    parts = [_panel(panel, tongue, words) for panel in scene.panels[:panels]]
    told = (
        ""
        if panels
        else " · ".join(
            f"{one.name.in_(tongue)} {one.value if isinstance(one.value, str) else one.value.in_(tongue)}"
            for one in scene.figures
        )
    )
    return f"<div class=scene>{''.join(parts)}</div>" + (f"<p class=note>{html.escape(told)}</p>" if told else "")


def _panel(panel: Pictures | Plot, tongue: str, words: Mapping[str, str]) -> str:
    title = panel.title.in_(tongue)
    if isinstance(panel, Plot):
        keys = _svg.legend(panel, tongue)
        foot = f"<figcaption>{keys}</figcaption>" if keys else ""
        return (
            f"<figure class=plot><figcaption>{html.escape(title)}</figcaption>{_svg.svg(panel, tongue)}{foot}</figure>"
        )
    columns = panel.columns or len(panel.x)
    scale = max(1, min(6, SCREENS // (columns * panel.x.shape[2])))
    data = base64.b64encode(pictures.png(pictures.sheet(panel.x, columns), scale)).decode()
    tag = f" ({words['generated']})" if panel.generated else ""
    said = [caption.in_(tongue) for caption in panel.captions]
    numbered = [f"{i + 1}: {words}" for i, words in enumerate(said) if words]
    captions = " · ".join(said if all(said) else numbered)
    foot = f"<figcaption>{html.escape(captions)}</figcaption>" if captions else ""
    return f'<figure><figcaption>{html.escape(title + tag)}</figcaption><img src="data:image/png;base64,{data}" alt="{html.escape(title)}">{foot}</figure>'


def _figure(value: Any) -> str:
    if isinstance(value, bool):
        return "✓" if value else "✗"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
