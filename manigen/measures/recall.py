"""Recall: how many real pictures the generated ones surround.

    R = 1/n sum_i 1[ x_i lies closer to some x'_j than the k-th nearest generated fellow of x'_j does ]

for held-out pictures x_i and as many generated ones x'_j, compared in features. It is precision with both sides
exchanged. One far-off sample has a wide neighbourhood and recalls much, so coverage is the safer figure.
"""

from __future__ import annotations

from manigen.cards import Card, Knob
from manigen.measures._context import Context, Result

card = Card(
    title="Recall",
    sentence="The share of real pictures that lie within the generated ones: can it paint everything there is?",
    reference="Kynkäänniemi, Karras, Laine, Lehtinen, Aila 2019, Improved Precision and Recall Metric",
    link="https://arxiv.org/abs/1904.06991",
    knobs=(Knob("k", 5, "How many generated fellows make a neighbourhood.", 1, 100),),
    facts={"of": "generator", "unit": "share", "best": 1.0, "fewest": 6, "features": True},
)


def measure(context: Context, k: int = 5) -> Result:
    """Return the recall in [0, 1] of held-out pictures by as many samples; `real`: by training pictures."""
    made, others = context.neighbours(k)
    return Result(made.recall, None if others is None else others.recall, context.n)
