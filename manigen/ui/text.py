"""What a person reads on screen, by key: pages ask for words here and hold none themselves.

English stands here, Simplified Chinese in `chinese.py` under the same keys. The language is the session's; the link says
it (`lang=zh`), else the browser's own wish does. The front end gets its share as `data["text"]`. `{name}` is filled in
where it is shown. What an idea's card says of itself goes through `card_text`.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from manigen.ui import state
from manigen.ui.chinese import CARDS, CHINESE

CARDS_FOLDED = {english.lower(): chinese for english, chinese in CARDS.items()}
LANGUAGES = {"en": "English", "zh": "中文"}

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
    # Interpolate
    "choose_kinds": "Paths",
    "choose_ends": "Choose ends",
    "ends_random": "Two at random",
    "ends_random_help": "Two real codes of different classes. Press again for others.",
    "ends_add_random": "Add one at random",
    "ends_tray": "The {n} pinned pictures",
    "ends_by_class": "From class to class",
    "ends_by_class_help": "The real code nearest to each class's median code: its most ordinary member.",
    "ends_from": "From",
    "ends_to": "To",
    "ends_take": "Take these",
    "ends_upload": "Your own picture",
    "ends_upload_help": "PNG, JPEG, WebP, GIF or TIFF. The model encodes it; it stays in this session.",
    "ends_yours": "Yours, as the model reads it",
    "ends_reconstructed": "As the model paints it (generated)",
    "ends_invert": "Swap light and dark",
    "ends_invert_help": "This model's pictures are light on dark; ink on paper is the other way round.",
    "ends_add": "Add as an end",
    "ends_more": "Every click on the map adds an end. Or let them be chosen:",
    "ends_full": "A walk has {n} ends at most; remove one first.",
    "ends_label": "Ends of the walk",
    "end_label": "End {n} of {m}. Arrow keys move it in the row, Delete removes it.",
    "end_handle": "End {n} on the map. Arrow keys move it.",
    "end_remove": "Remove end {n}",
    "end_removed": "End {n} removed.",
    "end_added": "End {n} added.",
    "ends_changed": "Ends changed.",
    "ends_none": "No ends. Click the map, or choose ends above.",
    "ends_one": "One end so far. Click the map, or choose another above.",
    "ends_equal": "Ends {a} and {b} are the same code, so the picture stands still between them.",
    "ends_all_equal": "All ends are the same code, so the picture stands still. Choose another end.",
    "film_label": "Position along the walk",
    "film_value": "{percent} % of the way, {where}",
    "film_at_end": "at end {n}",
    "film_between": "between end {a} and end {b}",
    "play": "Play (space)",
    "pause": "Pause (space)",
    "speed": "Speed",
    "loop": "Starts again at the end. Press for there and back.",
    "bounce": "There and back. Press to start again at the end.",
    "undo_end": "Undo the last change of the ends (Ctrl+Z)",
    "walk_map_label": "Map of the model's codes with the walk drawn on it. A click adds an end; the ends' numbers can be dragged.",
    "walk_hint": "Drag a number to move an end. Click the map to add one.",
    "walk_length": "Length",
    "walk_length_help": "How far the picture changes along the whole way: the sum of the distances between consecutive pictures, in fully changed pixels.",
    "walk_evenness": "Evenness",
    "walk_evenness_help": "How evenly the picture changes: length squared divided by energy. 100 % is constant speed.",
    "walk_farthest": "Farthest",
    "walk_farthest_help": "The largest distance to data along the way: how far the code that is farthest from any real code lies. 1 is as far as 95 % of the real codes are from their own nearest.",
    "walk_search": "Search",
    "walk_search_help": "Whether the search for this path reached its goal. A closed form needs no search and always does.",
    "walk_converged": "converged",
    "walk_stopped": "stopped early",
    "walk_percent": "{value} %",
    "walk_searching": "Searching for this path … {seconds} s",
    "walk_failed": "This path could not be made: {why}",
    "walk_pace": "{device} · hand to frame {draw} ms",
    "walk_pace_exact": "{device} · hand to frame {draw} ms, to the exact picture {live} ms",
    "walk_lost": "Connection lost. The frames already here still move; the rest follows when it is back.",
    "walk_from_data": "from data",
    "walk_torn": "the map is torn here",
    "walk_torn_help": "Two codes that are neighbours on the walk lie far apart on this map: flattening has torn them.",
    "export": "Export",
    "export_help": "The walks as they are now, side by side.",
    "export_named": "Named {stem}.",
    "export_gif": "Film (GIF)",
    "export_png": "Strip (PNG)",
    "export_npz": "Codes (npz)",
    "export_bounce": "There and back",
    "export_needs_two": "Choose two ends first: there is no walk to save yet.",
    # Sliders
    "choose_basis": "Sliders turn",
    "basis_numbers": "Code numbers",
    "basis_directions": "Principal directions",
    "sliders_label": "One slider for each direction of the code, the strongest first",
    "effect": "Effect on the picture",
    "effect_help": "How much the picture changes when this slider moves by one standard deviation: the mean distance (L2) between two pictures, pixels in [0, 1].",
    "effect_foot": "Effect: the distance (L2, pixels in [0, 1]) between the pictures half a standard deviation to either side of a real code, "
    "averaged over {n} real codes. Values count standard deviations (σ) of the real codes from their mean; −{reach} to +{reach} holds {share} % of "
    "the real values. The line under a film is thin near the data, thicker where it leaves them, broken where the model guesses.",
    "effect_failed": "The effects could not be measured; the directions of largest variance come first.",
    "value": "Value",
    "number_n": "Number {n}",
    "number_help": "z[{i}] in Python. The standard deviation of this number over the real codes is {value}.",
    "direction_n": "Direction {n}",
    "direction_note": "{percent} % variance",
    "direction_help": "Row {i} of the principal directions: {percent} % of the real codes' variance lies along it; its standard deviation is {value}.",
    "slider_label": "{name}, effect on the picture {effect}",
    "deviations": "{value} σ",
    "deviations_long": "{value} standard deviations from the mean",
    "trust": "{near} of {all} pictures of this film lie near the data.",
    "reset_one": "Reset {name} to 0 (double-click or Home)",
    "more_rows": "Show the other {n}",
    "undo_move": "Undo (Ctrl+Z)",
    "redo_move": "Redo (Shift+Ctrl+Z)",
    "start_from": "Start from",
    "start_mean": "Mean",
    "start_mean_help": "Reset all: every slider to 0, the mean of the real codes.",
    "draw": "Random",
    "draw_help": "Draw a code from the model's own distribution. Press again for the next seed.",
    "drawn": "Random · seed {seed}",
    "start_real": "Real picture",
    "start_real_help": "The code of a real picture. Press again for another.",
    "start_class": "A real picture of one class",
    "start_class_help": "The code of a real picture of class {name}. Press again for another.",
    "start_here": "Start here",
    "start_pin": "Start from pinned picture {n}",
    "start_neighbour": "Real code of class {name}, {distance} away. Start here.",
    "start_upload": "Your picture",
    "upload_no_encoder": "{title} has no encoder: it makes pictures but cannot read one. Start from the map, the tray or a random draw.",
    "pin_picture": "Pin",
    "pin_picture_help": "Keep the present picture in the tray.",
    "place_map": "Where the code lies on the map",
    "place_hint": "Click: start there.",
    # a model without an encoder: its codes are draws
    "drawn_neighbours": "Nearest drawn codes, as the model paints them",
    "drawn_distance_help": "How far this code is from the nearest of the codes that were drawn for the map. 1 is as far as 95 % of them are from "
    "their own nearest.",
    "drawn_walk_from_data": "from draws",
    "drawn_walk_farthest_help": "The largest distance to the codes that were drawn for the map. 1 is as far as 95 % of them are from their own nearest.",
    "drawn_level_near": "Among the draws.",
    "drawn_level_near_more": "Codes like this one are drawn often.",
    "drawn_level_edge": "Leaving the draws.",
    "drawn_level_edge_more": "Codes like this one are rare.",
    "drawn_level_far": "No draws near here:",
    "drawn_level_far_more": "the model is guessing.",
    # Compare
    "compare": "Compare",
    "choose_data": "Trained on",
    "cmp_all_data": "Several",
    "choose_models": "Models",
    "choose_view": "Show",
    "cmp_view_pictures": "Pictures",
    "cmp_view_measures": "Measures",
    "cmp_view_terms": "Loss terms",
    "cmp_too_many": "{most} models stand side by side at most; the first {most} are shown.",
    "cmp_one": "Choose a second model to compare this one with.",
    "cmp_mixed": "These models learned from different pictures: samples and walks can be looked at side by side, but no picture can be put "
    "to all of them, and their figures do not rank them.",
    "cmp_label": "Models side by side. Arrow keys move from picture to picture; the same picture of every model is shown large above.",
    "cmp_rebuilt": "Held-out pictures, reconstructed",
    "cmp_rebuilt_note": "Pictures that no model saw in training, through the code and back.",
    "cmp_sampled": "Same seed, sampled",
    "cmp_sampled_note": "New pictures, drawn with one seed. Under each the nearest training picture and its distance (L2, pixels in [0, 1]).",
    "cmp_walked": "Same pair, interpolated",
    "cmp_walked_note": "Between the codes of the same two held-out pictures; a model without an encoder walks between two draws.",
    "cmp_walked_note_mixed": "Each model between two codes of its own.",
    "cmp_real": "Real pictures",
    "cmp_real_item": "Real picture {n}",
    "cmp_real_foot": "from the test split",
    "cmp_no_real": "The real pictures are not on this machine. `python -m manigen data fetch {data}` brings them.",
    "cmp_no_real_own": "The real pictures do not come with the models: somebody's own stay with them.",
    "cmp_no_common": "No held-out picture is known to all of these models.",
    "cmp_no_encoder": "It has no encoder: it makes pictures, but cannot read one.",
    "cmp_several_data": "They learned from different data sets; there is no picture that all of them could read.",
    "cmp_class": "class {name}",
    "cmp_rebuilt_item": "Reconstruction {n} {name}",
    "cmp_error": "error {value}",
    "cmp_rebuilt_foot": "mean squared error {value}",
    "cmp_sample_item": "Sample {n}",
    "cmp_from_data": "{value} × from data",
    "cmp_from_draws": "{value} × from draws",
    "cmp_from_training": "{value} to training",
    "cmp_close": "closer than 95 % of held-out pictures are",
    "cmp_near_foot": "median {value} to the nearest training picture; {close} of {n} suspiciously close",
    "cmp_near_foot_codes": "median {value} to the nearest training picture, as the model paints it",
    "cmp_no_training": "No training code comes with this model, and its data set is not on this machine.",
    "cmp_searching": "Searching the training pictures …",
    "cmp_usual": "Of {n} held-out pictures half lie within {half} of a training picture, 5\u00a0% within {five}. A sample nearer than that is marked: it may be a copy.",
    "cmp_usual_unknown": "How near held-out pictures lie to training ones is not known here: the data set is not on this machine.",
    "cmp_usual_pending": "Measuring how near held-out pictures lie to training ones …",
    "cmp_frame_item": "{percent} % of the way from {start} to {end}",
    "cmp_walk_foot": "{start} to {end}, at most {value} × from data",
    "cmp_walk_foot_draws": "draw {start} to draw {end}, at most {value} × from draws",
    "cmp_pending": "Loading the model …",
    "cmp_again_pictures": "Other pictures",
    "cmp_again_samples": "Next seed",
    "cmp_again_pair": "Another pair",
    "cmp_seed": "Seed {seed}",
    "cmp_from": "From",
    "cmp_to": "To",
    "cmp_any": "any",
    "cmp_kind": "Path",
    "cmp_nearest": "nearest training picture",
    "cmp_nearest_generated": "nearest training code, generated",
    "cmp_real_tag": "real",
    "cmp_dims": "{family} · {dim} numbers",
    "cmp_measure": "Measure",
    "cmp_of_real": "real {value}",
    "cmp_n": "n {n}",
    "cmp_no_n": "n not recorded",
    "cmp_best": "best",
    "cmp_best_long": "best of this row",
    "cmp_none": "not measured",
    "cmp_why": "Why? What {title} means",
    "cmp_sort": "Sort the models by {title}",
    "cmp_sorted_best": "best first",
    "cmp_sorted_worst": "worst first",
    "cmp_is_best": "best value {value}",
    "cmp_no_best": "no value is better",
    "cmp_lower": "better to the left",
    "cmp_higher": "better to the right",
    "cmp_middle": "better towards {value}",
    "cmp_source": "Source",
    "cmp_definition": "Definition in docs/measures.md",
    "cmp_close_panel": "Close",
    "cmp_table_label": "Measures of the models. A row's button sorts the models.",
    "cmp_panels": "The same, drawn",
    "cmp_panels_note": "One panel for each measure, a dot for each model. The dashed line is what real pictures get in the model's place.",
    "cmp_panel_real": "real pictures {value}",
    "cmp_log": "logarithmic scale",
    "cmp_no_measures": "None of these models' cards holds a figure.",
    "cmp_different_n": "Some figures of a row come from different numbers of pictures (n) or from an earlier card without n. Distances fall with n: compare only equal n.",
    "cmp_shown": "Measures shown",
    "cmp_shown_help": "None chosen shows all.",
    "cmp_missing": "Measure what is missing",
    "cmp_missing_help": "{figures} figures of {models} models are not on their cards. They are measured on this machine and kept in your cache.",
    "cmp_missing_none": "Every measure that can be taken of these models is here.",
    "cmp_missing_data": "{figures} figures are missing, but the data set is not on this machine: `python -m manigen data fetch {data}` brings it.",
    "cmp_pictures_each": "Pictures compared",
    "cmp_measuring": "{model}: {what} ({done} of {of})",
    "cmp_left": "about {time} left",
    "cmp_stop": "Stop",
    "cmp_stopping": "Stopping after this measure; what is measured stays.",
    "cmp_stopped": "Stopped. What was measured stays, and the next time goes on from there.",
    "cmp_seconds": "{n} s",
    "cmp_minutes": "{n} min",
    "cmp_csv": "Table as CSV",
    "cmp_report": "Report as one HTML page",
    "cmp_report_help": "Pictures, table and panels in one file that opens anywhere, without a network.",
    "cmp_report_title": "Models side by side",
    "cmp_report_made": "Made by ManiGen on {day}. Every picture here but the real ones was generated.",
    "cmp_report_same": "The same figures from a terminal:",
    "cmp_terms_missing": "The terms of the fusion's loss have not been taken away one by one yet. This makes the file this view shows: `python -m benchmarks.ablation`",
    "cmp_terms_note": "The fusion model on {data}, {images:,} pictures seen in each run, {seeds}. Each row takes one term of the loss away; a figure "
    "is the change of the mean against the full loss. Bold: all seeds without the term lie on one side of all seeds with it. Faint: within the spread.",
    "cmp_terms_seeds": "{n} seeds a term",
    "cmp_terms_one_seed": "one seed a term, so no change can be told from chance",
    "cmp_term": "Without",
    "cmp_full": "full loss",
    "cmp_worse": "worse",
    "cmp_better": "better",
    "cmp_changed": "changed",
    "cmp_within": "within the spread",
    # everywhere
    "interpolate": "Interpolate",
    "sliders": "Sliders",
    "language_name": "English",
    "language_switch": "用中文阅读",
    "no_models": "There is no trained model here yet. Train one: `python -m manigen train vae --data digits --out my-model`, "
    "then set MANIGEN_WEIGHTS to the folder it lies in.",
}


def language() -> str:
    """Return the present language, "en" or "zh": the link's, the session's, else what the browser asks for."""
    if get_script_run_ctx(suppress_warning=True) is None:  # a thread of ours, a test
        return "en"
    asked = state.from_link("lang")
    if asked in LANGUAGES:
        return asked
    return "zh" if str(st.context.locale or "").lower().startswith("zh") else "en"


def text(key: str, **values: object) -> str:
    """Return the words for `key` in the present language, `{name}`s filled in from `values`."""
    sentence = _words()[key]
    return sentence.format(**values) if values else sentence


def all_text(encodes: bool = True) -> dict[str, str]:
    """Return every sentence in the present language, for the front end.

    Of a model that does not encode, codes are draws and no pictures' codes: sentences on data say so (`drawn_NAME`).
    """
    words = _words()
    if encodes:
        return words
    return words | {key.removeprefix("drawn_"): said for key, said in words.items() if key.startswith("drawn_")}


def card_text(words: str) -> str:
    """Return what a card says, its title or sentence, in the present language; in English where that is missing.

    A model's title, "MNIST, autoencoder", is its data set's and its family's, which each have words of their own.
    """
    if language() != "zh":
        return words
    data, comma, family = words.partition(", ")
    if words in CARDS or not comma or family.lower() not in CARDS_FOLDED:
        return CARDS.get(words) or CARDS_FOLDED.get(words.lower(), words)
    return f"{CARDS.get(data, data)} · {CARDS_FOLDED[family.lower()]}"


def _words() -> dict[str, str]:
    return {**ENGLISH, **CHINESE} if language() == "zh" else ENGLISH
