"""Directions that stand for something, against closed forms and a slow twin; the sliders that are made of them."""

from __future__ import annotations

import numpy as np
import pytest

from manigen import attributes
from manigen.errors import BadInput
from manigen.ui import directions as room
from manigen.ui import state


def two_clouds(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Codes of two classes, normal with one covariance, and their labels: the best border is known in closed form."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    mixed = rng.standard_normal((n, 3)) @ np.linalg.cholesky(COVARIANCE).T
    return (mixed + labels[:, None] * APART).astype(np.float32), labels


COVARIANCE = np.array([[4.0, 1.5, 0.0], [1.5, 1.0, 0.0], [0.0, 0.0, 0.25]])
APART = np.array([1.0, 1.5, 0.0])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_the_difference_of_means_is_how_far_the_clouds_were_set_apart() -> None:
    z, labels = two_clouds()
    np.testing.assert_allclose(attributes.between(z[labels == 1], z[labels == 0]), APART, atol=0.15)


def test_the_probe_goes_across_the_border_that_theory_gives() -> None:
    z, labels = two_clouds()
    normal = np.linalg.solve(COVARIANCE, APART)  # of two normal classes with one covariance
    found = attributes.probe(z, labels == 1)
    assert cosine(found, normal) > 0.995
    assert cosine(found, APART) < 0.9  # which is another way than from mean to mean
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)


def test_the_probe_minimises_the_loss_that_its_docstring_states() -> None:
    from scipy.optimize import minimize

    z, labels = two_clouds(300)
    scaled, y = (z - z.mean(0)) / z.std(0), 2.0 * labels - 1

    def loss(wb: np.ndarray) -> float:  # in standardised codes, where w is S w
        return float(np.logaddexp(0, -y * (scaled @ wb[:3] + wb[3])).sum() + wb[:3] @ wb[:3] / 2)

    normal = minimize(loss, np.zeros(4)).x[:3] / z.std(0)
    np.testing.assert_allclose(attributes.probe(z, labels == 1), normal / np.linalg.norm(normal), atol=2e-3)


def test_a_number_that_never_varies_is_not_part_of_a_probe() -> None:
    z, labels = two_clouds(200)
    z[:, 2] = 7
    assert attributes.probe(z, labels == 1)[2] == 0


def test_codes_without_their_classes_have_every_class_mean_at_zero() -> None:
    z, labels = two_clouds()
    groups, means = attributes.class_means(z, labels)
    rest = attributes.without_classes(z, labels, means)
    assert list(groups) == [0, 1]
    np.testing.assert_allclose(attributes.class_means(rest, labels)[1], 0, atol=1e-5)
    np.testing.assert_allclose(rest + means[labels], z, atol=1e-5)


def test_an_analogy_closes_the_parallelogram() -> None:
    a, b, c = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    np.testing.assert_allclose(attributes.analogy(a, b, c) - c, a - b, atol=1e-6)
    np.testing.assert_array_equal(attributes.analogy(a, a, c), c)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda z: attributes.probe(z, np.ones(len(z), bool)),
        lambda z: attributes.probe(z, np.zeros(len(z), bool)),
        lambda z: attributes.probe(z, np.arange(len(z))),
        lambda z: attributes.probe(z * 0, np.arange(len(z)) > 2),
        lambda z: attributes.between(z, z[:, :2]),
        lambda z: attributes.class_means(z, [0, 1]),
        lambda z: attributes.without_classes(z, np.full(len(z), 2), z[:2]),
        lambda z: attributes.analogy(z, z, z),
        lambda z: room.directions(z, "classes", np.zeros(len(z), int)),
        lambda z: room.directions(z, "borders"),
    ],
)
def test_examples_that_say_nothing_are_refused_in_words(wrong) -> None:
    with pytest.raises(BadInput):
        wrong(two_clouds(20)[0])


# --- sliders made of them ---------------------------------------------------------------------------------------------


def test_a_class_slider_leads_through_its_class_mean() -> None:
    z, labels = two_clouds()
    labels = labels * 2  # classes 0 and 2, as where one has no codes
    along = room.directions(z, "classes", labels)
    assert list(along.groups) == [0, 2]
    for i, group in enumerate(along.groups):
        np.testing.assert_allclose(along.mean + along.at[i] * along.units[i], z[labels == group].mean(0), atol=1e-4)
    assert (along.at > 0).all()


