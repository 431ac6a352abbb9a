"""sampler MODEL: fit every sampler to a model's codes, and make the one that paints best the model's own."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from manigen.errors import NotPossible
from manigen.verbs.base import Result, data_knobs, load, model, say, splits

help = "measure every sampler and choose the model's own"


def options(parser: ArgumentParser) -> None:
    from manigen import samplers

    parser.add_argument("model", metavar="MODEL", help="a model's name, or its folder")
    parser.add_argument(
        "--samplers", help=f"those to choose from, the simplest first, of {', '.join(samplers.cards())} [all]"
    )
    parser.add_argument("--data", help="the pictures it learned from, where they are somebody's own [its data set]")
    parser.add_argument("--dry", action="store_true", help="only tell; leave the model's folder as it is")
    data_knobs(parser)


def run(given: Namespace) -> Result:
    from manigen import models, recipe, samplers, weights

    generator, folder = load(given.model), model(given.model)
    names = [name.strip() for name in given.samplers.split(",")] if given.samplers else simplest_first()
    for name in names:
        samplers.card_of(name)
    if not generator.encodes:
        raise NotPossible(f"{generator.name} has no encoder, so there are no codes to fit another sampler to.")
    card = weights.info(folder)
    _, train, test = splits(given, generator)
    held_out, codes = recipe.kept_back(train), weights.codes(folder)
    z = codes.z[(codes.split == 0) & (codes.rows < len(train) - recipe.kept_of(len(train)))]
    seed, before = int(card.get("seed", 0)), card.get("sampler", "normal")
    facts = models.card_of(card["family"]).facts if card["family"] in models.cards() else {}
    chosen = recipe.choose_sampler(generator, z, held_out, names, facts.get("sampler", "mixture"), seed, say)
    if not given.dry and chosen.name == before:
        weights.set_sampler(folder, chosen.facts())
    elif not given.dry:
        say("measuring on held-out pictures")
        measured = weights.held_out_figures(generator, train, test, seed)
        weights.set_sampler(folder, chosen.facts(), generator, measured)
    return {"model": generator.name, "before": before, **chosen.facts()}


def simplest_first() -> list[str]:
    """Return all samplers' names, those that learn nothing before those that do."""
    from manigen import recipe, samplers

    return sorted(samplers.cards(), key=lambda name: (*recipe.SAMPLERS, name).index(name))
