"""Our own components: a few lines that hand a page's element to a module of the front end.

The modules are served by the live routes under `/manigen/static/`. Always mounted with a `key`, so that a rerun with
other data updates the component in place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from manigen.live import routes
from manigen.ui import state

_FRONTEND = Path(__file__).with_name("frontend")
_LOADER = """
let module;
export default function (component) {
  let leave = null;
  let left = false;
  module ??= import(new URL("%s", location.origin).href);
  module.then((loaded) => { if (!left) leave = loaded.default({ ...component, data: component.data[0] }); })
    .catch((problem) => {
      component.parentElement.textContent = "ManiGen's page script could not be loaded: " + problem.message;
    });
  return () => {
    if (component.parentElement.isConnected) return; // a newer run's data are on their way to the same element
    left = true;
    leave?.();
  };
}
"""


def _sheets(name: str) -> list[Path]:
    """The shared style sheet, and the component's own where it has one."""
    own = _FRONTEND / f"{name}.css"
    return [_FRONTEND / "manigen.css", *([own] if own.is_file() else [])]


@st.cache_resource(show_spinner=False)
def _component(name: str, address: str) -> Any:
    return st.components.v2.component(
        f"manigen_{name}",
        html="<div></div>",
        css="\n".join(path.read_text(encoding="utf-8") for path in _sheets(name)),
        js=_LOADER % address,
        isolate_styles=False,
    )


def mount(name: str, key: str, data: dict[str, Any], **on_change: Any) -> Any:
    """Show the front end's module `name` with `data`; `on_change` maps `on_<value>_change` to callbacks, done whole.

    The data travel as a list of one: in a dictionary Streamlit would look for tables, and import pandas to know one,
    which takes a quarter of a second of the way to the first map.
    """
    shared = {"plotlyUrl": routes.static_address("plotly.min.js")}
    whole = {event: state.whole(change) for event, change in on_change.items()}
    return _component(name, routes.static_address(f"{name}.js"))(key=key, data=[{**shared, **data}], **whole)
