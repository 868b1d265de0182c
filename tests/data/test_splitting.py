"""Splits: whole groups, promised sizes, one seed one split, whatever the order of rows."""

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simclr_med.data import splitting
from simclr_med.errors import InputError

SIZES = {"train": 0.6, "validation": 0.1, "test": 0.3}
GROUPS = st.lists(st.tuples(st.integers(1, 9), st.sampled_from("abc")), min_size=1, max_size=60)


def draw(groups, sizes, seed=0):
    weights, strata = zip(*groups, strict=True)
    keys = [f"p{i}" for i in range(len(groups))]
    return splitting.draw_splits(keys, weights, strata, sizes, seed), np.array(weights)


@given(GROUPS, st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_shares_are_met_within_the_largest_group(groups, seed):
    split, weights = draw(groups, SIZES, seed)
    assert set(split) <= set(SIZES)
    for name, share in SIZES.items():
        size = weights[split == name].sum()
        assert abs(size - share * weights.sum()) <= 2 * weights.max()


@given(GROUPS, st.integers(0, 5), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_row_order_does_not_matter_and_the_seed_does_all(groups, seed, random):
    split, _ = draw(groups, SIZES, seed)
    places = list(range(len(groups)))
    random.shuffle(places)
    again = splitting.draw_splits(
        [f"p{i}" for i in places],
        [groups[i][0] for i in places],
        [groups[i][1] for i in places],
        SIZES,
        seed,
    )
    assert again.tolist() == [split[i] for i in places]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=12), st.data())
@settings(max_examples=200, deadline=None)
def test_exact_sizes_are_hit_wherever_any_whole_groups_do(weights, data):
    target = data.draw(st.integers(0, sum(weights)))
    sums = {
        sum(part) for n in range(len(weights) + 1) for part in itertools.combinations(weights, n)
    }
    groups = [(weight, "a") for weight in weights]
    if target in sums:
        split, sizes = draw(groups, {"test": target, "train": 0})
        assert sizes[split == "test"].sum() == target and not (split == "train").any()
    else:
        nearest = max(total for total in sums if total < target)
        with pytest.raises(InputError, match=f"no whole patients add up to .* is {nearest}$"):
            draw(groups, {"test": target, "train": 0})


def test_a_split_has_each_class_in_proportion():
    groups = [(1, "common")] * 600 + [(1, "rare")] * 30
    split, _ = draw(groups, SIZES)
    rare = np.array([stratum == "rare" for _, stratum in groups])
    assert [(rare & (split == name)).sum() for name in SIZES] == [18, 3, 9]


def test_the_order_of_one_stratum_is_that_of_seeded_hashes():
    """What is prepared anew, by whatever version, is the same."""
    keys = [f"patient {i}" for i in range(20)]
    for seed in (0, 7):
        by_hash = sorted(keys, key=lambda key: hashlib.sha256(f"{seed}\n{key}".encode()).digest())
        order = splitting.interleaved_order(keys, ["a"] * 20, seed)
        assert [keys[i] for i in order] == by_hash


def test_a_group_stands_where_its_middle_lies_in_its_stratum_by_weight():
    by_hash = sorted("pqr", key=lambda key: hashlib.sha256(f"0\n{key}".encode()).digest())
    weight = dict(zip(by_hash, (5, 1, 4), strict=True)) | {"alone": 7}
    # Middles of 5, 1 and 4 in 10: 0.25, 0.55, 0.8; that of the other stratum's one group: 0.5.
    expected = [by_hash[0], "alone", *by_hash[1:]]
    keys = list(weight)
    strata = ["b", "b", "b", "a"]
    order = splitting.interleaved_order(keys, strata, 0, list(weight.values()))
    assert [keys[i] for i in order] == expected


def test_a_stratum_of_weight_1_stands_at_its_middle_too():
    by_hash = sorted("pqr", key=lambda key: hashlib.sha256(f"0\n{key}".encode()).digest())
    order = splitting.interleaved_order(["alone", *by_hash], ["a", *"bbb"], 0, [1, 6, 1, 3])
    assert order.tolist() == [1, 0, 2, 3]  # 0.3, 0.5, 0.65, 0.85


