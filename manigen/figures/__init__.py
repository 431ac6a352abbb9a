"""Figures: arrays in, Plotly figures out; no model and no Streamlit here."""

from __future__ import annotations

from manigen.figures.histogram import histogram
from manigen.figures.trust import rnx, shepard

__all__ = ["histogram", "rnx", "shepard"]
