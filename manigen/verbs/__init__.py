"""Verbs: what the terminal can be told to do, one file each.

Every file has one line of `help`, `options(parser)` that adds its options, and `run(given) -> dict`, which does the
work and returns what was done as names and numbers, ready for JSON; `words(result)`, where there is one, says the same
in lines for a person. `cli` does the rest: parsing, printing, exit codes.

The one constraint: nothing but the result goes to standard output, and what a person can put right is raised as
`ManigenError`. Heavy libraries are imported inside `run`.

To add a verb, write one file and name it in `VERBS`.
"""

from __future__ import annotations

VERBS = (
    "data",
    "models",
    "info",
    "train",
    "bring",
    "encode",
    "decode",
    "sample",
    "crowd",
    "map",
    "walk",
    "measure",
    "sampler",
    "geodesic",
    "fog",
    "features",
    "app",
)
