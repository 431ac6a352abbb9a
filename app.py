"""ManiGen's ASGI entry: the pages, and the live routes beside them. Start it with `streamlit run app.py`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from threading import Thread

import streamlit as st

from manigen.live import routes


def get_ready() -> None:
    """Have at hand what the first page needs, while the browser is still loading Streamlit's own scripts."""
    import_module("PIL.Image").preinit()  # for the page's icon
    for module in ("cache", "components", "pickers", "selection", "state"):
        import_module(f"manigen.ui.{module}")
    routes.warm("mnist-fusion")
    routes.Doorkeeper.wait_until_quiet()
    import_module("manigen.workshop.host").look()  # trainings that the last server left go on


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    Thread(target=get_ready, daemon=True).start()
    yield


base = st.get_option("server.baseUrlPath") or ""
app = st.App(
    "manigen/ui/router.py",
    routes=routes.routes(base),
    middleware=routes.middleware(base),
    lifespan=lifespan,
)
