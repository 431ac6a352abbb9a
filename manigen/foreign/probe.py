"""What was found in somebody's files, and what had to be guessed about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from manigen.cards import Knob

if TYPE_CHECKING:
    from collections.abc import Callable

    from manigen.foreign.base import Foreign


@dataclass(frozen=True)
class Probe:
    """A format's family, what can be said of the files in a sentence, knobs with the guesses, and how to open.

    `open(knobs)` gives the generator as those knobs describe it.
    """

    family: str
    said: str
    knobs: tuple[Knob, ...]
    open: Callable[[Mapping[str, Any]], Foreign]
    encodes: bool
    differentiable: bool
    fixed: Mapping[str, Any] = field(default_factory=dict)  # what was read and cannot be otherwise

    def settings(self, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return every knob's value, checked, and what is fixed."""
        given = given or {}
        return {knob.name: knob.check(given.get(knob.name, knob.default)) for knob in self.knobs} | dict(self.fixed)

    def guess(self, **values: Any) -> Probe:
        """Return the same with other guesses."""
        return replace(
            self, knobs=tuple(replace(knob, default=values.get(knob.name, knob.default)) for knob in self.knobs)
        )
