"""tools/prepare_data.py: from files to a checked folder, ready to train on."""

import json
import pathlib
import subprocess
import sys
import tempfile

import hypothesis
import numpy as np
import pandas as pd
import pytest
import short_run
from conftest import ROOT, SHARED
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.prepare import write_chexpert
from simclr_med.command import prepare_data
from simclr_med.data import manifest
from simclr_med.data.cases import label_fraction
from simclr_med.data.info import NOT_MENTIONED
from simclr_med.errors import InputError
from simclr_med.preparation import sources
from simclr_med.preparation.output import image_writer
from simclr_med.preparation.prepare import prepare
from simclr_med.preparation.settings import Settings

OPTIONS = {name: o.get("default") for name, o in sources.load("csv").OPTIONS.items()}
TABLE_OPTIONS = OPTIONS | {
    "case_column": "case", "patient_column": "patient", "label_column": "dx",
}  # fmt: skip


def tool(*flags):
    command = [sys.executable, str(ROOT / "tools" / "prepare_data.py"), *map(str, flags)]
    return subprocess.run(command, capture_output=True, text=True)


def picture(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def table_of(folder, patients=40, seed=0):
    """A user's table: 40 patients with 1 to 3 cases of 1 or 2 images each; returns its rows."""
    rng = np.random.default_rng(seed)
    rows = []
    for patient in range(patients):
        for case in range(rng.integers(1, 4)):
            label = ["common", "middle", "rare"][int(rng.choice(3, p=[0.6, 0.3, 0.1]))]
            for image in range(rng.integers(1, 3)):
                name = f"bild {patient}-{case}-{image} ü.png"
                picture(folder / name, len(rows) + 1000 * seed)
                rows.append((name, f"{patient:03d}-{case}", f"{patient:03d}", label))
    table = pd.DataFrame(rows, columns=["image", "case", "patient", "dx"])
    table.to_csv(folder / "mine.csv", index=False)
    return table


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mine")
    table_of(folder)
    return folder


def make(folder, output, options=TABLE_OPTIONS, source="csv", **settings):
    prepare(source, folder, output, Settings(**settings), options)
    return manifest.read(output)


def by_split(found, column):
    return found.table.drop_duplicates(column).groupby("split")[column].count().to_dict()


def test_a_table_becomes_a_folder_by_patient(mine, tmp_path):
    found = make(mine, tmp_path / "d", splits="train=0.5,validation=0.2,test=0.3")
    assert found.info.classes == ("common", "middle", "rare")
    assert len(found.table) == len(pd.read_csv(mine / "mine.csv"))
    assert (found.table.groupby("patient_id")["split"].nunique() == 1).all()
    assert found.table["patient_id"].str.len().eq(3).all()  # 007 stays 007
    cases = by_split(found, "case_id")
    total = sum(cases.values())
    for split, share in {"train": 0.5, "validation": 0.2, "test": 0.3}.items():
        assert abs(cases[split] - share * total) <= 6
    assert len(found.cases(["test"]).paths)
    card = (tmp_path / "d" / "card.md").read_text(encoding="utf-8")
    assert f"| train | {(found.table['split'] == 'train').sum()} | {cases['train']} |" in card


def test_row_order_is_irrelevant_and_the_seed_is_not(mine, tmp_path):
    table = pd.read_csv(mine / "mine.csv", dtype=str).sample(frac=1, random_state=3)
    turned = tmp_path / "turned.csv"
    table.to_csv(turned, index=False)
    options = TABLE_OPTIONS | {"image_root": str(mine)}
    drawn = [
        make(mine, tmp_path / "a").table, make(turned, tmp_path / "b", options).table,
        make(mine, tmp_path / "c", seed=1).table,
    ]  # fmt: skip
    first, second, other = (dict(zip(t["image"], t["split"], strict=True)) for t in drawn)
    assert first == second != other


def test_exact_numbers_and_what_is_left_out(mine, tmp_path):
    found = make(mine, tmp_path / "d", splits="train=30,test=17")
    assert by_split(found, "case_id") == {"train": 30, "test": 17}
    assert "left out of all splits" in (tmp_path / "d" / "card.md").read_text()


def test_the_command_and_pretraining_on_what_it_made(mine, tmp_path):
    flags = [f"--{name}={TABLE_OPTIONS[name]}" for name in
             ("case_column", "patient_column", "label_column")]  # fmt: skip
    done = tool("--source=table", f"--input={mine}", f"--output={tmp_path / 'd'}", *flags)
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        [sys.executable, short_run.__file__, "--mode=pretrain", f"--data_dir={tmp_path / 'd'}",
         f"--work_dir={tmp_path / 'w'}", "--encoder=resnet18", "--width=0.125", "--steps=1",
         "--image_size=16", "--batch_size=8", "--positives=case"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--source=tabel"], "tabel"),
        (["--source=csv", "--input=/nowhere", "--output=o"], "--input=/nowhere not found"),
        (["--source=pad_ufes", f"--input={ROOT}", "--output=o"], "metadata.csv"),
        (["--source=csv", f"--input={ROOT}", "--output=o", "--splits=train=1"], "--input"),
        (["--source=csv", f"--input={ROOT}", "--output=o", "--tpyo=1"], "--tpyo=1"),
        (
            ["--source=csv", f"--input={ROOT}", "--output=o", "--seed=-1"],
            "expected 0 to 4294967295",
        ),
    ],
)
def test_wrong_usage_exits_with_2(flags, named, tmp_path):
    done = tool(*flags)
    assert done.returncode == 2 and named in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("name", sources.names())
