"""The frame around every page: title, navigation, language, and what all pages share.

It lies in this room and not beside `pages/`, because beside it Streamlit would start in its older multipage mode.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator_singletons import context_dg_stack, get_default_dg_stack_value

from manigen.ui import people, state
from manigen.ui.text import LANGUAGES, language, text

PAGES = Path(__file__).resolve().parents[2] / "pages"
TONGUES = {"en": "en", "zh": "zh-Hans"}  # as a page's `lang` attribute spells them


def from_the_top() -> None:
    """Write the page from its top, whatever the run before this one had entered.

    Streamlit (1.67) leaves a fragment's containers entered when its run ends. A run of the whole page that follows in
    the same thread, as one asked for while the fragment ran does, would be written inside that fragment.
    """
    context_dg_stack.set(get_default_dg_stack_value())


def switch_language(tongue: str) -> None:
    """Show the pages in a language from now on; the link says so."""
    state.to_link(lang=tongue)


from_the_top()
state.hear_presses()
st.set_page_config(page_title="ManiGen", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide")
st.html(
    """<style>
    .stMainBlockContainer { padding: 4.2rem clamp(.8rem, 2.2vw, 2.4rem) 1.2rem; max-width: 2400px; }
    .stMain [data-testid="stVerticalBlock"] { gap: .7rem; }
    .stElementContainer:has(> .stHtml > script), [data-testid="stLayoutWrapper"]:has(> .st-key-language) {
        position: absolute; /* they show nothing here, and must not hold a row free */
    }
    .st-key-language { position: fixed; top: .72rem; right: 3.4rem; z-index: 999991; width: auto !important; }
    .st-key-language button { min-height: 0; padding: .2rem .55rem; opacity: .75; }
    .st-key-language button:hover, .st-key-language button:focus-visible { opacity: 1; }
    .st-key-make-bar [data-testid="stWidgetLabel"] {
        position: absolute; clip-path: inset(50%); height: 1px; overflow: hidden;
    }
    [data-testid="stFileUploaderDropzone"] { min-height: 5.4rem; border-style: dashed; align-items: center; }
    [data-testid="stFileUploaderDropzone"] button p,
    [data-testid="stFileUploaderDropzoneInstructions"] span { font-size: 0; }
    [data-testid="stFileUploaderDropzone"] button p::after { content: var(--choose-files); font-size: 1rem; }
    [data-testid="stFileUploaderDropzoneInstructions"] span::after { content: var(--drop-here); font-size: .9rem; }
    </style>"""
)
st.html(f"<style>:root {{ --choose-files: '{text('choose_files')}'; --drop-here: '{text('drop_here')}'; }}</style>")
st.html(f'<script>document.documentElement.lang = "{TONGUES[language()]}";</script>', unsafe_allow_javascript=True)
page = st.navigation(
    [
        st.Page(PAGES / "explore.py", title=text("explore"), icon=":material/map:", default=True),
        st.Page(PAGES / "interpolate.py", title=text("interpolate"), icon=":material/conversion_path:"),
        st.Page(PAGES / "sliders.py", title=text("sliders"), icon=":material/tune:"),
        st.Page(PAGES / "compare.py", title=text("compare"), icon=":material/compare:"),
        st.Page(PAGES / "learn.py", title=text("learn"), icon=":material/school:"),
        st.Page(PAGES / "train.py", title=text("train"), icon=":material/model_training:"),
    ],
    position="top",
)
with st.container(key="language", horizontal=True):
    people.sign_in()
    tongue, name = next((tongue, name) for tongue, name in LANGUAGES.items() if tongue != language())
    st.button(
        name,
        icon=":material/translate:",
        type="tertiary",
        on_click=state.whole(switch_language),
        args=(tongue,),  # which one is decided here: a change that is begun twice must not turn back
        help=text("language_switch"),
    )
page.run()