def test_for_an_exact_size_the_last_one_taken_is_exchanged():
    weights = [2] * 20 + [3]
    keys = [f"p{i}" for i in range(21)]
    order = splitting.interleaved_order(keys, ["a"] * 21, 0, weights)
    odd = order.tolist().index(20)
    kept = odd - 3
    assert kept > 1
    split, _ = draw([(weight, "a") for weight in weights], {"test": 2 * kept + 3, "train": 0})
    assert np.flatnonzero(split[order] == "test").tolist() == [*range(kept), odd]


@given(GROUPS, st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_any_beginning_holds_the_weights_of_each_stratum_in_proportion(groups, seed):
    weights, strata = (np.array(part) for part in zip(*groups, strict=True))
    order = splitting.interleaved_order(
        [f"p{i}" for i in range(len(groups))], strata, seed, weights
    )
    reached, off = [], 0.0
    for stratum in np.unique(strata):
        within = strata[order] == stratum
        part = np.where(within, weights[order], 0)
        reached.append(np.cumsum(part) / part.sum())
        off = max(off, part.max() / part.sum())
    assert np.ptp(reached, axis=0).max() <= off + 1e-9


def test_by_default_the_splits_take_all():
    assert sum(splitting.SHARES.values()) == pytest.approx(1)
    assert splitting.SHARES["train"] == max(splitting.SHARES.values())
    split, _ = draw([(1, "a")] * 9, {"train": 0.0, "test": 1})  # a share, though written as 1
    assert set(split) == {"test"}


def test_another_seed_draws_others():
    groups = [(1, "a")] * 200
    first, second = draw(groups, SIZES, 0)[0], draw(groups, SIZES, 1)[0]
    same = (first == second).mean()
    assert abs(same - (0.36 + 0.01 + 0.09)) < 0.12  # as two independent draws agree


def test_what_is_not_asked_for_is_left_out():
    split, _ = draw([(1, "a")] * 100, {"train": 0.5, "test": 0.2})
    assert [(split == name).sum() for name in ("train", "test", "")] == [50, 20, 30]


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        ({"train": 0.8, "test": 0.3}, "1.1"),
        ({"train": 90, "test": 20}, "110 in all"),
        ({"train": 0.5, "test": 20}, "not both"),
        ({"train": 0.5, "test": 2}, "not both"),
        ({"train": 0.5, "test": -1}, "sizes of 0 and above"),
        ({}, "sizes"),
    ],
)
def test_wrong_sizes_are_named(sizes, named):
    with pytest.raises(InputError, match=named):
        draw([(1, "a")] * 100, sizes)


def test_the_paper_s_counts_of_images_are_hit_with_patients_like_chexpert_s():
    rng = np.random.default_rng(0)
    weights = np.minimum(rng.geometric(0.29, 64_540), 92)
    weights[: abs(223_414 - weights.sum())] += np.sign(223_414 - weights.sum())
    weights = np.maximum(weights, 1)
    missing = 223_414 - weights.sum()
    weights[-1] += missing if weights[-1] + missing > 0 else 0
    assert weights.sum() == 223_414
    keys = [f"patient{i:05d}" for i in range(len(weights))]
    for sizes in (
        {"train": 167_429, "validation": 22_240, "test": 33_745},
        {"train": 67_429, "validation": 22_240, "test": 33_745},
    ):
        split = splitting.draw_splits(keys, weights, np.array(["x"] * len(keys)), sizes, 0)
        assert {name: weights[split == name].sum() for name in sizes} == sizes


EDGES = st.lists(st.tuples(st.sampled_from(["", *"abcde"]), st.sampled_from(["", *"vwxyz"])),
                 min_size=1, max_size=25)  # fmt: skip


@given(EDGES, st.data())
@settings(max_examples=150, deadline=None)
def test_linked_rows_are_the_connected_ones(rows, data):
    pairs = data.draw(
        st.lists(st.tuples(*[st.integers(0, len(rows) - 1)] * 2), max_size=3).map(list)
    )
    reach = np.eye(len(rows), dtype=bool)
    for i, j in itertools.product(range(len(rows)), repeat=2):
        reach[i, j] |= any(a == b != "" for a, b in zip(rows[i], rows[j], strict=True))
        reach[i, j] |= (i, j) in pairs or (j, i) in pairs
    for _ in rows:
        reach = reach @ reach
    group = splitting.linked_groups(list(zip(*rows, strict=True)), pairs)
    np.testing.assert_array_equal(group[:, None] == group[None, :], reach)