def test_each_source_s_own_flags_go_with_the_common_ones(name):
    source = sources.load(name)
    shown = prepare_data.build_parser(source).format_help()
    assert all(f"--{option}" in shown for option in source.OPTIONS)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"splits": "trian=0.5"}, "'trian=0.5' is not understood"),
        ({"splits": "train=x"}, "'x' is not a number"),
        ({"splits": "train=0.9,test=0.2"}, "more than 1"),
        ({"near_duplicates": 5, "check_images": "exists"}, "needs --check_images=decode"),
        ({"min_cases": 1000}, "--min_cases=1000"),
        ({"unlabelled": ("/nowhere",)}, "/nowhere: no such folder"),
        ({"map_to": "/nowhere"}, "/nowhere"),
        ({"classes": "/nowhere"}, "/nowhere"),
        ({"classes": "paper", "top_conditions": 2}, "--top_conditions=2: --classes=paper"),
        ({"uncertain": "ones"}, "--uncertain=ones: is of findings"),
        ({"not_mentioned": "masked"}, "--not_mentioned=masked: is of findings"),
    ],
)
def test_wrong_settings_are_named_and_nothing_is_written(settings, named, mine, tmp_path):
    with pytest.raises(InputError, match=named):
        make(mine, tmp_path / "d", **settings)
    assert not list(tmp_path.iterdir())


def test_an_existing_output_is_left_alone(mine, tmp_path):
    (tmp_path / "d").mkdir()
    with pytest.raises(InputError, match="is there already"):
        make(mine, tmp_path / "d")


@pytest.fixture
def faulty(tmp_path):
    folder = tmp_path / "faulty"
    table = table_of(folder, 12, seed=1)
    (folder / table["image"][0]).unlink()
    (folder / table["image"][1]).write_bytes(b"")
    (folder / table["image"][2]).write_bytes(b"no picture")
    table.loc[3, "image"] = ""
    table.to_csv(folder / "mine.csv", index=False)
    return folder


def test_all_wrong_rows_are_listed_and_stop_the_build(faulty, tmp_path):
    with pytest.raises(InputError, match="4 rows are wrong, .* --allow_problems=4 leaves them out"):
        make(faulty, tmp_path / "d")
    assert not (tmp_path / "d").exists()
    listed = pd.read_csv(tmp_path / "d.problems.csv", dtype=str)
    assert list(listed.columns) == ["file", "row", "column", "value", "reason"]
    assert {"2", "3", "4"} <= set(listed["row"]) and len(listed) == 4
    assert listed["file"].str.endswith("mine.csv").all()


def test_wrong_rows_may_be_allowed(faulty, tmp_path):
    found = make(faulty, tmp_path / "d", allow_problems=4)
    assert len(pd.read_csv(tmp_path / "d" / "problems.csv")) == 4
    assert len(found.table) == len(pd.read_csv(faulty / "mine.csv")) - 4
    found.cases(found.pretraining_splits())


