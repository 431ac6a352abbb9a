"""A scene on its way to a browser: one JSON description, and one run of bytes that its arrays lie in.

Where a layer has an array, the description says {"at": offset in bytes, "shape": [...], "type": "u1" | "f4" | "i2"};
every array begins at a multiple of 8.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from manigen.lessons.base import Scene, Words


def pack(scene: Scene, language: str) -> tuple[dict[str, Any], bytes]:
    """Return the description of a scene in a language, and the bytes of its arrays."""
    parts: list[bytes] = []
    described = _describe(scene, language, parts)
    return described, b"".join(parts)


def _describe(value: Any, language: str, parts: list[bytes]) -> Any:
    if isinstance(value, Words):
        return value.in_(language)
    if isinstance(value, np.ndarray):
        return _keep(value, parts)
    if isinstance(value, tuple | list):
        return [_describe(item, language, parts) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        said = {field.name: _describe(getattr(value, field.name), language, parts) for field in fields(value)}
        return {"kind": type(value).__name__.lower(), **said}
    if isinstance(value, np.generic):
        return value.item()
    return value


def _keep(array: np.ndarray, parts: list[bytes]) -> dict[str, Any]:
    kind = "u1" if array.dtype == np.uint8 else "i2" if array.dtype.kind in "iub" else "f4"
    raw = np.ascontiguousarray(array.astype(f"<{kind}")).tobytes()
    at = sum(map(len, parts))
    parts.append(raw + bytes(-len(raw) % 8))
    return {"at": at, "shape": list(array.shape), "type": kind}
