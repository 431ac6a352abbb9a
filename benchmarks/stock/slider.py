"""The stock way to walk: `st.slider` and `st.image`, with the same decoder and the same path."""

import numpy as np
import streamlit as st

from manigen import load, weights

STEPS = 257


@st.cache_resource
def generator():
    return load("mnist-vae")


@st.cache_data
def path() -> np.ndarray:
    z = weights.codes("mnist-vae").z
    t = np.linspace(0, 1, STEPS, dtype=np.float32)[:, None]
    return (1 - t) * z[0] + t * z[1]


at = st.slider("t", 0, STEPS - 1, 0)
picture = generator().decode(path()[at : at + 1])[0, 0]
st.image((picture * 255).round().astype(np.uint8), width=320)