def test_how_far_images_are_looked_at(faulty, tmp_path):
    with pytest.raises(InputError, match="\n3 rows"):  # missing, empty, without a case
        make(faulty, tmp_path / "e", check_images="exists")
    found = make(faulty, tmp_path / "n", check_images="none", allow_problems=1)
    assert len(found.table) == len(pd.read_csv(faulty / "mine.csv")) - 1
    assert "not looked at" in (tmp_path / "n" / "card.md").read_text()


def test_the_paper_s_derm_preparation(mine, tmp_path):
    found = make(mine, tmp_path / "d", top_conditions=1, min_cases=5)
    assert found.info.classes == ("common", "Other") and found.info.other_class == "Other"
    table = pd.read_csv(tmp_path / "d" / "prevalence.csv", dtype=str, keep_default_na=False)
    assert table["condition"][0] == "common"
    assert dict(zip(table["condition"], table["class"], strict=True)) == {
        "common": "common", "middle": "Other", "rare": "Other",
    }  # fmt: skip
    plain = make(mine, tmp_path / "p")
    train = plain.table[plain.table["split"] == "train"].drop_duplicates("case_id")
    assert table["train"].astype(int).tolist() == train["labels"].value_counts().tolist()


def test_the_rest_can_be_left_out(mine, tmp_path):
    found = make(mine, tmp_path / "d", top_conditions=2, other="")
    assert found.info.classes == ("common", "middle") and found.info.other_class is None
    assert len(found.table) < len(pd.read_csv(mine / "mine.csv"))


def test_classes_may_be_forced(mine, tmp_path):
    (tmp_path / "names.txt").write_text("Rare\ncommon\nabsent\n")
    found = make(mine, tmp_path / "d", classes=str(tmp_path / "names.txt"))
    assert found.info.classes == ("Rare", "common", "absent", "Other")
    assert "No case of: absent." in (tmp_path / "d" / "card.md").read_text()


def test_an_external_set_is_mapped_onto_the_classes_of_another(mine, tmp_path):
    make(mine, tmp_path / "own", top_conditions=2)
    other = tmp_path / "other"
    other.mkdir()
    rows = [("a.png", "MEL"), ("b.png", "BCC"), ("c.png", "XXX"), ("d.png", "XXX")]
    for number, (name, _) in enumerate(rows):
        picture(other / name, 9000 + number)
    pd.DataFrame(rows, columns=["image", "dx"]).to_csv(other / "t.csv", index=False)
    (tmp_path / "map.csv").write_text("from,to\nMEL,middle\nBCC,Other\n")
    found = make(
        other, tmp_path / "d", OPTIONS | {"label_column": "dx"},
        map_to=str(tmp_path / "own"), mapping=str(tmp_path / "map.csv"),
    )  # fmt: skip
    assert found.info.classes == ("common", "middle", "Other")
    assert found.table[["labels", "split"]].to_numpy().tolist() == [
        ["middle", "external"], ["Other", "external"],
    ]  # fmt: skip
    unmapped = pd.read_csv(tmp_path / "d" / "unmapped.csv")
    assert unmapped[["row", "image", "labels"]].to_numpy().tolist() == [
        [4, "c.png", "XXX"], [5, "d.png", "XXX"],
    ]  # fmt: skip
    assert "2 images of 2 cases were left out" in (tmp_path / "d" / "card.md").read_text()
    (tmp_path / "map.csv").write_text("from,to\nMEL,melanoma\n")
    with pytest.raises(InputError, match="'melanoma' is not a class"):
        make(
            other, tmp_path / "e", OPTIONS | {"label_column": "dx"},
            map_to=str(tmp_path / "own"), mapping=str(tmp_path / "map.csv"),
        )  # fmt: skip


def split_table(folder, rows):
    """A table with a split column; rows are (image, case, patient, dx, split, seed of pixels)."""
    for name, *_, seed in rows:
        picture(folder / name, seed)
    columns = ["image", "case", "patient", "dx", "split"]
    pd.DataFrame([row[:5] for row in rows], columns=columns).to_csv(folder / "t.csv", index=False)
    return TABLE_OPTIONS | {"split_column": "split"}


