"""Precision: how many generated pictures could be real ones.

    P = 1/m sum_j 1[ x'_j lies closer to some x_i than the k-th nearest real fellow of x_i does ]

for held-out pictures x_i and as many generated ones x'_j, compared in features. Read it beside its real-against-real
value, which is far below 1, and beside recall: whoever always paints the same good picture has a precision of 1.
"""

from __future__ import annotations

from manigen.cards import Card, Knob
from manigen.measures._context import Context, Result

card = Card(
    title="Precision",
    sentence="The share of generated pictures that lie within the real ones: is what it paints right?",
    reference="Kynkäänniemi, Karras, Laine, Lehtinen, Aila 2019, Improved Precision and Recall Metric",
    link="https://arxiv.org/abs/1904.06991",
    knobs=(Knob("k", 5, "How many real fellows make a neighbourhood.", 1, 100),),
    facts={"of": "generator", "unit": "share", "best": 1.0, "fewest": 6, "features": True},
)


def measure(context: Context, k: int = 5) -> Result:
    """Return the precision in [0, 1] of as many samples as held-out pictures; `real`: of training pictures."""
    made, others = context.neighbours(k)
    return Result(made.precision, None if others is None else others.precision, context.n)
