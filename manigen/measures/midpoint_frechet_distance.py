"""Midpoint Frechet distance: what lies half-way between two real pictures, is it a picture?

    FD( features of x,  features of decode((z_i + z_j) / 2) )

for the codes z_i, z_j of pairs of held-out pictures, drawn by chance, or of pairs of drawn codes where the generator
has no encoder. It is the Frechet distance of pictures on which neither training nor sampler ever had a say: a model
whose codes leave holes between the pictures shows it here.
"""

from __future__ import annotations

from manigen.cards import Card
from manigen.measures._context import Context, Result
from manigen.measures.frechet_distance import between

card = Card(
    title="Midpoint Frechet distance",
    sentence="How far the pictures half-way between two real ones lie from real pictures, in features; 0 is alike.",
    reference="Ghosh, Sajjadi, Vergari, Black, Schölkopf 2020, From Variational to Deterministic Autoencoders",
    link="https://arxiv.org/abs/1903.12436",
    facts={
        "of": "generator",
        "unit": "squared features",
        "best": 0.0,
        "fewest": 6,
        "needs": ("codes",),
        "features": True,
    },
)


def measure(context: Context) -> Result:
    """Return the distance >= 0 of n midpoints from the held-out pictures.

    `real` is that of training pictures, which no midpoint should be expected to undercut; `details["pixels"]` is that
    of the mean of two pictures, pixel by pixel, which every midpoint should.
    """
    first, second = context.pairs(context.n)
    middle = context.generator.decode((context.codes[first] + context.codes[second]) / 2)
    mixed = (context.real[first] + context.real[second]) / 2
    real, others = context.real_features, context.other_features
    return Result(
        between(real, context.extractor.of(middle)),
        None if others is None else between(real, others),
        context.n,
        details={"pixels": between(real, context.extractor.of(mixed))},
    )
