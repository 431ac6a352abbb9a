"""ManiGen's ASGI entry: the pages, and the live routes beside them. Start it with `streamlit run app.py`."""

import streamlit as st

from manigen.live import routes

routes.warm("mnist-vae")
app = st.App("manigen/ui/router.py", routes=routes.routes())
