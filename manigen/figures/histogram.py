"""How many of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import plotly.graph_objects as go

# Ten colours that colour-blind eyes keep apart, after Paul Tol's bright and vibrant schemes
# (https://personal.sron.nl/~pault/); the front end draws its points in the same ones.
PALETTE = (
    *("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377"),
    *("#EE7733", "#44BB99", "#8C8C8C", "#7755CC", "#B5651D", "#DD99BB"),
)


def histogram(classes: Sequence[str], counts: np.ndarray) -> go.Figure:
    """Return a bar for each class, as long as its count (n,); classes keep the colours they have on the map."""
    import plotly.graph_objects as go

    colours = [PALETTE[at % len(PALETTE)] for at in range(len(classes))]
    bars = go.Bar(x=counts, y=list(classes), orientation="h", marker_color=colours, text=counts, hoverinfo="skip")
    figure = go.Figure(bars)
    figure.update_layout(margin={"l": 0, "r": 8, "t": 4, "b": 0}, height=max(160, 24 * len(classes)), bargap=0.18)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(autorange="reversed", type="category", tickfont={"size": 14})
    return figure
