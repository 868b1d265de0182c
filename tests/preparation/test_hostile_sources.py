"""Each source with what people's files are really like: unknown ids, nothing left, lists that miss.

Sources are miniatures of twelve images; what a table says wrongly, it says in every source alike.
"""

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks.prepare import HEADER as CHEXPERT
from simclr_med.data import manifest
from simclr_med.errors import InputError
from simclr_med.preparation.prepare import prepare
from simclr_med.preparation.settings import Settings

N = range(12)
NIH = [
    "Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender",
    "View Position", "OriginalImage[Width", "Height]", "OriginalImagePixelSpacing[x", "y]",
]  # fmt: skip
# Source: (name of the table, header, rows, images, columns of ids, column of labels)
SETS = {
    "ham10000": (
        "HAM10000_metadata.csv",
        ["lesion_id", "image_id", "dx", "age", "sex", "localization"],
        [[f"H{i // 2}", f"I{i}", ["nv", "mel"][i // 2 % 2], "80.0", "male", "scalp"] for i in N],
        [f"part_{i % 2}/I{i}.jpg" for i in N],
        ["lesion_id"],
        "dx",
    ),
    "pad_ufes": (
        "metadata.csv",
        ["patient_id", "lesion_id", "fitspatrick", "diagnostic", "img_id"],
        [[f"P{i // 2}", "1", "3.0", ["BCC", "NEV"][i // 2 % 2], f"P{i}.png"] for i in N],
        [f"imgs/P{i}.png" for i in N],
        ["patient_id", "lesion_id"],
        "diagnostic",
    ),
    "isic2020": (
        "train.csv",
        ["image_name", "patient_id", "sex", "age_approx", "anatom_site_general_challenge",
         "diagnosis", "benign_malignant", "target"],
        [[f"I{i}", f"P{i // 2}", "male", "45", "head", "x", ["benign", "malignant"][i % 2], "0"]
         for i in N],
        [f"train/I{i}.jpg" for i in N],
        ["patient_id"],
        "benign_malignant",
    ),
    "fitzpatrick17k": (
        "fitzpatrick17k.csv",
        ["md5hash", "fitzpatrick_scale", "label", "nine_partition_label", "three_partition_label"],
        [[f"ab{i}", "3", ["acne", "scc"][i % 2], "x", "y"] for i in N],
        [f"images/ab{i}.jpg" for i in N],
        [],
        "label",
    ),
    "ddi": (
        "ddi_metadata.csv",
        ["", "DDI_ID", "DDI_file", "skin_tone", "malignant", "disease"],
        [[f"{i}", f"{i}", f"{i:06d}.png", "56", "True", ["mel", "nv"][i % 2]] for i in N],
        [f"images/{i:06d}.png" for i in N],
        ["DDI_ID"],
        "disease",
    ),
    "chexpert": (
        "train.csv",
        list(CHEXPERT),
        [[f"CheXpert-v1.0/train/patient{i // 2:05d}/study1/view{i % 2 + 1}_frontal.jpg", "Male",
          "50", "Frontal", "AP", "", *["1.0", "0.0"][i // 2 % 2 :][:1] * 13] for i in N],
        [f"batch {i % 2} (train)/patient{i // 2:05d}/study1/view{i % 2 + 1}_frontal.jpg"
         for i in N],
        [],
        CHEXPERT[6:],
    ),
    "chestxray14": (
        "Data_Entry_2017.csv",
        NIH,
        [[f"{i:08d}_000.png", ["Effusion", "No Finding"][i % 2], "1", f"{i // 2}", "058Y", "M",
          "PA", "1", "2", "0.1", "0.1"] for i in N],
        [f"images_001/images/{i:08d}_000.png" for i in N],
        ["Patient ID"],
        "Finding Labels",
    ),
    "csv": (
        "mine.csv",
        ["image", "lesion", "patient", "dx"],
        [[f"{i}.png", f"c{i // 2}", f"p{i // 2}", ["mel", "nv"][i // 2 % 2]] for i in N],
        [f"{i}.png" for i in N],
        ["lesion", "patient"],
        "dx",
    ),
}  # fmt: skip
OPTIONS = {"csv": {"case_column": "lesion", "patient_column": "patient", "label_column": "dx"}}
JPEG = {".jpg": "JPEG", ".png": "PNG"}


def put_images(folder, names):
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)


def put_table(folder, name, change=lambda row: row, separator=",", encoding="utf-8"):
    """Write the source's table, each of its rows, a dict, changed; the header is always right."""
    file, header, rows, *_ = SETS[name]
    keys = header if header is not NIH else [*range(len(header))]
    changed = [change(dict(zip(header, row, strict=True))) for row in rows]
    text = io.StringIO()
    text.write(separator.join(header) + "\n")
    lines = [[row[key] if key in row else row[header[key]] for key in keys] for row in changed]
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(lines)
    (folder / file).write_bytes(text.getvalue().encode(encoding))


def put(folder, name, *args, **options):
    put_images(folder, SETS[name][3])
    put_table(folder, name, *args, **options)
    return folder


def make(name, folder, output, options=None, **settings):
    chosen = OPTIONS.get(name, {}) | (options or {})
    said = prepare(name, folder, output, Settings(check_images="exists", **settings), chosen)
    return manifest.read(output).table, " ".join(said)


@pytest.mark.parametrize("name", SETS)
def test_another_spelling_of_the_table_makes_the_same_set(name, tmp_path):
    plain, _ = make(name, put(tmp_path / "in", name), tmp_path / "plain")
    assert len(plain) == 12
    put_table(tmp_path / "in", name, separator=";", encoding="utf-16")
    other, said = make(name, tmp_path / "in", tmp_path / "other")
    pd.testing.assert_frame_equal(plain, other)
    assert "';' was taken for what separates its columns" in said


@pytest.mark.parametrize("name", [name for name in SETS if SETS[name][4]])
def test_unknown_ids_belong_to_nobody(name, tmp_path):
    words = iter(["NA", "nan", "Unknown", "None", "n/a", "?"] * 9)
    ids = SETS[name][4]
    folder = put(tmp_path / "in", name, lambda row: row | {key: next(words) for key in ids})
    table, said = make(name, folder, tmp_path / "d")
    assert set(table["patient_id"]) == {""} and table["case_id"].nunique() == 12
    assert f"column {ids[0]}: unknown, so taken as empty: 'NA'" in said


ALIKE = [("a7", " a7"), ("a7", "a7\u00a0"), ("a7", "a\u200b7"), ("\u00e9", "e\u0301"), ("7", "7.0")]


@pytest.mark.parametrize("pair", ALIKE, ids=ascii)
def test_ids_that_look_the_same_are_one(pair, tmp_path):
    ids = iter([*pair, *"bcdefghijk"])
    folder = put(
        tmp_path / "in", "csv", lambda row: row | {"patient": next(ids), "lesion": row["image"]}
    )
    table, said = make("csv", folder, tmp_path / "d")
    assert table["patient_id"].nunique() == 11
    assert pair[1].strip() == pair[0] or "patient_id: 1 ids stood in two spellings" in said


def test_a_word_for_unknown_that_takes_all_cases_is_no_patient(tmp_path):
    folder = put(tmp_path / "in", "csv", lambda row: row | {"patient": "0"})
    with pytest.raises(
        InputError, match="of 6 cases nothing is left for train.*'0' has 6: is that a p"
    ):
        make("csv", folder, tmp_path / "d")
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("path", ["/0.png", "/nowhere/0.png", "/usr/0.png"])
def test_an_absolute_path_that_is_wrong_is_sought_in_the_table_s_folder_alone(path, tmp_path):
    folder = put(
        tmp_path / "in",
        "csv",
        lambda row: row | {"image": path if row["image"] == "0.png" else row["image"]},
    )
    table, _ = make("csv", folder, tmp_path / "d")
    assert json.loads((tmp_path / "d" / "dataset.json").read_text())["image_root"] == str(folder)
    assert set(table["image"]) == {f"{i}.png" for i in N}


def test_labels_that_differ_in_capitals_alone_are_told(tmp_path):
    dx = iter(["mel", "mel", "Mel", "Mel"])
    folder = put(tmp_path / "in", "csv", lambda row: row | {"dx": next(dx, "nv")})
    _, said = make("csv", folder, tmp_path / "d")
    assert "labels: 2 differ from another in capitals or leading zeros alone, as 'mel' and" in said


def test_ids_that_differ_in_capitals_alone_stay_two_and_are_told(tmp_path):
    ids = iter(["P1", "p1", "P1", *"abcdefghi"])
    folder = put(
        tmp_path / "in", "csv", lambda row: row | {"patient": next(ids), "lesion": row["image"]}
    )
    table, said = make("csv", folder, tmp_path / "d")
    assert "patient_id: 2 differ from another in capitals or leading zeros alone, as 'P1' a" in said
    assert "case_id" not in said and (table["patient_id"] == "P1").sum() == 2
    assert set(table["patient_id"]) == {"P1", "p1", *"abcdefghi"}


@pytest.mark.parametrize("name", [name for name in SETS if isinstance(SETS[name][5], str)])
def test_an_unknown_label_is_no_class(name, tmp_path):
    column, words = SETS[name][5], iter(["NA", "nan", "None", "unknown"] * 3)
    folder = put(tmp_path / "in", name, lambda row: row | {column: next(words)})
    with pytest.raises(InputError, match="problems.csv"):
        make(name, folder, tmp_path / "d")
    assert len(pd.read_csv(tmp_path / "d.problems.csv")) == 12
    some = iter(["NA", "None"])
    put_table(folder, name, lambda row: row | ({column: word} if (word := next(some, "")) else {}))
    if name in ("chestxray14", "ddi"):  # a finding that is not known; a test set's label
        with pytest.raises(InputError, match="\n2 rows are wrong"):
            make(name, folder, tmp_path / "e")
    else:
        table, _ = make(name, folder, tmp_path / "e")
        assert (table["split"] == "unlabelled").sum() == 2
        assert len(json.loads((tmp_path / "e" / "dataset.json").read_text())["classes"]) == 2


@pytest.mark.parametrize("name", SETS)
def test_where_no_row_is_left_all_are_listed(name, tmp_path):
    put_table(tmp_path, name)  # no images
    for allowed in (0, 99):
        with pytest.raises(InputError, match="no image is left .*problems.csv") as caught:
            make(name, tmp_path, tmp_path / f"d{allowed}", allow_problems=allowed)
        assert "--allow_problems" not in str(caught.value)  # it would leave nothing
        assert len(pd.read_csv(tmp_path / f"d{allowed}.problems.csv")) == 12
        assert not (tmp_path / f"d{allowed}").exists()


def nothing_left(name, tmp_path, options=None, change=lambda row: row, **settings):
    with pytest.raises(InputError) as caught:
        make(name, put(tmp_path / "in", name, change), tmp_path / "d", options, **settings)
    assert "listed in" in str(caught.value) and not (tmp_path / "d").exists()
    return pd.read_csv(tmp_path / "d.problems.csv")


def test_a_mapping_that_drops_all(tmp_path):
    (tmp_path / "map.csv").write_text("from;to\nnv;\nmel;\n")
    listed = nothing_left("ham10000", tmp_path, mapping=str(tmp_path / "map.csv"))
    assert set(listed["reason"]) == {"has no label that maps"} and len(listed) == 12


def test_a_mapping_to_unknown_leaves_out_and_classes_are_named(tmp_path):
    (tmp_path / "map.csv").write_text("from,to\nnv,NA\nmel,x\n")
    folder = put(tmp_path / "in", "ham10000")
    with pytest.raises(InputError, match="all cases are labelled 'x'"):
        make("ham10000", folder, tmp_path / "d", mapping=str(tmp_path / "map.csv"))
    (tmp_path / "classes.txt").write_text("nv\nNA\n")
    with pytest.raises(InputError, match="none that says unknown"):
        make("ham10000", folder, tmp_path / "d", classes=str(tmp_path / "classes.txt"))


def test_splits_that_take_nothing(tmp_path):
    assert len(nothing_left("ham10000", tmp_path, splits="train=0")) == 12


def test_a_view_that_no_image_has(tmp_path):
    nothing_left("chexpert", tmp_path, {"views": "lateral"})


def test_findings_that_are_all_unknown(tmp_path):
    empty = dict.fromkeys(CHEXPERT[6:], "")
    assert len(nothing_left("chexpert", tmp_path, change=lambda row: row | empty)) == 12


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("from,to\nnaevus,nv\n", "renames naevus; none of them is here, but mel, nv"),
        ("from,to\nnv,naevus, common\n", "row 2: has more cells than the header"),
        ("from,to\nnv\n", "row 2: has fewer cells than the header"),
    ],
)
def test_a_mapping_that_maps_nothing(text, named, tmp_path):
    (tmp_path / "map.csv").write_text(text)
    folder = put(tmp_path / "in", "ham10000")
    with pytest.raises(InputError, match=named):
        make("ham10000", folder, tmp_path / "d", mapping=str(tmp_path / "map.csv"))


def test_findings_keep_clear_of_other_columns_and_of_each_other(tmp_path):
    folder = put(tmp_path / "in", "chexpert")
    for text, named in (("Edema,sex", "no finding can be called 'sex'"),
                        ("Edema,Atelectasis", "two findings one name, 'Atelectasis'")):  # fmt: skip
        (tmp_path / "map.csv").write_text(f"from,to\n{text}\n")
        with pytest.raises(InputError, match=named):
            make("chexpert", folder, tmp_path / "d", mapping=str(tmp_path / "map.csv"))
    with pytest.raises(InputError, match="--findings=Edema,Edema: names 'Edema' twice"):
        make("chexpert", folder, tmp_path / "d", {"findings": "Edema,Edema"})


def test_classes_that_no_case_has(tmp_path):
    (tmp_path / "classes.txt").write_text("rosacea\nacne\n")
    with pytest.raises(InputError, match="no case is of one of the classes: rosacea, acne"):
        make("ham10000", put(tmp_path / "in", "ham10000"), tmp_path / "d",
             classes=str(tmp_path / "classes.txt"))  # fmt: skip


def test_chexpert_as_it_is_unzipped_says_what_was_taken_for_what(tmp_path):
    table, said = make("chexpert", put(tmp_path / "in", "chexpert"), tmp_path / "d")
    assert table["image"].tolist() == SETS["chexpert"][3]
    assert "6 images: 'train' in the table was taken for 'batch 0 (train)' on disk" in said


def test_an_official_split_that_names_none_of_the_images(tmp_path):
    folder, options = put(tmp_path / "in", "chestxray14"), {"official_split": "keep"}
    (folder / "test_list.txt").write_text("1_000.png\n")
    with pytest.raises(InputError, match="no image of the table is in test_list.txt"):
        make("chestxray14", folder, tmp_path / "d", options)
    (folder / "test_list.txt").write_text("00000000_000.png\r\n00000001_000.png\r\n")
    assert (make("chestxray14", folder, tmp_path / "d", options)[0]["split"] == "test").sum() == 2
    (folder / "train_val_list.txt").write_text("2_000.png\n")
    with pytest.raises(InputError, match="10 of 12 images are in neither of the official lists"):
        make("chestxray14", folder, tmp_path / "e", options)


def test_numbered_classes_keep_the_order_of_their_numbers(tmp_path):
    put_images(tmp_path / "in", [f"{label}/{i}.png" for label in range(11) for i in range(2)])
    make("folders", tmp_path / "in", tmp_path / "d")
    info = json.loads((tmp_path / "d" / "dataset.json").read_text())
    assert info["classes"] == [str(label) for label in range(11)]


def test_the_numbers_of_medmnist_are_the_outputs(tmp_path):
    labels = np.array([0, 10, 2, 1])[:, None]
    images = np.repeat(labels, 64, axis=1).reshape(4, 8, 8).astype(np.uint8)
    np.savez(tmp_path / "newmnist.npz", train_images=images, train_labels=labels)
    prepare("medmnist", tmp_path, tmp_path / "d", Settings(), {})
    info = json.loads((tmp_path / "d" / "dataset.json").read_text())
    assert info["classes"] == [f"class {i}" for i in range(11)]
    assert manifest.read(tmp_path / "d").table["labels"].tolist()[1] == info["classes"][10]


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        ({"train_labels": [[0], [10**12]]}, "whole numbers from 0 to 9999"),
        ({"train_labels": np.zeros((2, 0), int)}, "whole numbers"),
        ({"train_labels": 1}, "are not of one length"),
        ({"test_images": np.zeros((2, 8, 8), np.uint8), "test_labels": [[0, 1], [1, 0]]},
         "labels are of different widths: {'train': 1, 'test': 2}"),
    ],
)  # fmt: skip
def test_arrays_of_another_shape_are_named(arrays, named, tmp_path):
    two = {"train_images": np.zeros((2, 8, 8), np.uint8), "train_labels": [[0], [1]]}
    np.savez(tmp_path / "a.npz", **two | arrays)
    with pytest.raises(InputError, match=named):
        prepare("medmnist", tmp_path, tmp_path / "d", Settings(), {})


def test_linked_classes_are_read_and_broken_links_are_problems(tmp_path):
    put_images(tmp_path, ["in/nv/1.png", "in/nv/2.png", "store/3.png", "in/unlabeled/4.png"])
    (tmp_path / "in" / "mel").symlink_to(tmp_path / "store")
    table, _ = make("folders", tmp_path / "in", tmp_path / "d")
    assert table["labels"].tolist() == ["mel", "nv", "nv", ""]
    (tmp_path / "in" / "bcc").symlink_to("/nowhere")
    with pytest.raises(InputError, match="'bcc' is a link that leads nowhere"):
        make("folders", tmp_path / "in", tmp_path / "e")


def test_folders_and_patterns_that_say_unknown(tmp_path):
    put_images(tmp_path / "in", ["nv/NA_1.png", "nv/NA_2.png", "mel/anna_3.png", "None/bo_4.png"])
    table, said = make("folders", tmp_path / "in", tmp_path / "d",
                       {"path_pattern": "(?P<patient>[^/_]+)_"})  # fmt: skip
    by_image = table.set_index("image")
    assert by_image["patient_id"].to_dict() == {
        "None/bo_4.png": "bo", "mel/anna_3.png": "anna", "nv/NA_1.png": "", "nv/NA_2.png": "",
    }  # fmt: skip
    assert by_image.loc["nv/NA_1.png", "case_id"] == "nv/NA_1.png"
    assert by_image.loc["None/bo_4.png", "split"] == "unlabelled"
    assert "2 images: patient 'NA' is unknown." in said


def test_one_s_own_word_for_unknown_stands_instead(tmp_path):
    change = {"p0": "0", "mel": "None"}
    folder = put(
        tmp_path / "in",
        "csv",
        lambda row: {key: change.get(text, text) for key, text in row.items()},
    )
    table, _ = make("csv", folder, tmp_path / "d", {"unknown": "0, x"})
    assert set(table["patient_id"]) == {"", "p1", "p2", "p3", "p4", "p5"}
    assert set(table["labels"]) == {"None", "nv"}


def test_decimal_commas_of_findings_and_groups(tmp_path):
    put_images(tmp_path, [f"{i}.png" for i in range(8)])
    rows = "".join(f"{i}.png;{i % 2},0;{40 + i},5\n" for i in range(8))
    (tmp_path / "t.csv").write_bytes(f"image;Ödem;age\n{rows}".encode("cp1252"))
    table, said = make("csv", tmp_path, tmp_path / "d",
                       {"finding_columns": "Ödem", "group_columns": "age", "case_column": "",
                        "patient_column": "", "label_column": ""})  # fmt: skip
    assert table["Ödem"].tolist() == ["0", "1"] * 4 and table["age"][0] == "40.5"
    assert "its encoding was taken for cp1252, with Ö." in said


def test_an_id_in_two_spellings_is_one_person(tmp_path):
    spelt = iter(["1", "1.0", "2.0", "2", "2.00", "p", "p ", "07", "7", "1e1", "10", "3.0"])
    folder = put(
        tmp_path / "in", "csv", lambda row: row | {"patient": next(spelt), "lesion": row["image"]}
    )
    table, said = make("csv", folder, tmp_path / "d", {"patient_column": "patient"})
    assert set(table["patient_id"]) == {"1", "2", "p", "07", "7", "1e1", "10", "3.0"}
    assert table.groupby("patient_id")["split"].nunique().max() == 1
    assert "patient_id: 3 ids stood in two spellings, as '1', '1.0'" in said


@pytest.mark.parametrize("sign", ["\u200b", "\u00ad", "\u2060", "\ufe0f", "\u200e"])
@pytest.mark.parametrize(
    ("name", "column", "options"),
    [
        ("patient", "patient_id", {}),
        ("lesion", "case_id", {"patient_column": "", "label_column": "lesion"}),
        ("dx", "labels", {}),
        ("dx", "dx", {"group_columns": "dx", "label_column": "lesion"}),
    ],
)
def test_a_sign_that_is_not_seen_tells_nothing_apart(name, column, options, sign, tmp_path):
    numbers = iter(N)

    def changed(row):
        number = next(numbers)
        return row | {name: f"a{sign * (number % 2)}{number // 4}"}

    folder = put(tmp_path / "in", "csv", changed)
    table, said = make("csv", folder, tmp_path / "d", options)
    assert set(table[column]) == {"a0", "a1", "a2"}
    assert f"{column}: 3 " in said and "stood in two spellings" in said


def test_a_label_in_two_spellings_is_one_class(tmp_path):
    spelt = iter(
        ["1", "1.0", "2", "2 ", "2|1.0", "10.0", "e\u0301", "\u00e9", "10.0", "1", "2", "2"]
    )
    folder = put(
        tmp_path / "in",
        "csv",
        lambda row: row | {"dx": next(spelt), "lesion": row["image"], "patient": ""},
    )
    table, said = make("csv", folder, tmp_path / "d", {"label_separator": "|"})
    assert set(table["labels"]) == {"1", "2", "2|1", "10.0", "\u00e9"}
    info = json.loads((tmp_path / "d" / "dataset.json").read_text())
    assert info["classes"] == ["1", "2", "10.0", "\u00e9"]
    assert "labels: 2 labels stood in two spellings, as '1', '1.0', and were taken" in said


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"shortest_side": 1}, "--shortest_side=1: expected 0, or 8 to 16384 pixels"),
        ({"shortest_side": 10**10}, "--shortest_side=10000000000"),
        ({"shards": 10**9}, "--shards=1000000000: expected at most"),
        ({"other": "a|b"}, r"--other=a\|b: expected the name of a class, without a"),
        ({"other": "n/a"}, "--other=n/a: expected the name of a class"),
    ],
)
def test_numbers_out_of_bounds(settings, named, tmp_path):
    folder = put(tmp_path / "in", "csv")
    with pytest.raises(InputError, match=named):
        make("csv", folder, tmp_path / "d", **settings)
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("cell", ["1", "0", "2.0", "x", "1e3", "-1"])
def test_a_split_column_of_no_splits_is_named_row_by_row(cell, tmp_path):
    for image in SETS["csv"][3]:
        put_images(tmp_path / "in", [image])
    lines = ["image,fold", *(f"{name},{cell}" for name in SETS["csv"][3])]
    (tmp_path / "in" / "mine.csv").write_text("\n".join(lines))
    options = {"case_column": "", "patient_column": "", "label_column": "", "split_column": "fold"}
    with pytest.raises(InputError, match=f"row 2, column fold: '{cell}' is not a split"):
        make("csv", tmp_path / "in", tmp_path / "d", options)
    assert len(pd.read_csv(tmp_path / "d.problems.csv")) == len(N)


def test_a_patient_of_a_pool_has_one_spelling_too(tmp_path):
    numbers = iter(N)
    put(tmp_path / "in", "csv", lambda row: row | {"patient": f"{next(numbers) // 2}"})
    make("csv", tmp_path / "in", tmp_path / "pool")
    again = tmp_path / "pool" / "manifest.csv"
    table = pd.read_csv(again, dtype=str)
    table["patient_id"] += ".0"
    table.to_csv(again, index=False)
    numbers = iter(N)
    put(tmp_path / "own", "csv", lambda row: row | {"patient": f"{next(numbers) // 2}"})
    for file in (tmp_path / "own").glob("*.png"):
        Image.open(file).rotate(90).save(file)
    table, said = make(
        "csv", tmp_path / "own", tmp_path / "d", unlabelled=(str(tmp_path / "pool"),)
    )
    assert set(table["patient_id"]) <= set("012345") and "stood in two spellings" in said
    side = table.replace({"split": {"unlabelled": "train"}}).groupby("patient_id")["split"]
    assert side.nunique().max() == 1
