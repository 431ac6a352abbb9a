"""Train: order a training, watch it, keep what it made; your pictures and your models."""

from __future__ import annotations

from manigen.ui import ordering, own_models, own_pictures, people, pickers, state, watching
from manigen.ui.text import text

VIEWS = ("new", "runs", "pictures", "models")

me = people.me()
counts = {"runs": len(me.things("runs")), "pictures": len(me.things("pictures")), "models": len(people.models())}
titles = {name: text(f"trn_view_{name}") + (f" ({counts[name]})" if counts.get(name) else "") for name in VIEWS}
view = pickers.choice("make", list(VIEWS), titles)
state.to_link(make=view)
if view == "new":
    ordering.show(me)
elif view == "runs":
    watching.show(me)
elif view == "pictures":
    own_pictures.show(me)
else:
    own_models.show(me)
