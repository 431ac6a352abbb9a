"""Density: how thick the real data is where the generated pictures lie.

    D = 1/(k m) sum_j sum_i 1[ x'_j lies closer to x_i than its k-th nearest real fellow does ]

for held-out pictures x_i and as many generated ones x'_j, compared in features: how many real neighbourhoods a
generated picture lies in, where k are expected. It can exceed 1, and blur drives it there: a model that only paints
the most ordinary pictures has a high density and a low coverage.
"""

from __future__ import annotations

from manigen.cards import Card, Knob
from manigen.measures._context import Context, Result

card = Card(
    title="Density",
    sentence="How crowded with real pictures the places are that generated ones fall in: 1 is real, more is too tame.",
    reference="Naeem, Oh, Uh, Choi, Yoo 2020, Reliable Fidelity and Diversity Metrics for Generative Models",
    link="https://arxiv.org/abs/2002.09797",
    knobs=(Knob("k", 5, "How many real fellows make a neighbourhood.", 1, 100),),
    facts={"of": "generator", "unit": "dimensionless", "best": 1.0, "fewest": 6, "features": True},
)


def measure(context: Context, k: int = 5) -> Result:
    """Return the density >= 0 of as many samples as held-out pictures; `real`: of training pictures."""
    made, others = context.neighbours(k)
    return Result(made.density, None if others is None else others.density, context.n)
