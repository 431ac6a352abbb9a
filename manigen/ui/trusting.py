"""Trusting: the panel behind the honest line, with every figure of a map, its anchors, and the two plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from manigen import figures, measures
from manigen.live.library import library
from manigen.ui import state
from manigen.ui.text import card_text, text

if TYPE_CHECKING:
    from manigen.cards import Card
    from manigen.measures import Distortion, Stability

NEAR = ("neighbour_recall", "trustworthiness", "continuity", "rnx_area")
FAR = ("shepard_correlation", "triplet_accuracy", "density_correlation")


def panel(model: str, map_name: str, title: str) -> None:
    """Show how far a map is to be trusted."""

    @st.dialog(text("trust_title"), width="large")
    def show() -> None:
        from manigen import maps

        opened = library().open(model)
        fitted = opened.map(map_name)
        found = maps.known_distortion(opened.codes.z, fitted.p)
        device = "gpu" if fitted.library.startswith("cuml") else "cpu"
        said = text(f"trust_fitted_{device}", n=len(fitted.p), library=fitted.library)
        if device == "cpu" and fitted.dims in fitted.card.facts.get("gpu", ()):
            said += f" {text('trust_no_gpu')}"
        st.caption(f"{title} · {said}")
        for note in fitted.notes:
            st.caption(note)
        if found is None:
            st.info(text("trust_waiting"))
            return
        st.markdown(sentence(found))
        cards = measures.cards()
        for heading, names in (("trust_near", NEAR), ("trust_far", FAR)):
            st.subheader(text(heading), anchor=False)
            for name in names:
                _figure(found, name, cards[name])
        st.subheader(text("trust_again"), anchor=False)
        _luck(maps.known_stability(fitted))
        if errors := maps.take_best_way(fitted):
            st.subheader(text("trust_back"), anchor=False)
            others = ", ".join(
                f"{text(f'way_{way}')} {error:.3f}" for way, error in sorted(errors.items(), key=lambda one: one[1])[1:]
            )
            best = errors[fitted.way]
            st.markdown(text("trust_back_say", way=text(f"way_{fitted.way}"), error=f"{best:.3f}", others=others))
        curve, shepard = st.columns(2)
        with curve:
            st.markdown(f"**{text('trust_curve')}**")
            st.plotly_chart(figures.rnx(found.scales, found.curve, text("trust_scale")), key="rnx", config=_PLAIN)
            st.caption(text("trust_curve_help"))
        with shepard:
            st.markdown(f"**{text('trust_shepard')}**")
            axes = text("trust_code_distance"), text("trust_map_distance")
            st.plotly_chart(figures.shepard(found.shepard, *axes), key="shepard", config=_PLAIN)
            st.caption(text("trust_shepard_help"))
        st.caption(text("trust_how"))
        if opened.many:
            st.caption(text("trust_how_many", n=len(fitted.p)))

    show()


_PLAIN = {"displayModeBar": False}
STEADY, LUCK = 0.1, 0.4  # of the map's radius, that a typical point moves: below it is steady, above it is luck


def _luck(found: Stability | None) -> None:
    """Say how steady a map is, or offer to find out: coloured by stability, the page has it made again."""
    if found is None:
        st.markdown(text("trust_again_ask"))
        if st.button(text("trust_again_go"), key="trust:again", icon=":material/replay:"):
            state.to_link(colour="stability")
            st.rerun()
        return
    worst = float(np.quantile(found.spread, 0.9))
    share, times = f"{100 * found.typical:.0f}", found.ghosts.shape[1]
    verdict = "steady" if found.typical < STEADY else "loose" if found.typical < LUCK else "luck"
    said = text("trust_again_say", n=times, share=share, worst=f"{100 * worst:.0f}")
    st.markdown(f"{said} {text(f'trust_again_{verdict}')}")


def sentence(found: Distortion) -> str:
    """Return in words what a student should take away from the figures."""
    value = {name: pair[0] for name, pair in found.figures.items()}
    kept = round(found.k * value["neighbour_recall"])
    says = [text("trust_say_kept", k=found.k, kept=kept)]
    says.append(text("trust_say_near" if value["trustworthiness"] > 0.93 else "trust_say_mixed"))
    if value["trustworthiness"] - value["continuity"] > 0.03:
        says.append(text("trust_say_torn"))
    elif value["continuity"] - value["trustworthiness"] > 0.03:
        says.append(text("trust_say_folded"))
    says.append(text(_graded("trust_say_far", value["shepard_correlation"], 0.8, 0.5)))
    says.append(text(_graded("trust_say_sizes", value["density_correlation"], 0.8, 0.4)))
    return " ".join(says)


def _graded(key: str, value: float, fair: float, rough: float) -> str:
    return f"{key}_{'fair' if value >= fair else 'rough' if value >= rough else 'none'}"


def _figure(found: Distortion, name: str, card: Card) -> None:
    """Show one measure as a line: title, a bar from chance to perfect, the value, and its meaning one hover away."""
    value, error = found.figures[name]
    chance = found.k / (len(found.points["torn"]) - 1) if name == "neighbour_recall" else float(card.facts["random"])
    share = min(max((value - chance) / (card.facts["best"] - chance), 0.0), 1.0)
    words, bar, number = st.columns([4, 4, 2], vertical_alignment="center")
    words.markdown(card_text(card.title), help=f"{card_text(card.sentence)} [{card.reference}]({card.link})")
    bar.progress(share)
    spread = f" ± {error:.3f}" if error >= 0.0005 else ""
    shown = f"{value:.3f}".replace("-", "−")
    number.markdown(f"**{shown}**{spread}", help=text("trust_anchor", chance=f"{chance:.3f}", best=card.facts["best"]))
