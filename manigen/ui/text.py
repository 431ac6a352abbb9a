"""What a person reads on screen, by key: pages ask for words here and hold none themselves.

The front end gets its share as `data["text"]`. `{name}` is filled in where it is shown.
"""

from __future__ import annotations

ENGLISH: dict[str, str] = {
    # Explore
    "explore": "Explore",
    "map": "Map",
    "model": "Model",
    "choose_map": "Map",
    "choose_colour": "Colour by",
    "unknown_model": "There is no model named {name}; the default is shown.",
    "colour_label": "Label",
    "colour_error": "Reconstruction error",
    "colour_distance": "Distance to neighbours",
    "choose_model": "Choose a model",
    "open_model": "Open",
    "opened_model": "On screen now",
    "model_codes": "{n:,} codes of {d} numbers",
    "hint": "Move over the map. Click to pin a picture.",
    "pan": "Move the map",
    "lasso": "Lasso a region (L)",
    "box": "Select a box",
    "closer": "Zoom in (+)",
    "farther": "Zoom out (-)",
    "reset": "Whole map (0)",
    "tools": "Map tools",
    "legend": "Classes",
    "legend_help": "Click: show or hide. Shift-click or double-click: only this one.",
    "map_label": "Map of the model's codes. Arrow keys move the loupe, Enter pins the picture, L starts the lasso, 0 shows the whole map.",
    "stage_label": "The generated picture",
    "generated": "generated",
    "smooth": "smooth",
    "crisp": "crisp",
    "neighbours": "Nearest real codes, as the model paints them",
    "neighbour_label": "Real code of class {name}, {distance} away. Pin it.",
    "pin_this": "Pin this one",
    "distance": "Distance to data",
    "distance_help": "How far this code is from the nearest real code. 1 is as far as 95 % of the real codes are from their own nearest.",
    "gap": "Gap on the map",
    "gap_help": "How far this place is from the nearest point on the map. 1 is as far as 95 % of the points are from their own nearest.",
    "hand": "Hand to picture",
    "hand_help": "Median time from the pointer's move to the drawn picture, over the last sixty.",
    "device": "Device",
    "times": "{value} ×",
    "milliseconds": "{value} ms",
    "level_near": "Near the data.",
    "level_near_more": "Pictures like this one were seen in training.",
    "level_edge": "Leaving the data.",
    "level_edge_more": "The model bends what it knows.",
    "level_far": "No data near here:",
    "level_far_more": "the model is guessing.",
    "low": "low",
    "high": "high",
    "tray_label": "Pinned pictures",
    "tray_empty": "Pinned pictures collect here. Pin two and walk between them.",
    "tray_full": "The tray holds {n} pictures; remove one first.",
    "unpin": "Remove picture {n}",
    "unpinned": "Picture removed.",
    "clear": "Clear",
    "cleared": "Tray cleared.",
    "undo": "Undo",
    "walk_between": "Walk between them",
    "walk_needs_two": "Pin at least two pictures of this model.",
    "map_failed": "The map could not be loaded: {why}",
    "plotly_failed": "The interactive map could not be loaded; hovering still works.",
    "lost": "Connection lost. Trying again, and going on where you were.",
    "back": "Connected again.",
    # the selection
    "selection": "Your selection",
    "selection_count": "{n:,} of {all:,} codes",
    "selection_mean": "Their mean picture",
    "selection_empty": "No code lies inside. Draw a larger region.",
    "selection_gallery": "Some of them",
    "selection_classes": "Classes",
    "selection_no_labels": "These codes have no labels.",
    "selection_csv": "Rows as CSV",
    "selection_npz": "Codes as npz",
    # everywhere
    "interpolate": "Interpolate",
    "sliders": "Sliders",
    "no_models": "There is no trained model here yet. Train one: `python -m manigen train vae --data digits --out my-model`, "
    "then set MANIGEN_WEIGHTS to the folder it lies in.",
}


def text(key: str, **values: object) -> str:
    """Return the words for `key` in the present language, `{name}`s filled in from `values`."""
    sentence = ENGLISH[key]
    return sentence.format(**values) if values else sentence


def all_text() -> dict[str, str]:
    """Return every sentence in the present language, for the front end."""
    return dict(ENGLISH)