def test_existing_splits_are_kept_and_leaks_refused_or_dropped(tmp_path):
    folder = tmp_path / "in"
    options = split_table(folder, [
        ("a.png", "c1", "p1", "x", "train", 1), ("b.png", "c2", "p1", "y", "test", 2),
        ("c.png", "c3", "p3", "x", "train", 3), ("d.png", "c4", "p4", "y", "val", 3),
        ("e.png", "c5", "p5", "x", "train", 5), ("f.png", "c6", "p5", "y", "", 6),
        ("g.png", "c7", "p7", "y", "training", 7),
    ])  # fmt: skip
    with pytest.raises(InputError, match="patient p1 stands in train and test") as caught:
        make(folder, tmp_path / "d", options)
    assert "identical image c.png stands in train and validation" in str(caught.value)
    found = make(folder, tmp_path / "d", options, on_leak="drop")
    split = dict(zip(found.table["image"], found.table["split"], strict=True))
    assert split == {
        "b.png": "test", "d.png": "validation", "e.png": "train", "f.png": "train",
        "g.png": "train",
    }  # fmt: skip
    assert "2 leaks" in (tmp_path / "d" / "card.md").read_text()


def test_identical_images_of_two_patients_are_dealt_out_together(tmp_path):
    folder = tmp_path / "in"
    rows = [(f"{i}.png", f"c{i}", f"p{i}", "xy"[i % 2], "", i // 2) for i in range(60)]
    found = make(folder, tmp_path / "d", split_table(folder, rows))
    split = found.table["split"].to_numpy().reshape(30, 2)
    assert (split[:, 0] == split[:, 1]).all() and len(set(split[:, 0])) == 3


def test_near_duplicates_stay_together(tmp_path):
    folder = tmp_path / "in"
    rng = np.random.default_rng(0)
    rows = [(f"{i}.png", f"c{i}", f"p{i}", "xy"[i % 2], "", i) for i in range(40)]
    options = split_table(folder, rows)
    for i in range(20):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        large = coarse.resize((160, 120), Image.BICUBIC)
        large.save(folder / f"{2 * i}.png")
        large.resize((120, 90), Image.BICUBIC).save(folder / f"{2 * i + 1}.png")
    alone = (
        make(folder, tmp_path / "a", options, near_duplicates=0)
        .table["split"]
        .to_numpy()
        .reshape(20, 2)
    )
    assert (alone[:, 0] != alone[:, 1]).any()
    found = make(folder, tmp_path / "d", options)
    split = found.table["split"].to_numpy().reshape(20, 2)
    assert (split[:, 0] == split[:, 1]).all()


def test_the_same_pixels_in_another_file_leak(tmp_path):
    folder = tmp_path / "in"
    picture(folder / "train" / "x" / "1.png", 1)
    picture(folder / "train" / "y" / "2.png", 2)
    (folder / "test" / "x").mkdir(parents=True)
    with Image.open(folder / "train" / "x" / "1.png") as image:
        image.save(folder / "test" / "x" / "another.bmp")
    for near in (0, 20):
        with pytest.raises(InputError, match="identical image .* in train and test|test and train"):
            make(folder, tmp_path / "d", {"path_pattern": ""}, "folders", near_duplicates=near)


def test_pools_are_joined_without_whom_is_evaluated_on(mine, tmp_path):
    own = make(mine, tmp_path / "own")
    pool = tmp_path / "pool"
    rows = own.table.drop_duplicates("patient_id").groupby("split").head(2)
    lines = [("new.png", "n1", "stranger")]
    for number, row in enumerate(rows.itertuples()):
        lines.append((f"{number}.png", f"n{number + 2}", row.patient_id))
    for number, (name, *_) in enumerate(lines):
        picture(pool / name, 7000 + number)
    test_image = own.table[own.table["split"] == "test"]["image"].iloc[0]
    (pool / "copy.png").write_bytes((mine / test_image).read_bytes())
    lines.append(("copy.png", "n99", ""))
    pd.DataFrame(lines, columns=["image", "case", "patient"]).to_csv(pool / "t.csv", index=False)
    options = TABLE_OPTIONS | {"label_column": ""}
    unlabelled = make(pool, tmp_path / "unlabelled", options)
    assert unlabelled.info.classes == () and unlabelled.pretraining_splits() == ["unlabelled"]
    plain = tmp_path / "plain"
    picture(plain / "x" / "1.png", 8000)

    found = make(mine, tmp_path / "d", unlabelled=(str(tmp_path / "unlabelled"), str(plain)))
    labelled = found.table[found.table["split"] != "unlabelled"]
    assert dict(zip(labelled["case_id"], labelled["split"], strict=True)) == dict(
        zip(own.table["case_id"], own.table["split"], strict=True)
    )
    joined = found.table[found.table["split"] == "unlabelled"]
    train = set(rows["patient_id"][rows["split"] == "train"])
    assert set(joined["patient_id"]) == train | {"stranger", ""}
    assert sorted(joined["case_id"].str.split("/").str[0].unique()) == ["pool1", "pool2"]
    assert len(joined) == len(train) + 2
    cases = found.cases(["train", "unlabelled"])
    assert all(pathlib.Path(path).is_file() for path in cases.paths)


def test_images_are_rewritten_where_asked_for(mine, tmp_path):
    found = make(mine, tmp_path / "d", shortest_side=8)
    assert found.info.image_root == "images"
    sizes = {Image.open(path).size for path in found.cases(["train"]).paths}
    assert sizes == {(11, 8)}
    (tmp_path / "d").rename(tmp_path / "moved")
    manifest.read(tmp_path / "moved").cases(["train"])  # it holds all it needs


def test_rewriting_goes_on_where_it_was_cut_off(mine, tmp_path, monkeypatch):
    whole, rewrite, done = make(mine, tmp_path / "whole", shortest_side=8), image_writer.rewrite, []

    def cut_off(path, side):
        if len(done) == 10:
            raise KeyboardInterrupt
        done.append(path)
        return rewrite(path, side)

    monkeypatch.setattr(image_writer, "rewrite", cut_off)
    with pytest.raises(KeyboardInterrupt):
        make(mine, tmp_path / "d", shortest_side=8)
    assert not (tmp_path / "d").exists()
    written = len(list((tmp_path / ".d.unfinished" / "images").iterdir()))
    counted = []
    monkeypatch.setattr(
        image_writer, "rewrite", lambda *given: counted.append(1) or rewrite(*given)
    )
    found = make(mine, tmp_path / "d", shortest_side=8)
    assert 0 < written <= 10 and len(counted) == len(found.table) - written
    assert found.table.equals(whole.table) and not (tmp_path / ".d.unfinished").exists()
    for one, other in zip(*(f.cases(["test"]).paths for f in (whole, found)), strict=True):
        assert pathlib.Path(one).read_bytes() == pathlib.Path(other).read_bytes()


def test_names_are_mapped_without_another_set(mine, tmp_path):
    (tmp_path / "map.csv").write_text("from,to\nmiddle,M\ncommon,\n")
    found = make(mine, tmp_path / "d", mapping=str(tmp_path / "map.csv"))
    assert found.info.classes == ("M", "rare") and set(found.table["labels"]) == {"M", "rare"}
    unmapped = pd.read_csv(tmp_path / "d" / "unmapped.csv")
    assert set(unmapped["labels"]) == {"common"} and len(unmapped) + len(found.table) == len(
        pd.read_csv(mine / "mine.csv")
    )
    (tmp_path / "map.csv").write_text("from,to\nmiddle,\ncommon,\n")
    with pytest.raises(InputError, match="all cases are labelled 'rare'"):
        make(mine, tmp_path / "e", mapping=str(tmp_path / "map.csv"))
    assert not list(tmp_path.glob(".*"))


def test_what_an_empty_finding_means(tmp_path):
    write_chexpert(tmp_path / "in", 60, seed=0)
    for meaning in NOT_MENTIONED:
        found = make(tmp_path / "in", tmp_path / meaning, chexpert_options(), "chexpert",
                     check_images="none", not_mentioned=meaning)  # fmt: skip
        assert found.info.not_mentioned == meaning


TABLES = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 2), st.sampled_from("abc")), min_size=1, max_size=40
)


