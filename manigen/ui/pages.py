"""Where the pages lie, for those that lead to another."""

from __future__ import annotations

from pathlib import Path

PAGES = Path(__file__).resolve().parents[2] / "pages"
EXPLORE, INTERPOLATE, COMPARE, TRAIN = (PAGES / f"{name}.py" for name in ("explore", "interpolate", "compare", "train"))
