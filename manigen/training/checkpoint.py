"""Checkpoints: the whole state of a run in one safetensors file, written whole or not at all."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from manigen import files
from manigen.errors import BadFile

NAME = "checkpoint.safetensors"


def write(folder: Path, groups: dict[str, dict[str, Tensor]], facts: dict[str, Any]) -> Path:
    """Write named groups of tensors and JSON-able facts to `folder`."""
    tensors = {
        f"{group}/{name}": value.detach().cpu().contiguous().clone()
        for group, values in groups.items()
        for name, value in values.items()
    }
    if math.isinf(facts.get("best_score", 0)):
        facts = {**facts, "best_score": None}
    path = Path(folder) / NAME
    files.write_bytes(path, save(tensors, {"facts": json.dumps(facts, allow_nan=False)}))
    return path


def read(folder: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Return what `write` wrote, or raise `BadFile`."""
    path = Path(folder) / NAME
    groups: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            for key in file.keys():  # noqa: SIM118 - not a mapping
                group, _, name = key.partition("/")
                groups.setdefault(group, {})[name] = file.get_tensor(key)
    except FileNotFoundError:
        raise BadFile(f"There is no checkpoint in {folder}.") from None
    except (SafetensorError, ValueError, TypeError, KeyError, OSError) as error:
        raise BadFile(f"The checkpoint {path} is damaged ({type(error).__name__}) and cannot be resumed.") from None
    if not isinstance(facts, dict) or not isinstance(facts.get("plan"), dict):
        raise BadFile(f"The checkpoint {path} does not say which run it belongs to.")
    if facts.get("best_score") is None:
        facts["best_score"] = math.inf
    return groups, facts
