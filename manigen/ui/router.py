"""The frame around every page: title, navigation, and what all pages share.

It lies in this room and not beside `pages/`, because beside it Streamlit would start in its older multipage mode.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from manigen.ui.text import text

PAGES = Path(__file__).resolve().parents[2] / "pages"

st.set_page_config(page_title="ManiGen", page_icon=str(Path(__file__).with_name("icon.png")), layout="wide")
st.html(
    """<style>
    .stMainBlockContainer { padding: 4.2rem clamp(.8rem, 2.2vw, 2.4rem) 1.2rem; max-width: 2400px; }
    .stMain [data-testid="stVerticalBlock"] { gap: .7rem; }
    </style>"""
)
st.navigation(
    [
        st.Page(PAGES / "explore.py", title=text("explore"), icon=":material/map:", default=True),
        st.Page(PAGES / "interpolate.py", title=text("interpolate"), icon=":material/conversion_path:"),
        st.Page(PAGES / "sliders.py", title=text("sliders"), icon=":material/tune:"),
        st.Page(PAGES / "compare.py", title=text("compare"), icon=":material/compare:"),
    ],
    position="top",
).run()
