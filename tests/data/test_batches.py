"""Batches: order, resumption, threads, workers, pairs, where views are made."""

import os

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT
from PIL import Image
from scipy import stats

from simclr_med.config.recipes import RECIPES, Recipe
from simclr_med.data.batches import contrastive_batches, evaluation_batches, labelled_batches
from simclr_med.data.cases import Cases
from simclr_med.data.positions import ORDER, Positions, key, order
from simclr_med.errors import InputError
from simclr_med.views.changing import ChangeView
from simclr_med.views.decode import read

FULL = Recipe.named("full", 16, color_strength=0.5, min_area=0.2)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Ten cases with 1, 2, 3, 1, 2 ... images, each image of one colour of its own."""
    folder = tmp_path_factory.mktemp("images")
    sizes = [1 + i % 3 for i in range(10)]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    paths = []
    for i in range(offsets[-1]):
        paths.append(str(folder / f"{i}.png"))
        Image.new("RGB", (20, 24), (10 * i, 255 - 10 * i, 100)).save(paths[-1])
    names = np.array([f"case{i}" for i in range(10)])
    targets = np.eye(3, dtype=np.float32)[np.arange(10) % 3]
    return Cases(names, names, np.array(paths), offsets.astype(np.int64), targets, {})


def contrastive(cases, recipe=FULL, batch_size=4, positives="case", seed=3, **running):
    positions = Positions(cases, batch_size=batch_size, positives=positives, seed=seed)
    running = {"steps": 6} | running
    return list(contrastive_batches(positions, recipe, **running).as_numpy_iterator())


def labelled(cases, recipe=FULL, batch_size=4, seed=3, **running):
    positions = Positions(cases, batch_size=batch_size, seed=seed, images=1)
    running = {"steps": 6} | running
    return list(labelled_batches(positions, recipe, **running).as_numpy_iterator())


def equal(batches, others):
    return all(
        np.array_equal(a[name], b[name]) for a, b in zip(batches, others, strict=True) for name in a
    )


@pytest.mark.parametrize("batches", [contrastive, labelled])
def test_resumed_batches_are_the_same_whatever_the_threads(cases, batches):
    whole = batches(cases, threads=1)
    assert equal(whole[2:], batches(cases, start_step=2))
    assert equal(whole, batches(cases, threads=4))
    assert not equal(whole, batches(cases, seed=4))


@pytest.mark.parametrize("batches", [contrastive, labelled])
def test_two_workers_shares_are_disjoint_and_complete(cases, batches):
    whole = batches(cases)
    shares = [batches(cases, share=(worker, 2)) for worker in range(2)]
    for batch, *parts in zip(whole, *shares, strict=True):
        for name, values in batch.items():
            assert np.array_equal(values, np.concatenate([part[name] for part in parts]))
    with pytest.raises(ValueError, match="4 do not divide by 3"):
        batches(cases, share=(0, 3))


@pytest.mark.parametrize(
    ("batches", "name"),
    [*((contrastive, name) for name in RECIPES), (labelled, "full"), (labelled, "partial")],
)
def test_the_device_makes_the_views_of_the_host(cases, batches, name):
    recipe = Recipe.named(name, 16, layers='{"GridMask": {}}' if name == "partial" else "")
    host, device = (batches(cases, recipe, steps=2, augment_on=on) for on in ("host", "device"))
    for there, here in zip(host, device, strict=True):
        for number in ("1", "2") if "view1" in there else ("",):
            view = f"view{number}" if number else "images"
            made = ChangeView(recipe)(here[view], here[f"draws{number}"])
            np.testing.assert_allclose(made, there[view], atol=1e-5)
    with pytest.raises(ValueError, match="moon"):
        batches(cases, augment_on="moon")


def test_any_position_of_a_run_is_computed_directly(cases):
    """The millionth step, without those before it; what it holds is what the order says."""
    (late,) = contrastive(cases, start_step=1_000_000, steps=1_000_001)
    place = 4 * 1_000_000 % 8  # eight of ten cases an epoch
    shuffled = tf.random.experimental.stateless_shuffle(
        tf.range(10, dtype=tf.int64), key(3, ORDER, 4 * 1_000_000 // 8)
    )
    assert late["case"].tolist() == shuffled[place : place + 4].numpy().tolist()
    position = Positions(cases, batch_size=4, seed=3).drawn(1_000_000, 1_000_001)
    assert next(iter(position))[0] == 4_000_000


def test_the_views_of_a_pair_and_of_neighbours_differ(cases):
    (batch,) = contrastive(cases, positives="augmentation", batch_size=16, steps=1,
                           augment_on="device")  # fmt: skip
    draws = np.concatenate([batch["draws1"], batch["draws2"]])
    assert len(np.unique(draws, axis=0)) == 32
    assert all(len(np.unique(column)) == 32 for column in draws.T)


def test_an_epoch_holds_each_case_at_most_once_and_epochs_differ(cases):
    epochs = np.array([b["case"] for b in contrastive(cases, steps=40)]).reshape(20, 8)
    assert all(len(set(epoch)) == 8 for epoch in epochs.tolist())
    assert len({tuple(epoch) for epoch in epochs.tolist()}) == 20
    assert np.bincount(epochs.ravel(), minlength=10).min() > 8  # 16 on average


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_order_is_a_permutation_for_any_number(n):
    def units(start, stop):
        return [int(unit) for _, unit in order(n, 1, 0, start, stop)]

    assert sorted(units(0, n)) == sorted(units(n, 2 * n)) == list(range(n))
    assert units(0, 2 * n)[1:] == units(1, 2 * n)
    assert units(n, n) == []


def test_every_unit_is_as_likely_at_every_place():
    units = [unit for _, unit in order(8, 6, 1, 0, 2000).as_numpy_iterator()]
    epochs = np.reshape(units, [2000, 6])
    for place in range(6):
        assert stats.chisquare(np.bincount(epochs[:, place], minlength=8)).pvalue > 1e-3
    following = np.bincount(8 * epochs[:, 0] + epochs[:, 1], minlength=64).reshape(8, 8)
    assert stats.chisquare(following[~np.eye(8, dtype=bool)]).pvalue > 1e-3


def test_each_pair_of_a_cases_images_is_as_likely(cases):
    pairs = [
        (a, b)
        for batch in contrastive(cases, steps=400)
        for a, b, case in zip(batch["image1"], batch["image2"], batch["case"], strict=True)
        if case == 2  # with the images 3, 4, 5
    ]
    counts = {pair: pairs.count(pair) for pair in set(pairs)}
    assert set(counts) == {(3, 4), (3, 5), (4, 3), (4, 5), (5, 3), (5, 4)}
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_simclr_draws_images_and_never_one_twice(cases):
    for batch in contrastive(cases, positives="augmentation", batch_size=16, steps=5):
        assert (batch["image1"] == batch["image2"]).all()
        assert len(set(batch["image1"])) == 16


def test_views_come_from_their_images(cases):
    batches = contrastive(cases, Recipe.named("none", 16))
    for batch in batches:
        for which in ("1", "2"):
            colour = 255 * batch[f"view{which}"].mean((1, 2))
            np.testing.assert_allclose(colour[:, 0], 10 * batch[f"image{which}"], atol=1)


def test_labels_belong_to_their_images(cases):
    for batch in labelled(cases, Recipe.named("none", 16)):
        image = np.round(25.5 * batch["images"][..., 0].mean((1, 2))).astype(int)
        case = np.searchsorted(cases.offsets, image, side="right") - 1
        assert (batch["targets"] == cases.targets[case]).all()
        assert len(set(case)) == 4


def test_evaluation_shows_each_image_once_in_order(cases):
    batches = evaluation_batches(cases.paths, batch_size=6, size=16, threads=2)
    colour = 255 * np.concatenate(list(batches)).mean((1, 2))
    np.testing.assert_allclose(colour[:, 0], 10 * np.arange(len(cases.paths)), atol=1)


def test_an_iterator_that_is_dropped_waits_for_no_tuner(cases):
    positions = Positions(cases, batch_size=4, seed=3, images=1)
    for batches in (
        labelled_batches(positions, FULL, steps=6),
        evaluation_batches(cases.paths, batch_size=6, size=16),
    ):
        assert batches.options().autotune.enabled is False
    sources = {
        file.name: file.read_text().count("AUTOTUNE")
        for file in (ROOT / "simclr_med").rglob("*.py")
    }
    # What workers of a data service do at a time is theirs to say.
    assert {name: count for name, count in sources.items() if count} == {"batches.py": 1}


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16"])
def test_every_kind_of_png_has_three_channels(tmp_path, mode):
    file = tmp_path / "image.png"
    if mode == "I;16":
        Image.fromarray(np.full([8, 9], 40000, np.uint16)).save(file)
    else:
        Image.new(mode, (9, 8), 1).save(file)
    image = read(str(file))
    assert image.shape == (8, 9, 3) and image.dtype == tf.uint8


def test_too_large_a_batch(cases):
    with pytest.raises(InputError, match="--batch_size=11 exceeds the 10 cases"):
        contrastive(cases, batch_size=11)
    with pytest.raises(InputError, match="--batch_size=20 exceeds the 19 images"):
        contrastive(cases, batch_size=20, positives="augmentation")
    with pytest.raises(InputError, match="--batch_size=11 exceeds the 10 cases"):
        labelled(cases, batch_size=11)
    with pytest.raises(ValueError, match="patient"):
        contrastive(cases, positives="patient")


def resident():
    """MiB that the process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="no /proc")
@pytest.mark.parametrize("augment_on", ["host", "device"])
def test_memory_stays_flat_over_10_000_batches(cases, augment_on):
    positions = Positions(cases, batch_size=4, seed=0)
    batches = contrastive_batches(positions, FULL, steps=10_000, augment_on=augment_on)
    changes = ChangeView(FULL)
    held = []
    for step, batch in enumerate(batches):
        if augment_on == "device":
            changes(batch["view1"], batch["draws1"])
        if step % 1000 == 999:
            held.append(resident())
    assert held[-1] - held[1] < 20, held
