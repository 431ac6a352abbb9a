"""Parameters: how many numbers the model learned.

    the count of all weights of the decoder, the encoder and whatever else it was trained with

A larger model can be better for no other reason. Half of an autoencoder is not needed to paint, and the critic of an
adversarial one is needed for nothing any more, so compare like with like.
"""

from __future__ import annotations

from manigen.cards import Card
from manigen.measures._context import Context, Result

card = Card(
    title="Parameters",
    sentence="How many numbers the model learned in training: a larger one has it easier; real pictures have none.",
    reference="Goodfellow, Bengio, Courville 2016, Deep Learning, chapter 6",
    link="https://www.deeplearningbook.org/contents/mlp.html",
    facts={"of": "generator", "unit": "numbers", "best": None, "needs": ("parameters",)},
)


def measure(context: Context) -> Result:
    """Return the count of learned numbers; it comes from no picture, so `n` is 0."""
    return Result(float(sum(value.numel() for value in context.generator.parameters())), None, 0)
