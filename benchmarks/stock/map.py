"""The stock way to show a map: the same points in `st.plotly_chart`."""

import plotly.graph_objects as go
import streamlit as st

from manigen import weights


@st.cache_data
def points():
    codes = weights.codes("mnist-vae")
    return weights.load_map("mnist-vae", "umap", codes.z).p, codes.labels


p, labels = points()
figure = go.Figure(
    [
        go.Scattergl(x=p[labels == label, 0], y=p[labels == label, 1], mode="markers", name=str(label), marker_size=3)
        for label in range(10)
    ]
)
st.plotly_chart(figure, height=640, key="map")