@pytest.mark.parametrize("basis", room.OF_CLASSES)
def test_a_class_slider_counts_standard_deviations_of_the_codes(basis: str) -> None:
    z, labels = two_clouds()
    along = room.directions(z, basis, labels)
    np.testing.assert_allclose(along.positions(z).std(0), 1, rtol=1e-3)
    np.testing.assert_allclose(along.positions(z[labels == 1].mean(0))[0, 1], along.at[1], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(along.axes, axis=1), 1, rtol=1e-5)
    assert room.effect(lambda codes: codes, z, along) == pytest.approx(along.scale, rel=1e-3)


def test_codes_without_a_label_belong_to_no_class_and_stay_out_of_the_probe() -> None:
    z, labels = two_clouds(400)
    more = np.concatenate([z, z[:50] + 9]), np.concatenate([labels, np.full(50, -1)])
    with_strangers = room.directions(*more[:1], "borders", more[1])
    np.testing.assert_allclose(with_strangers.axes, room.directions(z, "borders", labels).axes, atol=1e-6)


def test_class_sliders_are_offered_only_where_there_are_two_classes() -> None:
    assert room.bases([0, 1, -1]) == room.BASES
    assert room.bases([-1, -1]) == room.bases([3, 3, -1]) == ("numbers", "directions")


# --- selections -------------------------------------------------------------------------------------------------------


def test_a_slider_of_a_selection_goes_across_its_border_and_through_its_mean() -> None:
    z, labels = two_clouds()
    rows = np.flatnonzero(labels == 1)
    chosen = room.select(z, rows, "ones")
    along = room.of_selections(z, [chosen, room.select(z, rows[:7], "few")])
    assert (chosen.n, list(along.groups)) == (2000, [0, 1])
    assert cosine(along.axes[0], np.linalg.solve(COVARIANCE, APART)) > 0.995
    np.testing.assert_allclose(chosen.centre, z[rows].mean(0), atol=1e-5)
    np.testing.assert_allclose(along.positions(chosen.centre)[0, 0], along.at[0], atol=1e-4)
    np.testing.assert_allclose(along.positions(z).std(0), 1, rtol=1e-3)


def test_a_selection_of_one_class_makes_the_slider_that_the_class_has() -> None:
    z, labels = two_clouds(400)
    of_class = room.directions(z, "borders", labels)
    along = room.of_selections(z, [room.select(z, labels == group, str(group)) for group in (0, 1)])
    for part in ("axes", "scale", "share", "at", "mean"):
        np.testing.assert_allclose(getattr(along, part), getattr(of_class, part), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [[], slice(None)])
def test_a_selection_of_nothing_or_of_everything_is_refused_in_words(rows) -> None:
    with pytest.raises(BadInput, match="all alike"):
        room.select(two_clouds(20)[0], rows, "none")
    with pytest.raises(BadInput, match="no selection"):
        room.of_selections(two_clouds(20)[0], [])


def test_a_link_gives_selections_back_bit_for_bit() -> None:
    z, labels = two_clouds(200)
    chosen = [room.select(z, labels == 1, "open 4s · 数"), room.select(z, [3, 5], "few")]
    found = state.selections_from_link(state.selections_to_link(chosen), 3)
    assert [(one.name, one.n) for one in found] == [("open 4s · 数", 100), ("few", 2)]
    for one, other in zip(chosen, found, strict=True):
        np.testing.assert_array_equal(one.axis, other.axis)
        np.testing.assert_array_equal(one.centre, other.centre)
    assert state.selections_to_link([]) is None


@pytest.mark.parametrize("spoil", [lambda s: s[:-9], lambda s: s + "~more", lambda s: s.replace("~100~", "~x~")])
def test_a_link_of_a_selection_that_was_cut_short_is_refused_in_words(spoil) -> None:
    z, labels = two_clouds(200)
    spelled = state.selections_to_link([room.select(z, labels == 1, "ones")])
    with pytest.raises(BadInput, match=r"cannot be read|numbers"):
        state.selections_from_link(spoil(spelled), 3)


def test_the_middles_of_groups_are_terms_of_an_analogy() -> None:
    z, labels = two_clouds(200)
    ones, zeros = (room.select(z, labels == group, "").centre for group in (1, 0))
    moved = attributes.analogy(ones, zeros, z[0])
    np.testing.assert_allclose(moved - z[0], attributes.between(z[labels == 1], z[labels == 0]), atol=1e-4)
