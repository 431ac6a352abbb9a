"""Coverage: how much of the real data has a generated picture near it.

    C = 1/n sum_i 1[ some x'_j lies closer to x_i than its k-th nearest real fellow does ]

for held-out pictures x_i and as many generated ones x'_j, compared in features. A model that repeats a few good
pictures has a low coverage however good they are. Two samples of the same data reach about 1 - 2^-k, 0.97 for k = 5.
"""

from __future__ import annotations

from manigen.cards import Card, Knob
from manigen.measures._context import Context, Result

card = Card(
    title="Coverage",
    sentence="The share of real pictures that have a generated one in their own neighbourhood: is anything left out?",
    reference="Naeem, Oh, Uh, Choi, Yoo 2020, Reliable Fidelity and Diversity Metrics for Generative Models",
    link="https://arxiv.org/abs/2002.09797",
    knobs=(Knob("k", 5, "How many real fellows make a neighbourhood.", 1, 100),),
    facts={"of": "generator", "unit": "share", "best": 1.0, "fewest": 6, "features": True},
)


def measure(context: Context, k: int = 5) -> Result:
    """Return the coverage in [0, 1] of held-out pictures by as many samples; `real`: by training pictures."""
    made, others = context.neighbours(k)
    return Result(made.coverage, None if others is None else others.coverage, context.n)
