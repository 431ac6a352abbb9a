"""Two plots of how a map lies: the curve of R_NX over neighbourhoods of every size, and Shepard's plot."""

from __future__ import annotations

from typing import Any

import numpy as np

ACCENT = "#4477AA"


def rnx(scales: np.ndarray, curve: np.ndarray, scale_name: str) -> Any:
    """Return R_NX (m,) over neighbourhood sizes (m,), on a logarithmic axis; 1 is perfect, 0 is chance."""
    import plotly.graph_objects as go

    figure = go.Figure(
        go.Scatter(x=scales, y=curve, mode="lines", line={"color": ACCENT, "width": 3}, fill="tozeroy",
                   fillcolor="rgba(68,119,170,.16)", hovertemplate="K = %{x}: %{y:.2f}<extra></extra>")
    )  # fmt: skip
    figure.update_layout(height=280, margin={"l": 8, "r": 8, "t": 8, "b": 8}, showlegend=False)
    figure.update_xaxes(type="log", title=scale_name, showgrid=False)
    figure.update_yaxes(range=[min(0.0, float(curve.min())), 1], tickvals=[0, 0.5, 1])
    return figure


def shepard(counts: np.ndarray, across: str, up: str) -> Any:
    """Return counts (cells, cells) of pairs, by distance between codes (across) and on the map (up), as a shading."""
    import plotly.graph_objects as go

    shade = np.where(counts > 0, np.log1p(counts), np.nan)
    scale = [[0, "rgba(68,119,170,.06)"], [1, ACCENT]]
    figure = go.Figure(go.Heatmap(z=shade, colorscale=scale, showscale=False, hoverinfo="skip"))
    ends = {"x0": -0.5, "y0": -0.5, "x1": len(counts) - 0.5, "y1": len(counts) - 0.5}
    figure.add_shape(type="line", **ends, line={"dash": "dot", "width": 1.5, "color": "#8C8C8C"})
    figure.update_layout(height=280, margin={"l": 8, "r": 8, "t": 8, "b": 8})
    for update, title in ((figure.update_xaxes, across), (figure.update_yaxes, up)):
        update(title=title, showgrid=False, zeroline=False, showticklabels=False)
    return figure
