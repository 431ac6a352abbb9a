"""Train: order a training, watch it, keep what it made; your pictures and your models."""

from __future__ import annotations

import streamlit as st

from manigen.ui import ordering, own_models, own_pictures, people, pickers, state, watching
from manigen.ui.text import text

VIEWS = ("new", "runs", "pictures", "models")

me = people.me()
counts = {"runs": len(me.things("runs")), "pictures": len(me.things("pictures")), "models": len(people.models())}
titles = {name: text(f"trn_view_{name}") + (f" ({counts[name]})" if counts.get(name) else "") for name in VIEWS}
with st.container(horizontal=True, key="make-bar"):
    with st.container(width="content"):
        view = pickers.choice("make", list(VIEWS), titles)
    run = watching.pick(me) if view == "runs" else None
state.to_link(make=view)
if view == "new":
    ordering.show(me)
elif view == "runs":
    watching.show(run)
elif view == "pictures":
    own_pictures.show(me)
else:
    own_models.show(me)
