"""A data set folder: what is read, what is refused and how it is said."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simclr_med.data import manifest
from simclr_med.data.cases import Cases, label_fraction, strata
from simclr_med.errors import InputError

INFO = {"name": "mine", "task": "multiclass", "classes": ["Acne", "Other"], "groups": ["skin"]}
ROWS = """\
image,case_id,patient_id,split,labels,skin
a/1.png,7,p1,train,Acne,light
b.png,8,p2,train,Acne|Other,dark
a/2.png,7,p1,train,Acne,light
c.png,9,,test,Other,
d ü.png,10,,unlabelled,,
"""
FINDINGS = {"name": "chest", "task": "multilabel", "classes": ["Edema", "Effusion"]}
FINDING_ROWS = """\
image,case_id,patient_id,split,Edema,Effusion
1.png,a,,train,1,
2.png,b,,train,-1,-1
3.png,c,,train,0,1.0
4.png,d,,unlabelled,,
"""


def folder_of(path, info=INFO, rows=ROWS):
    path.mkdir(exist_ok=True)
    (path / "dataset.json").write_text(json.dumps(info))
    (path / "manifest.csv").write_text(rows, encoding="utf-8")
    for line in rows.splitlines()[1:]:
        image = path / line.split(",")[0]
        if ".." not in image.parts:
            image.parent.mkdir(exist_ok=True)
            image.write_bytes(b"an image")
    return path


def test_cases_gather_their_images_in_the_manifests_order(tmp_path):
    cases = manifest.read(folder_of(tmp_path / "d")).cases(["train"])
    assert cases.case_ids.tolist() == ["7", "8"] and cases.patient_ids.tolist() == ["p1", "p2"]
    assert [path[-7:] for path in cases.paths] == ["a/1.png", "a/2.png", "d/b.png"]
    assert cases.offsets.tolist() == [0, 2, 3]
    assert cases.targets.tolist() == [[1, 0], [1, 1]]
    assert cases.groups["skin"].tolist() == ["light", "dark"]
    alone = cases.each_image_alone()
    assert alone.case_ids.tolist() == ["7", "7", "8"] and alone.offsets.tolist() == [0, 1, 2, 3]
    swapped = cases.take([1, 0])
    assert [p[-7:] for p in swapped.paths] == ["d/b.png", "a/1.png", "a/2.png"]
    assert len(cases.take([])) == 0


def test_many_images_of_cases_that_alternate_stay_in_order(tmp_path):
    lines = [f"{i:02d}.png,{'ba'[i % 2]},,train,Acne,x" for i in range(60)]
    rows = "\n".join([ROWS.splitlines()[0], *lines]) + "\n"
    cases = manifest.read(folder_of(tmp_path / "d", rows=rows)).cases(["train"])
    assert cases.case_ids.tolist() == ["b", "a"] and cases.offsets.tolist() == [0, 30, 60]
    found = [int(path[-6:-4]) for path in cases.paths]
    assert found == [*range(0, 60, 2), *range(1, 60, 2)]


@pytest.mark.parametrize(
    ("levels", "level"),
    [(("light", "light"), "light"), (("light", "dark"), "mixed"), (("", "dark"), "dark"),
     (("light", ""), "light"), (("", ""), "")],
)  # fmt: skip
def test_a_group_that_varies_within_a_case_is_mixed(levels, level, tmp_path):
    rows = (
        "image,case_id,patient_id,split,labels,skin\n1.png,a,,test,Acne,{}\n2.png,b,,test,Acne,x\n"
    )
    rows = rows.format(levels[0]) + f"3.png,a,,test,Acne,{levels[1]}\n"
    cases = manifest.read(folder_of(tmp_path / "d", rows=rows)).cases(["test"])
    assert cases.case_ids.tolist() == ["a", "b"]
    assert cases.groups["skin"].tolist() == [level, "x"]


@pytest.mark.parametrize("level", ["NA", "Unknown", "n/a", "(none)", "-"])
def test_a_level_that_nobody_knows_is_none(level, tmp_path):
    found = manifest.read(folder_of(tmp_path / "d", rows=ROWS.replace("light", level)))
    assert found.cases(["train"]).groups["skin"].tolist() == ["", "dark"]


def test_unlabelled_cases_have_no_targets(tmp_path):
    cases = manifest.read(folder_of(tmp_path / "d")).cases(["train", "unlabelled"])
    assert np.isnan(cases.targets[2]).all() and cases.paths[-1].endswith("d ü.png")


@pytest.mark.parametrize(
    ("uncertain", "not_mentioned", "expected"),
    [
        ({}, "negative", [[1, 0], [np.nan, np.nan], [0, 1]]),
        ({"Edema": "ones", "Effusion": "zeros"}, "negative", [[1, 0], [1, 0], [0, 1]]),
        ({"Edema": "ignore"}, "masked", [[1, np.nan], [np.nan, np.nan], [0, 1]]),
    ],
)
def test_policies_of_findings(tmp_path, uncertain, not_mentioned, expected):
    info = FINDINGS | {"uncertain": uncertain, "not_mentioned": not_mentioned}
    data = manifest.read(folder_of(tmp_path / "d", info, FINDING_ROWS))
    np.testing.assert_array_equal(data.cases(["train"]).targets, expected)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("image,case", "picture,case", "row 1: 'image' not in the header"),
        ("skin\n", "tone\n", "row 1: 'skin' not in the header"),
        (",p1,train,Acne,light\nb", ",p1,trian,Acne,light\nb", "row 2, column split: 'trian'"),
        ("b.png,8", "b.png,", "row 3, column case_id: '' is empty"),
        ("b.png", "", "row 3, column image: '' is empty"),
        ("b.png", "a/1.png", "row 3, column image: 'a/1.png' stands in an earlier row"),
        ("b.png", "../b.png", "row 3, column image: '../b.png' leaves the image root"),
        ("b.png", "/b.png", "row 3, column image: '/b.png' leaves the image root"),
        ("Acne|Other", "Acne|Rash", "row 3, column labels: 'Acne|Rash' is not in dataset.json"),
        ("test,Other", "test,", "row 5, column labels: '' is empty in a labelled split"),
        ("a/2.png,7,p1,train", "a/2.png,7,p1,test", "this case has two splits: train and test"),
        ("a/2.png,7,p1", "a/2.png,7,p9", "this case has two patients: p1 and p9"),
        ("7,p1,train,Acne,light\nc", "7,p1,train,Other,light\nc", "this case has different labels"),
        ("9,,test", "9,p1,test", "row 5, column patient_id: 'p1' this patient stands in two"),
        ("b.png,8", 'b.png,"8\n"', "row 3, column case_id: '8\\n' has a line break"),
        (
            "b.png,8,p2",
            "b.png,8, p2",
            "row 3, column patient_id: ' p2' begins or ends with a space",
        ),
        ("b.png", "./a/1.png", "row 3, column image: './a/1.png' stands in an earlier row"),
        (",skin\n", ",split\n", "row 1: column 'split' stands in the header twice"),
        ("Other,dark", "Other,dark,7", "row 3: has more cells than the header, which has 6"),
        (ROWS, ROWS.splitlines()[0] + "\n", "has no rows"),
        (ROWS, "", "is empty: expected a header"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, old, new, message):
    folder = folder_of(tmp_path / "d")
    (folder / "manifest.csv").write_text(ROWS.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        manifest.read(folder)
    assert message in str(caught.value) and "manifest.csv" in str(caught.value)


def test_a_word_for_unknown_is_no_case_of_several_images(tmp_path):
    folder = folder_of(tmp_path / "d", rows=ROWS.replace(",7,", ",n/a,"))
    with pytest.raises(InputError, match="row 2, column case_id: 'n/a' only says that it is unk"):
        manifest.read(folder)
    once = folder_of(tmp_path / "e", rows=ROWS.replace(",8,", ",n/a,"))
    assert "n/a" in manifest.read(once).cases(["train"]).case_ids


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "regression"}, "column task: 'regression' is not one of"),
        ({"classes": ["Acne", "Acne"]}, "must be different names"),
        ({"classes": ["Acne"]}, "must be two or more"),
        ({"classes": ["Acne", "a|b"]}, "'a|b' is no name of a class"),
        ({"classes": "Acne"}, "is not a list of names"),
        ({"clases": []}, "'[]' is not a known key"),
        ({"other_class": "Rest"}, "'Rest' is not one of the classes"),
        ({"uncertain": "ones"}, "'ones' is not an object"),
        ({"image_root": 5}, "'5' is not a text"),
        ({"not_mentioned": []}, "'[]' is not a text"),
        ({"groups": ["split"]}, "'split' is a column of its own"),
        ({"not_mentioned": "skip"}, "'skip' must be negative or masked"),
        ({"uncertain": {"Acne": "maybe"}}, "must be finding: ones, zeros or ignore"),
    ],
)
def test_a_wrong_description_is_named(tmp_path, changes, message):
    with pytest.raises(InputError) as caught:
        manifest.read(folder_of(tmp_path / "d", INFO | changes))
    assert message in str(caught.value) and "dataset.json" in str(caught.value)


def test_what_is_no_folder_of_data(tmp_path):
    with pytest.raises(InputError, match="dataset.json.*not found"):
        manifest.read(tmp_path)
    folder = folder_of(tmp_path / "d")
    (folder / "manifest.csv").unlink()
    with pytest.raises(InputError, match="manifest.csv.*not found: a data set folder holds"):
        manifest.read(folder)
    for text, message in (("{", "is not JSON"), ("[]", "is not an object"), ("{}", "is missing")):
        (folder / "dataset.json").write_text(text)
        with pytest.raises(InputError, match=message):
            manifest.read(folder)


def test_a_finding_that_is_no_label(tmp_path):
    rows = FINDING_ROWS.replace("-1,-1", "-1,yes")
    with pytest.raises(InputError, match="row 3, column Effusion: 'yes' is not 1, 0, -1 or empty"):
        manifest.read(folder_of(tmp_path / "d", FINDINGS, rows))


def test_empty_splits_and_missing_images(tmp_path):
    folder = folder_of(tmp_path / "d")
    data = manifest.read(folder)
    with pytest.raises(InputError, match="'external' is an empty split; .* train, test, unlabell"):
        data.cases(["train", "external"])
    (folder / "b.png").unlink()
    (folder / "a" / "2.png").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        data.cases(["train"])
    assert "row 3, column image: 'b.png' is missing" in str(caught.value)
    assert "row 4, column image: 'a/2.png' is an empty file" in str(caught.value)


def test_a_comma_after_every_row_is_no_column_more(tmp_path):
    rows = ROWS.splitlines()
    folder = folder_of(
        tmp_path / "d", rows="\n".join([rows[0] + ",", *(r + "," for r in rows[1:])])
    )
    assert len(manifest.read(folder).cases(["train"])) == 2


def test_pretraining_takes_the_unlabelled_split_where_there_is_one(tmp_path):
    with_it = manifest.read(folder_of(tmp_path / "a"))
    without = manifest.read(
        folder_of(
            tmp_path / "b",
            rows=ROWS.replace("10,,unlabelled", "10,,test").replace("test,,", "test,Acne,"),
        )
    )
    assert with_it.pretraining_splits() == ["train", "unlabelled"]
    assert without.pretraining_splits() == ["train"]


def test_long_lists_of_problems_are_cut(tmp_path):
    rows = ROWS.splitlines()[0] + "\n" + "".join(f"{i}.png,{i},,nowhere,,\n" for i in range(50))
    with pytest.raises(InputError) as caught:
        manifest.read(folder_of(tmp_path / "d", rows=rows))
    assert "... and 80 more" in str(caught.value) and len(caught.value.problems) == 100


def test_the_fingerprint_follows_the_files(tmp_path):
    folder = folder_of(tmp_path / "d")
    before = manifest.read(folder).fingerprint
    assert manifest.read(folder).fingerprint == before
    seen = {before}
    (folder / "manifest.csv").write_text(ROWS.replace("light", "pale"), encoding="utf-8")
    seen.add(manifest.read(folder).fingerprint)
    (folder / "dataset.json").write_text(json.dumps(INFO | {"name": "other"}))
    seen.add(manifest.read(folder).fingerprint)
    (folder / "dataset.json").write_text(json.dumps(INFO | {"shards": "s"}))
    seen.add(manifest.read(folder).fingerprint)
    (folder / "s").mkdir()
    for checksum in ("1", "2"):  # of the images that shards hold
        (folder / "s" / "checksums.json").write_text(checksum)
        seen.add(manifest.read(folder).fingerprint)
    assert len(seen) == 6


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=200),
    st.floats(0.01, 1),
    st.floats(0.01, 1),
    st.integers(0, 5),
)
@settings(deadline=None)
def test_label_fractions_are_nested_and_stratified(labels, one, two, seed):
    n = len(labels)
    names = np.array([f"c{i}" for i in range(n)])
    targets = np.eye(5, dtype=np.float32)[labels]
    cases = Cases(names, names, names, np.arange(n + 1), targets, {})
    small, large = (label_fraction(cases, f, seed) for f in sorted((one, two)))
    assert set(small.case_ids) <= set(large.case_ids)
    for part, fraction in ((small, min(one, two)), (large, max(one, two))):
        assert len(part) == max(1, round(fraction * n))
        share = part.targets.sum(0) - len(part) / n * targets.sum(0)
        assert np.abs(share).max() <= 2.5


def test_a_case_s_stratum_is_the_rarest_finding_that_it_has():
    nan = np.nan
    targets = np.array(
        [[1, 0, 0], [1, 1, 0], [0, 1, nan], [1, 1, 0], [0, 0, 0], [nan, 0, 0], [nan] * 3, [1, 0, 1]]
    )
    assert strata(targets).tolist() == [0, 1, 1, 1, 3, 3, 4, 2]


@given(st.integers(0, 20), st.sampled_from([0.1, 0.25, 0.5]))
@settings(deadline=None)
def test_fractions_of_findings_hold_each_and_the_healthy_in_proportion(seed, fraction):
    draw = np.random.default_rng(seed)
    n, shares = 400, (0.3, 0.1, 0.05)
    targets = (draw.random([n, 3]) < shares).astype(np.float32)
    targets[draw.random([n, 3]) < 0.1] = np.nan
    names = np.array([f"c{i}" for i in range(n)])
    part = label_fraction(Cases(names, names, names, np.arange(n + 1), targets, {}), fraction, seed)
    here, whole = strata(targets), strata(targets)[np.isin(names, part.case_ids)]
    for stratum in range(5):
        off = (whole == stratum).sum() - fraction * (here == stratum).sum()
        assert abs(off) <= 2.5


def test_a_folder_without_labels_has_no_classes_and_can_be_pretrained_on(tmp_path):
    folder = folder_of(tmp_path / "d", INFO | {"classes": [], "other_class": None, "groups": []})
    file = folder / "manifest.csv"
    lines = ["image,case_id,patient_id,split,labels", "a.jpg,c1,,unlabelled,"]
    file.write_text("\n".join(lines))
    found = manifest.read(folder)
    assert found.pretraining_splits() == ["unlabelled"]


def test_a_patient_may_be_unlabelled_and_in_train_but_in_no_other_split(tmp_path):
    folder = folder_of(tmp_path / "d", INFO | {"groups": []})
    rows = "image,case_id,patient_id,split,labels\na,c1,p1,{},{}\nb,c2,p1,unlabelled,\n"
    (folder / "manifest.csv").write_text(rows.format("train", "Acne"))
    manifest.read(folder)
    (folder / "manifest.csv").write_text(rows.format("test", "Acne"))
    with pytest.raises(InputError, match="this patient stands in two splits"):
        manifest.read(folder)


UNSEEN = ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200e", "\ufe0f", "\u034f"]


@pytest.mark.parametrize("column", ["case_id", "patient_id", "skin"])
@pytest.mark.parametrize(
    ("first", "second"),
    [*((f"x{sign}1", "x1") for sign in UNSEEN), ("1", "1.0"), ("2,0", "2"), ("e\u0301", "\u00e9"),
     ("a\u00a0b", "a b"), ("a\u2009b", "a\u3000b"), ("p  0", "p 0"), ("p\uff11", "p1")],
)  # fmt: skip
def test_ids_that_nobody_could_tell_apart_are_named(column, first, second, tmp_path):
    cells = {"image": "{}.png", "case_id": "c{}", "patient_id": "", "split": "train",
             "labels": "Acne", "skin": ""}  # fmt: skip
    lines = [",".join(cells)]
    for number, text in enumerate((first, "other", second)):
        row = {name: cell.format(number) for name, cell in cells.items()} | {column: text}
        lines.append(",".join(f'"{cell}"' for cell in row.values()))
    with pytest.raises(InputError) as caught:
        manifest.read(folder_of(tmp_path / "d", rows="\n".join(lines) + "\n"))
    said = f"row 4, column {column}: {second!r} looks as {first!r} does, in row 2"
    assert said in str(caught.value)


def test_ids_that_are_seen_to_differ_stay_apart(tmp_path):
    names = ["1", "01", "1e0", "10", "a", "A", "é", "e"]
    lines = [f"{i}.png,{name},{name},train,Acne,{name}" for i, name in enumerate(names)]
    rows = "\n".join([ROWS.splitlines()[0], *lines]) + "\n"
    found = manifest.read(folder_of(tmp_path / "d", rows=rows))
    assert found.cases(["train"]).case_ids.tolist() == names
