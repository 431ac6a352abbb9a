"""ManiGen's ASGI entry: the pages, and the live routes beside them. Start it with `streamlit run app.py`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st

from manigen.live import routes


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Have the model that a newcomer sees first ready before the browser asks."""
    routes.warm("mnist-vae")
    yield


app = st.App("manigen/ui/router.py", routes=routes.routes(), lifespan=lifespan)