@given(TABLES, st.integers(0, 3), st.randoms(use_true_random=False))
@hypothesis.settings(max_examples=60, deadline=None)
def test_no_patient_is_in_two_splits_of_any_table(rows, seed, random):
    rows = list({(p, c): (f"{p}-{c}", str(p), label) for p, c, label in rows}.values())
    drawn = []
    for turned in (rows, random.sample(rows, len(rows))):
        with tempfile.TemporaryDirectory() as folder:
            table = [(f"{case}.png", case, patient, label) for case, patient, label in turned]
            columns = ["image", "case", "patient", "dx"]
            pd.DataFrame(table, columns=columns).to_csv(f"{folder}/t.csv", index=False)
            made = pathlib.Path(folder) / "d"
            try:
                found = make(pathlib.Path(folder), made, seed=seed, check_images="none")
            except InputError as error:  # of one class there is no task, of one patient no training
                one = "needs two classes" in str(error) and len({label for *_, label in rows}) == 1
                assert one or "nothing is left for train" in str(error)
                return
        assert (found.table.groupby("patient_id")["split"].nunique() == 1).all()
        assert len(found.table) == len(rows)
        drawn.append(dict(zip(found.table["case_id"], found.table["split"], strict=True)))
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("mode", ["multi_threading", "multi_processing"])
def test_the_same_in_shards(mode, mine, tmp_path):
    flags = [f"--{name}={TABLE_OPTIONS[name]}" for name in
             ("case_column", "patient_column", "label_column")]  # fmt: skip
    workers = [f"--direct_running_mode={mode}", "--direct_num_workers=2"]
    done = tool("--source=csv", f"--input={mine}", f"--output={tmp_path / 's'}", "--shards=3",
                *workers, *flags)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert mode == "multi_processing" or not done.stderr  # its processes have much to say
    plain, sharded = make(mine, tmp_path / "d"), manifest.read(tmp_path / "s")
    pd.testing.assert_frame_equal(plain.table, sharded.table)
    assert len(list((tmp_path / "s" / "shards").glob("*.tfrecord"))) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "s"]


