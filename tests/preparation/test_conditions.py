"""Diagnoses to classes, and what stands on both sides."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simclr_med.errors import InputError
from simclr_med.preparation import leaks
from simclr_med.preparation.labels import conditions

LABELS = pd.Series(["Acne"] * 5 + ["Eczema|Acne"] * 2 + ["Cyst"] * 2 + ["Scar", ""])


def test_prevalence_counts_each_primary_diagnosis_of_a_case():
    counts = conditions.prevalence(LABELS)
    assert counts.to_dict() == {"Acne": 7, "Cyst": 2, "Eczema": 2, "Scar": 1}
    assert list(counts.index) == ["Acne", "Cyst", "Eczema", "Scar"]


def test_the_most_frequent_are_kept_with_enough_cases():
    counts = conditions.prevalence(LABELS)
    assert conditions.most_frequent(counts, 2, 1) == ["Acne", "Cyst"]
    assert conditions.most_frequent(counts, 26, 2) == ["Acne", "Cyst", "Eczema"]
    assert conditions.most_frequent(counts, 0, 1) == ["Acne", "Cyst", "Eczema", "Scar"]
    with pytest.raises(InputError, match="--min_cases=100"):
        conditions.most_frequent(counts, 26, 100)


def test_the_rest_becomes_other_once_a_case():
    names = {"Acne": "Acne", "Eczema": "Eczema"}
    changed = conditions.relabelled(pd.Series(["acne|Cyst|Scar", "Cyst", ""]), names, "Other")
    assert list(changed) == ["Acne|Other", "Other", ""]
    assert list(conditions.relabelled(pd.Series(["Acne|Cyst", "Cyst"]), names)) == ["Acne", ""]


def test_the_paper_s_classes_and_one_s_own(tmp_path):
    assert len(conditions.forced_classes("paper")) == 26 and "Hidradenitis" in conditions.PAPER
    (tmp_path / "mine.txt").write_text("Acne\n\nRosacea \n", encoding="utf-8")
    assert conditions.forced_classes(str(tmp_path / "mine.txt")) == ["Acne", "Rosacea"]
    (tmp_path / "mine.txt").write_text("Acne\nAcne\n")
    for wrong in (tmp_path / "mine.txt", tmp_path / "none.txt"):
        with pytest.raises(InputError, match=wrong.name):
            conditions.forced_classes(str(wrong))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a,b\n", "no column from, to"),
        ("from,to\nx,A\nx,B\n", "row 3: 'x' is mapped twice"),
        ("", "map.csv is empty"),
        ("from,to\nscc, in situ,SCC\n", "row 2: has more cells"),
    ],
)
def test_a_wrong_mapping_is_named(text, named, tmp_path):
    (tmp_path / "map.csv").write_text(text)
    with pytest.raises(InputError, match=named):
        conditions.read_mapping(tmp_path / "map.csv", [])


def table(*rows):
    return pd.DataFrame(rows, columns=["image", "case_id", "patient_id", "split"])


def test_each_kind_of_leak_is_found_and_the_side_of_less_worth_loses():
    rows = table(
        ("a", "c1", "p1", "train"), ("b", "c2", "p1", "test"),  # a patient
        ("c", "c3", "", "validation"), ("d", "c3", "", "test"),  # a case
        ("e", "c4", "p4", "train"), ("f", "c5", "p5", "external"),  # the same bytes
        ("g", "c6", "p6", "train"), ("h", "c7", "p7", "validation"),  # much alike
        ("i", "c8", "p8", "train"), ("j", "c9", "p8", "unlabelled"),  # both are learnt from
    )  # fmt: skip
    digests = ["", "", "", "", "x", "x", "", "", "y", "y"]
    near = ["", "", "", "", "", "", "g", "g", "", ""]
    found = leaks.find_leaks(rows, digests, near)
    kinds = ["patient", "case", "identical image", "nearly the same image"]
    assert [leak.kind for leak in found] == kinds
    assert str(found[0]) == "patient p1 stands in train and test"
    lost = leaks.losing_cases(rows, found)
    assert list(rows["image"][lost]) == ["a", "c", "e", "g"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3),
                          st.sampled_from(leaks.WORTH)), min_size=1, max_size=20))  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_nothing_leaks_once_the_losing_cases_are_gone(drawn):
    rows = table(*[(f"i{n}", f"c{c}", f"p{p}", s) for n, (c, p, s) in enumerate(drawn)])
    kept = rows[~leaks.losing_cases(rows, leaks.find_leaks(rows, *2 * [[""] * len(rows)]))]
    kept = kept.reset_index(drop=True)
    assert not leaks.find_leaks(kept, *2 * [[""] * len(kept)])
    assert len(kept)
