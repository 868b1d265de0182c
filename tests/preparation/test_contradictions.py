"""One picture under two labels: counted, listed, shown; refused by a flag."""

import itertools

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from simclr_med.data import manifest
from simclr_med.errors import InputError
from simclr_med.preparation.contradictions import contradict
from simclr_med.preparation.inspection import write_page
from simclr_med.preparation.prepare import prepare
from simclr_med.preparation.settings import Settings

RNG = np.random.default_rng(3)


def pictures(folder, names):
    made = {}
    for name in names:
        small = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        made[name] = Image.fromarray(small).resize((80, 60), Image.Resampling.BICUBIC)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        made[name].save(path)
    return made


def copied(image, path, kind):
    """Save a copy: of the same bytes, of the same pixels, or nearly the same."""
    if kind == "near":
        image.save(path.with_suffix(".jpg"), quality=80)
    else:
        image.save(path, compress_level=1 if kind == "pixels" else 6)


def two_classes(folder, kind, splits=("",)):
    names = [f"{s}{c}/{i}.png" for s, c, i in itertools.product(splits, "AB", range(20))]
    made = pictures(folder, names)
    for number in range(8):
        source = f"{splits[0]}A/{number}.png"
        copied(made[source], folder / f"{splits[-1]}B" / f"copy{number}.png", kind)
    return folder


def make(folder, output, source="folders", options=None, **settings):
    settings = {"splits": "train=0.6,validation=0.2,test=0.2"} | settings
    return "\n".join(prepare(source, folder, output, Settings(**settings), options or {}))


@pytest.mark.parametrize("shortest_side", [None, 32])
@pytest.mark.parametrize("kind", ["bytes", "pixels", "near"])
def test_copies_under_another_label_are_counted_listed_and_shown(kind, shortest_side, tmp_path):
    said = make(two_classes(tmp_path / "in", kind), tmp_path / "out", shortest_side=shortest_side)
    assert "8 pictures stand under labels that contradict each other, in 16 images" in said
    assert "8 pictures stand" in (tmp_path / "out" / "card.md").read_text()
    listed = pd.read_csv(tmp_path / "out" / "contradictions.csv", dtype=str)
    assert listed.groupby("group")["labels"].agg(set).tolist() == [{"A", "B"}] * 8
    images = manifest.read(tmp_path / "out").table["image"]
    assert len(listed) == 16 and set(listed["image"]) <= set(images)
    page = write_page(tmp_path / "out", tmp_path / "page.html").read_text()
    part = page.partition("<h2>Contradictory labels</h2>")[2].partition("<h2>")[0]
    assert part.count("<img") == 16 and part.count("2 images of one picture") == 8
    with pytest.raises(InputError, match="8 pictures.*--on_contradiction=keep"):
        make(tmp_path / "in", tmp_path / "no", on_contradiction="refuse")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize("kind", ["bytes", "near"])
def test_between_two_splits_the_refusal_says_that_labels_contradict(kind, tmp_path):
    folder = two_classes(tmp_path / "in", kind, ("train/", "test/"))
    with pytest.raises(InputError, match="8 of these pictures have labels that contradict"):
        make(folder, tmp_path / "out", splits="")


def test_copies_of_one_label_and_unlabelled_ones_contradict_nothing(tmp_path):
    made = pictures(tmp_path / "in", [f"{c}/{i}.png" for c in "AB" for i in range(10)])
    (tmp_path / "in" / "unlabelled").mkdir()
    for name in ("A/copy.png", "unlabelled/copy.png"):
        made["A/0.png"].save(tmp_path / "in" / name)
    said = make(tmp_path / "in", tmp_path / "out", on_contradiction="refuse")
    assert "contradict" not in said and not (tmp_path / "out" / "contradictions.csv").exists()
    assert "Contradictory" not in write_page(tmp_path / "out", tmp_path / "p.html").read_text()


@pytest.mark.parametrize(
    ("findings", "said", "wrong"),
    [
        ((), [{"a": True}, {"b": True}], True),
        ((), [{"a": True}, {"a": True, "b": True}], False),
        ((), [{"a": True}, {}], False),
        (("a", "b"), [{"a": True}, {"a": False}], True),
        (("a", "b"), [{"a": True}, {"b": True}], False),
        (("a", "b"), [{"a": True, "b": False}, {"a": True}], False),
    ],
)
def test_labels_that_exclude_each_other(findings, said, wrong):
    assert contradict(findings, said) == wrong


def test_findings(tmp_path):
    made = pictures(tmp_path, [f"{i}.png" for i in range(12)])
    made["0.png"].save(tmp_path / "again.png")
    lines = ["image,x,y", *[f"{i}.png,{i % 2},1" for i in range(12)], "again.png,1,1"]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    said = make(tmp_path / "t.csv", tmp_path / "out", "csv", {"finding_columns": "x,y"})
    assert "1 pictures stand" in said


def test_a_folder_by_hand_shows_its_identical_files(tmp_path):
    made = pictures(tmp_path / "d", ["a.png", "b.png"])
    made["a.png"].save(tmp_path / "d" / "b.png")
    text = "image,case_id,patient_id,split,labels\na.png,1,,train,x\nb.png,2,,train,y\n"
    (tmp_path / "d" / "manifest.csv").write_text(text)
    content = '{"name": "d", "task": "multiclass", "classes": ["x", "y"]}'
    (tmp_path / "d" / "dataset.json").write_text(content)
    assert "Contradictory" in write_page(tmp_path / "d", tmp_path / "p.html").read_text()


def test_a_copy_that_leaks_is_counted_and_refused_though_it_is_left_out(tmp_path):
    folder = two_classes(tmp_path / "in", "bytes", ("train/", "test/"))
    said = make(folder, tmp_path / "out", on_leak="drop", splits="")
    assert "8 pictures stand under labels that contradict each other, in 16 images" in said
    listed = pd.read_csv(tmp_path / "out" / "contradictions.csv", dtype=str)
    assert listed["split"].value_counts().to_dict() == {"test": 8, "train, left out": 8}
    assert listed["image"].notna().all()
    with pytest.raises(InputError, match="--on_contradiction=keep leaves them"):
        make(folder, tmp_path / "no", on_leak="drop", splits="", on_contradiction="refuse")


def test_exact_and_near_copies_of_one_picture_are_one_group(tmp_path):
    made = pictures(tmp_path / "in", [f"{c}/{i}.png" for c in "AB" for i in range(10)])
    copied(made["A/0.png"], tmp_path / "in" / "B" / "copy.png", "bytes")
    copied(made["A/0.png"], tmp_path / "in" / "B" / "near.png", "near")
    said = make(tmp_path / "in", tmp_path / "out")
    assert "1 pictures stand under labels that contradict each other, in 3 images" in said