def chexpert_options(**changes):
    return {n: o.get("default") for n, o in sources.load("chexpert").OPTIONS.items()} | changes


def test_the_paper_s_chexpert_preparation(tmp_path):
    write_chexpert(tmp_path / "in", 2000, seed=0)
    found = make(tmp_path / "in", tmp_path / "d", chexpert_options(), "chexpert",
                 check_images="none", uncertain="Edema:ones,Atelectasis:ones,Cardiomegaly:zeros",
                 splits="train=1500,validation=201,test=299")  # fmt: skip
    assert found.table["split"].value_counts().to_dict() == {
        "train": 1500, "test": 299, "validation": 201,
    }  # fmt: skip
    assert (found.table.groupby("patient_id")["split"].nunique() == 1).all()
    assert found.info.uncertain == {"Edema": "ones", "Atelectasis": "ones", "Cardiomegaly": "zeros"}
    with pytest.raises(InputError, match="123414 in all, but there are 2000"):
        make(tmp_path / "in", tmp_path / "e", chexpert_options(), "chexpert",
             check_images="none", splits="as_printed")  # fmt: skip
    with pytest.raises(InputError, match="--top_conditions=3: conditions are gathered"):
        make(tmp_path / "in", tmp_path / "e", chexpert_options(), "chexpert", top_conditions=3)
    with pytest.raises(InputError, match="Fracture:ones is not understood"):
        make(tmp_path / "in", tmp_path / "e", chexpert_options(), "chexpert",
             check_images="none", uncertain="Fracture:ones")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("name", "train"), [("full", 167_429), ("as_printed", 67_429)])
def test_all_of_chexpert_is_split_into_the_paper_s_counts(name, train, tmp_path):
    write_chexpert(tmp_path / "in", 223_414, seed=0)
    found = make(tmp_path / "in", tmp_path / "d", chexpert_options(), "chexpert",
                 check_images="none", splits="" if name == "full" else name)  # fmt: skip
    assert found.table["split"].value_counts().to_dict() == {
        "train": train, "test": 33_745, "validation": 22_240,
    }  # fmt: skip
    card = (tmp_path / "d" / "card.md").read_text()
    assert f"train {train}" in card


def test_findings_of_another_set_are_mapped_and_the_absent_masked(tmp_path):
    write_chexpert(tmp_path / "in", 300, seed=0)
    make(tmp_path / "in", tmp_path / "own", chexpert_options(), "chexpert", check_images="none")
    other = tmp_path / "other"
    other.mkdir()
    (other / "t.csv").write_text("image,Effusion,Edema,Hernia\na.png,1,0,1\nb.png,0,1,0\n")
    (tmp_path / "map.csv").write_text("from,to\nEffusion,Pleural Effusion\n")
    found = make(
        other, tmp_path / "d", OPTIONS | {"finding_columns": "Effusion,Edema,Hernia"},
        map_to=str(tmp_path / "own"), mapping=str(tmp_path / "map.csv"), check_images="none",
    )  # fmt: skip
    assert set(found.table["split"]) == {"external"}
    assert found.table["Pleural Effusion"].tolist() == ["1", "0"]
    assert found.table["Cardiomegaly"].tolist() == ["", ""]
    assert found.info.not_mentioned == "masked"
    card = (tmp_path / "d" / "card.md").read_text()
    assert "Findings left out: Hernia." in card and "masked: Atelectasis, Cardiomegaly" in card
    with pytest.raises(InputError, match="--splits=test=1: the classes are those of --map_to"):
        make(other, tmp_path / "e", OPTIONS | {"finding_columns": "Edema"}, splits="test=1",
             map_to=str(tmp_path / "own"), check_images="none")  # fmt: skip


def test_a_column_cannot_be_called_as_the_manifest_s_own(tmp_path):
    (tmp_path / "t.csv").write_text("image,dx,split\na.png,x,1\nb.png,y,2\n")
    with pytest.raises(InputError, match="cannot be called 'split'"):
        make(tmp_path / "t.csv", tmp_path / "d", OPTIONS | {"group_columns": "split"},
             check_images="none")  # fmt: skip


def test_a_path_that_leads_out_of_the_folder_is_a_problem(tmp_path):
    (tmp_path / "t.csv").write_text("image,dx\na.png,x\n../b.png,y\n")
    with pytest.raises(InputError, match="row 3, column image: '../b.png' leads out"):
        make(tmp_path / "t.csv", tmp_path / "d", OPTIONS, check_images="none")


def test_splits_that_are_all_given_cannot_be_asked_for(tmp_path):
    folder = tmp_path / "in"
    rows = [("a.png", "c1", "p1", "x", "train", 1), ("b.png", "c2", "p2", "y", "test", 2)]
    with pytest.raises(InputError, match="every row has a split already"):
        make(folder, tmp_path / "d", split_table(folder, rows), splits="train=1")


def test_lesions_of_ham10000_keep_the_splits_of_our_results(ham10000, tmp_path):
    found = make(ham10000, tmp_path / "d", {}, "ham10000", check_images="exists")
    assert (found.table.groupby("case_id")["split"].nunique() == 1).all()
    assert by_split(found, "case_id") == {"train": 3324, "validation": 554, "test": 1662}
    shares = found.table.drop_duplicates("case_id").groupby("split")["labels"]
    shares = shares.value_counts(normalize=True).unstack()
    assert np.ptp(shares.to_numpy(), axis=0).max() < 0.005
    few = label_fraction(found.cases(["train"]), 0.1, 0)
    more = label_fraction(found.cases(["train"]), 0.5, 0)
    assert set(few.case_ids) < set(more.case_ids)


def test_photographs_of_pad_ufes(tmp_path):
    table = SHARED / "tables" / "PAD-UFES-20_metadata.csv"
    if not table.exists():
        pytest.skip(f"the real tables are not at {table.parent}")
    found = make(table.parent, tmp_path / "d", {}, "pad_ufes", check_images="none")
    assert found.table["case_id"].nunique() == 1891 and found.table["patient_id"].nunique() == 1373
    assert json.loads((tmp_path / "d" / "dataset.json").read_text())["groups"] == ["skin_type"]
