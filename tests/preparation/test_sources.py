"""Each source from a small faithful imitation of its files, quirks included; the real tables."""

import gzip
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import SHARED
from PIL import Image

from benchmarks.prepare import HEADER as CHEXPERT
from simclr_med.errors import InputError
from simclr_med.preparation import sources
from simclr_med.preparation.csv_table import read_csv
from simclr_med.preparation.source_table import ROW

TABLES = SHARED / "tables"


def read(name, folder, **options):
    source = sources.load(name)
    defaults = {key: value.get("default", False) for key, value in source.OPTIONS.items()}
    return source.read(folder, defaults | options)


def put(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def picture(folder, name):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (10, 10)).save(path)


def column(records, name):
    return records.table[name].tolist()


@pytest.mark.parametrize("name", sources.names())
def test_every_source_answers_the_interface_and_says_what_it_looks_for(name, tmp_path):
    source = sources.load(name)
    assert source.TITLE and source.LOOKS_FOR and source.WHERE and callable(source.read)
    for option, arguments in source.OPTIONS.items():
        assert arguments["help"] and option.isidentifier()
    more = {"salt": "s"} if name == "dicom" else {}
    with pytest.raises(InputError) as caught:
        read(name, tmp_path, **more)
    assert source.LOOKS_FOR in str(caught.value)
    if name != "csv":
        assert source.WHERE in str(caught.value)


def test_an_unknown_source_is_named():
    with pytest.raises(InputError, match="--source=isic: is not one of .*isic2020"):
        sources.load("isic")


# -- tables in general


def test_ids_stay_text_and_marks_of_order_are_passed_over(tmp_path):
    text = "id,dx\n007,a\n-5156441036700827606,\n1e5,nan\n"
    table = read_csv(put(tmp_path, "a.csv", text, "utf-8-sig"), ("id", "dx"))
    assert table["id"].tolist() == ["007", "-5156441036700827606", "1e5"]
    assert table["dx"].tolist() == ["a", "", "nan"] and table[ROW].tolist() == [2, 3, 4]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("id,label\n1,a\n", "row 1: no column dx; the header is id, label"),
        ("id,dx,dx\n1,a,b\n", "'dx' stands in the header twice"),
        ("id,dx\n", "no rows"),
        ("", "is empty: expected a header with id, dx"),
        ("id,dx\n1,a\n2,b,c\n", "row 3: has more cells than the header, which has 2"),
    ],
)
def test_a_wrong_table_is_named(text, named, tmp_path):
    with pytest.raises(InputError, match=named):
        read_csv(put(tmp_path, "a.csv", text), ("id", "dx"))


def test_two_images_of_one_name_are_refused(tmp_path):
    for part in ("part_1", "part_2"):
        picture(tmp_path, f"{part}/ISIC_1.jpg")
    put(tmp_path, "HAM10000_metadata.csv", HAM)
    with pytest.raises(InputError, match="fit 'ISIC_1.jpg': part_1/ISIC_1.jpg and part_2/"):
        read("ham10000", tmp_path)


# -- dermatology

HAM = (
    "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset\n"
    "HAM_1,ISIC_1,nv,histo,80.0,male,scalp,x\n"
    "HAM_1,ISIC_2,nv,histo,80.0,male,scalp,x\n"
    "HAM_2,ISIC_3,mel,histo,,unknown,unknown,x\n"
)


def test_ham10000(tmp_path):
    put(tmp_path, "HAM10000_metadata.csv", HAM)
    picture(tmp_path, "HAM10000_images_part_1/ISIC_1.jpg")
    picture(tmp_path, "HAM10000_images_part_2/ISIC_2.jpg")
    records = read("ham10000", tmp_path)
    assert column(records, "image") == [
        "HAM10000_images_part_1/ISIC_1.jpg", "HAM10000_images_part_2/ISIC_2.jpg", "ISIC_3.jpg",
    ]  # fmt: skip
    assert column(records, "case_id") == ["HAM_1", "HAM_1", "HAM_2"]
    assert column(records, "sex") == ["male", "male", ""]
    assert column(records, "age") == ["80", "80", ""]
    assert "no patients" in records.notes[0]


def test_pad_ufes(tmp_path):
    header = "patient_id,lesion_id,age,gender,fitspatrick,region,diagnostic,img_id,biopsed\n"
    put(tmp_path, "metadata.csv", header
        + "PAT_1,9,8,,,ARM,NEV,PAT_1_9_530.png,False\n"
        + "PAT_2,9,55,FEMALE,3.0,NECK,BCC,PAT_2_9_939.png,True\n")  # fmt: skip
    picture(tmp_path, "images/imgs_part_1/PAT_2_9_939.png")
    records = read("pad_ufes", tmp_path)
    assert column(records, "case_id") == ["PAT_1_9", "PAT_2_9"]
    assert column(records, "skin_type") == ["", "3"]
    assert column(records, "image") == ["PAT_1_9_530.png", "images/imgs_part_1/PAT_2_9_939.png"]


def test_isic2020(tmp_path):
    put(tmp_path, "train.csv",
        "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis,"
        "benign_malignant,target\nISIC_2637011,IP_7,male,45.0,head/neck,unknown,benign,0\n"
        "ISIC_0015719,IP_7,,,,melanoma,malignant,1\n")  # fmt: skip
    records = read("isic2020", tmp_path)
    assert column(records, "labels") == ["benign", "malignant"]
    assert column(records, "patient_id") == ["IP_7", "IP_7"]
    assert column(read("isic2020", tmp_path, labels="diagnosis"), "labels") == ["", "melanoma"]


def test_fitzpatrick17k(tmp_path):
    text = (
        "md5hash,fitzpatrick_scale,fitzpatrick_centaur,label,nine_partition_label,"
        "three_partition_label,qc,url,url_alphanum\n"
        "5e82,3,3,acne,inflammatory,non-neoplastic,,http://x,x\n"
        'fa29,-1,1,"scc, in situ",malignant,malignant,,http://y,y\n'
    )
    (tmp_path / "fitzpatrick17k.csv.gz").write_bytes(gzip.compress(text.encode()))
    records = read("fitzpatrick17k", tmp_path)
    assert column(records, "skin_type") == ["3", ""]
    assert column(records, "labels") == ["acne", "scc, in situ"]
    coarse = read("fitzpatrick17k", tmp_path, labels="three_partition_label")
    assert column(coarse, "labels") == ["non-neoplastic", "malignant"]


def test_ddi(tmp_path):
    put(tmp_path, "ddi_metadata.csv",
        ",DDI_ID,DDI_file,skin_tone,malignant,disease\n0,1,000001.png,56,True,melanoma\n"
        "1,2,000002.png,12,False,acrochordon\n2,3,000003.png,7,False,acrochordon\n")  # fmt: skip
    records = read("ddi", tmp_path)
    assert column(records, "skin_type") == ["V-VI", "I-II"]
    assert set(column(records, "split")) == {"external"}
    assert [str(p.row) + p.value for p in records.problems] == ["47"]
    assert column(read("ddi", tmp_path, labels="malignant"), "labels") == ["malignant", "benign"]


SCIN_CASES = (
    "case_id,fitzpatrick_skin_type,age_group,sex_at_birth,image_1_path,image_2_path,image_3_path\n"
)
SCIN_LABELS = (
    "case_id,weighted_skin_condition_label,dermatologist_fitzpatrick_skin_type_label_1,"
    "dermatologist_fitzpatrick_skin_type_label_2,dermatologist_fitzpatrick_skin_type_label_3\n"
)


def scin(folder, labels):
    put(folder, "scin_cases.csv", SCIN_CASES
        + "-5156441036700827606,FST6,AGE_30_TO_39,FEMALE,dataset/images/-51.png,"
        + "dataset/images/-52.png,\n"
        + "12,NONE_SELECTED,,,dataset/images/1.png,,\n"
        + "0013,FST4,,,dataset/images/3.png,,dataset/images/-51.png\n")  # fmt: skip
    put(folder, "scin_labels.csv", SCIN_LABELS + labels)
    picture(folder, "images/-51.png")


def test_scin(tmp_path):
    scin(tmp_path, (
        "-5156441036700827606,\"{'Eczema': 0.41, 'Acne': 0.41, 'Scar': 0.18}\",FST2,FST3,FST5\n"
        "12,,,,\n0013,{'Hives / Urticaria': 1.0},,,\n"
    ))  # fmt: skip
    records = read("scin", tmp_path)
    assert column(records, "image") == [
        "images/-51.png", "images/-52.png", "images/1.png", "images/3.png",
    ]  # fmt: skip
    assert column(records, "case_id") == ["-5156441036700827606"] * 2 + ["12", "0013"]
    assert column(records, "labels") == ["Eczema|Acne"] * 2 + ["", "Hives / Urticaria"]
    sure = "Eczema:0.41|Acne:0.41|Scar:0.18"
    assert column(records, "label_weights") == [sure] * 2 + ["", "Hives / Urticaria:1"]
    assert column(records, "skin_type") == ["beige", "beige", "", "brown"]
    assert "1 of 5 images named a second time were left out." in records.notes


@pytest.mark.parametrize(
    "cell",
    ["__import__('os').system('true')", "{'a': 'b'}", "{'a': -1.0}", "['a']", "{'a|b': 1.0}",
     "{'a': 1e999}", "{", "{1: 2}"],
)  # fmt: skip
def test_scin_refuses_what_is_no_dict_of_weights(cell, tmp_path):
    scin(tmp_path, f'12,"{cell}",,,\n')
    problems = read("scin", tmp_path).problems
    assert [(p.row, p.value) for p in problems] == [(2, cell)]
    assert "dict" in problems[0].reason


def test_scin_refuses_a_case_twice(tmp_path):
    scin(tmp_path, "12,,,,\n12,,,,\n")
    with pytest.raises(InputError, match="row 3, column case_id: '12' stands"):
        read("scin", tmp_path)


# -- chest


def chexpert(folder, rows, name="train.csv"):
    lines = [",".join(CHEXPERT)]
    for path, view, cells in rows:
        values = {"Path": path, "Sex": "Female", "Age": "68", "Frontal/Lateral": view,
                  "AP/PA": "AP" if view == "Frontal" else ""} | cells  # fmt: skip
        lines.append(",".join(values.get(name, "") for name in CHEXPERT))
    put(folder, name, "\n".join(lines) + "\n")


ROWS = [
    ("CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg", "Frontal",
     {"Edema": "1.0", "Fracture": "-1.0"}),
    ("CheXpert-v1.0-small/train/patient00001/study1/view2_lateral.jpg", "Lateral",
     {"Edema": "1.0", "Fracture": "-1.0"}),
    ("CheXpert-v1.0-small/train/patient00001/study2/view1_frontal.jpg", "Frontal",
     {"Edema": "-1.0"}),
    ("CheXpert-v1.0 batch 2 (train 1)/patient00002/study1/view1_frontal.jpg", "Frontal",
     {"Edema": "0.0"}),
]  # fmt: skip


def test_chexpert(tmp_path):
    chexpert(tmp_path, ROWS)
    (tmp_path / "CheXpert-v1.0 batch 2 (train 1)").mkdir()
    records = read("chexpert", tmp_path)
    assert column(records, "image") == [
        "train/patient00001/study1/view1_frontal.jpg",
        "train/patient00001/study1/view2_lateral.jpg",
        "train/patient00001/study2/view1_frontal.jpg",
        "CheXpert-v1.0 batch 2 (train 1)/patient00002/study1/view1_frontal.jpg",
    ]
    assert column(records, "case_id") == ["patient00001_study1"] * 2 + [
        "patient00001_study2", "patient00002_study1"]  # fmt: skip
    assert column(records, "patient_id") == ["patient00001"] * 3 + ["patient00002"]
    assert column(records, "Edema") == ["1", "1", "-1", "0"]
    assert column(records, "Atelectasis") == [""] * 4
    assert column(records, "view") == ["Frontal AP", "Lateral", "Frontal AP", "Frontal AP"]
    assert len(records.findings) == 5 and sum(records.sizes.values()) == pytest.approx(1)


def test_chexpert_options(tmp_path):
    chexpert(tmp_path, ROWS)
    chexpert(
        tmp_path,
        [("CheXpert-v1.0-small/valid/patient64541/study1/view1_frontal.jpg", "Frontal", {})],
        "valid.csv",
    )
    assert len(read("chexpert", tmp_path, views="lateral").table) == 1
    assert len(read("chexpert", tmp_path, views="frontal").table) == 3
    assert len(read("chexpert", tmp_path, findings="all").findings) == 13
    few = read("chexpert", tmp_path, findings="Edema, Fracture")
    assert few.findings == ("Edema", "Fracture")
    assert column(few, "Fracture") == ["-1", "-1", "", ""]
    with pytest.raises(InputError, match="'Hernia' is not one of"):
        read("chexpert", tmp_path, findings="Hernia")
    assert read("chexpert", tmp_path, case="image").table["case_id"].nunique() == 4
    more = read("chexpert", tmp_path, official_validation="external")
    assert column(more, "split") == ["", "", "", "", "external"]


def test_chexpert_lists_wrong_rows_and_refuses_another_header(tmp_path):
    wrong = [
        ("CheXpert-v1.0/train/p1/view1_frontal.jpg", "Frontal", {}),
        ("CheXpert-v1.0/train/patient00001/study3/view1_frontal.jpg", "Frontal", {"Edema": "2.0"}),
        ("CheXpert-v1.0/train/patient00001/study4/view1_frontal.jpg", "Sideways", {}),
    ]
    chexpert(tmp_path, [*ROWS, *wrong])
    records = read("chexpert", tmp_path)
    assert {(p.row, p.column, p.value) for p in records.problems} == {
        (6, "Path", wrong[0][0]), (7, "Edema", "2.0"), (8, "Frontal/Lateral", "Sideways"),
    }  # fmt: skip
    assert len(records.table) == 4
    put(tmp_path, "train.csv", "Path,Sex,Age\nx,y,z\n")
    with pytest.raises(InputError, match="no column Frontal/Lateral.*the header is Path, Sex, Age"):
        read("chexpert", tmp_path)


NIH = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]{}\n"
    "00000001_000.png,Cardiomegaly,0,1,058Y,M,PA,2682,2749,0.143,0.143{}\n"
    "00000001_001.png,Cardiomegaly|Effusion,1,1,58,M,PA,2894,2729,0.143,0.143{}\n"
    "00000002_000.png,No Finding,0,2,81,F,AP,2500,2048,0.171,0.171{}\n"
)


@pytest.mark.parametrize("tail", [("", ""), (",", ","), ("", ","), (",", "")])
def test_chestxray14_with_its_headers(tail, tmp_path):
    first, rest = tail
    put(tmp_path, "Data_Entry_2017_v2020.csv", NIH.format(first, rest, rest, rest))
    picture(tmp_path, "images_001/images/00000001_001.png")
    records = read("chestxray14", tmp_path)
    assert column(records, "image") == [
        "00000001_000.png", "images_001/images/00000001_001.png", "00000002_000.png",
    ]  # fmt: skip
    assert column(records, "patient_id") == ["1", "1", "2"]
    assert column(records, "age") == ["58", "58", "81"]
    assert column(records, "Effusion") == ["0", "1", "0"]
    assert records.table[list(records.findings)].eq("1").sum(axis=1).tolist() == [1, 2, 0]


def test_chestxray14_s_official_split_and_an_unknown_finding(tmp_path):
    put(tmp_path, "Data_Entry_2017.csv", NIH.format("", "", "", "").replace("Effusion", "Efusion"))
    put(tmp_path, "test_list.txt", "00000002_000.png\n")
    records = read("chestxray14", tmp_path, official_split="keep")
    assert column(records, "split") == ["", "test"]
    assert [(p.row, p.value) for p in records.problems] == [(3, "Cardiomegaly|Efusion")]


# -- arrays, tables and folders of one's own


def arrays(parts=("train", "val", "test"), labels=1, **changes):
    rng = np.random.default_rng(0)
    content = {}
    for number, part in enumerate(parts, 2):
        content[f"{part}_images"] = rng.integers(0, 256, (number, 8, 8, 3), dtype=np.uint8)
        content[f"{part}_labels"] = rng.integers(0, 2, (number, labels), dtype=np.uint8)
    return content | changes


def test_medmnist(tmp_path):
    content = arrays()
    np.savez(tmp_path / "dermamnist_64.npz", **content)
    records = read("medmnist", tmp_path)
    assert records.table["split"].value_counts().to_dict() == {
        "train": 2, "validation": 3, "test": 4,
    }  # fmt: skip
    np.testing.assert_array_equal(records.render("val_000002.png"), content["val_images"][2])
    assert set(column(records, "labels")) <= {
        "actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma"}  # fmt: skip
    np.savez(tmp_path / "chestmnist.npz", **arrays(labels=14))
    records = read("medmnist", tmp_path / "chestmnist.npz")
    assert records.task == "multilabel" and records.findings[0] == "atelectasis"
    np.savez(tmp_path / "mine.npz", **arrays(("val", "test")))
    records = read("medmnist", tmp_path / "mine.npz")
    assert set(column(records, "labels")) == {"class 0", "class 1"}
    assert "The file has no train part, or an empty one." in records.notes


@pytest.mark.parametrize("labels", [1, 3])
@pytest.mark.parametrize("empty", [("train",), ("val",), ("test",), ("train", "val", "test")])
def test_a_part_of_medmnist_without_images_is_none(empty, labels, tmp_path):
    nothing = {f"{name}_images": np.zeros((0, 8, 8, 3), np.uint8) for name in empty}
    nothing |= {f"{name}_labels": np.zeros((0, labels), np.uint8) for name in empty}
    np.savez(tmp_path / "mine.npz", **arrays(labels=labels, **nothing))
    if len(empty) == 3:
        with pytest.raises(InputError, match=r"train_images \[0, 8, 8, 3\].*with images"):
            read("medmnist", tmp_path)
        return
    records = read("medmnist", tmp_path)
    ours = {"train": "train", "val": "validation", "test": "test"}
    assert set(column(records, "split")) == set(ours.values()) - {ours[empty[0]]}
    assert f"The file has no {ours[empty[0]]} part, or an empty one." in records.notes


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"train_images": np.zeros((2, 8, 8), np.float32)}, r"train_images is float32 \[2, 8, 8\]"),
        ({"val_labels": np.zeros((9, 1), np.uint8)}, "val_images and val_labels"),
        ({"val_labels": np.zeros(3, np.uint8)}, r"val_labels is uint8 \[3\]"),
        ({"val_labels": np.array([[object()]] * 3)}, "Object arrays cannot be loaded"),
    ],
)
def test_medmnist_names_what_is_wrong(changes, named, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays(**changes))
    with pytest.raises(InputError, match=named):
        read("medmnist", tmp_path)


def test_a_table_of_one_s_own(tmp_path):
    put(tmp_path, "mine.csv",
        "file,who,what,dx,set,tone,other\nÄ 1.jpg,001,1, a ; b,Training,I,x\n"
        "2.jpg,001,1,,val,II,x\n3.jpg,002,2,c,,I,x\n4.jpg,002,2,c,tset,I,x\n")  # fmt: skip
    picture(tmp_path, "deep/Ä 1.jpg")
    records = read(
        "csv", tmp_path, image_column="file", case_column="what", patient_column="who",
        label_column="dx", label_separator=";", split_column="set", group_columns="tone",
    )  # fmt: skip
    assert column(records, "image") == ["deep/Ä 1.jpg", "2.jpg", "3.jpg"]
    assert column(records, "labels") == ["a|b", "", "c"]
    assert column(records, "split") == ["train", "validation", ""]
    assert column(records, "patient_id") == ["001", "001", "002"]
    assert records.groups == ("tone",) and "other" not in records.table
    assert [(p.row, p.column, p.value) for p in records.problems] == [(5, "set", "tset")]


def test_a_table_of_findings_and_one_without_labels(tmp_path):
    file = put(tmp_path, "mine.csv", "image,Edema,Mass\n1.jpg,1.0,\n2.jpg,-1,0\n")
    records = read("table", file, finding_columns="Edema,Mass")
    assert records.task == "multilabel" and column(records, "Edema") == ["1", "-1"]
    assert column(read("table", file), "labels") == ["", ""]
    assert column(read("table", file), "case_id") == ["1.jpg", "2.jpg"]
    for options, named in (
        ({"case_column": "lesion"}, "no column lesion; the header is image, Edema, Mass"),
        ({"finding_columns": "Edema", "label_column": "Mass"}, "give one of them"),
        ({"image_root": "/nowhere"}, "/nowhere: no such folder"),
    ):
        with pytest.raises(InputError, match=named):
            read("table", file, **options)
    shutil.copy(file, tmp_path / "second.csv")
    with pytest.raises(InputError, match="holds 2"):
        read("table", tmp_path)


def test_a_table_of_absolute_paths(tmp_path):
    for name in ("a/1.png", "b/2.png"):
        picture(tmp_path / "images", name)
    paths = [str(tmp_path / "images" / name) for name in ("a/1.png", "b/2.png")]
    file = put(tmp_path, "mine.csv", f"image\n{paths[0]}\n {paths[1]}\n")
    records = read("table", file)
    assert records.image_root == tmp_path / "images"
    assert column(records, "image") == ["a/1.png", "b/2.png"]
    assert column(read("table", file, image_root=str(tmp_path)), "image")[0] == "images/a/1.png"


def test_folders(tmp_path):
    for name in ("train/melanoma/p1_a.jpg", "train/melanoma/p1_b.JPG", "val/naevus/p2_a.png",
                 "unlabelled/p3.png", "test/naevus/deep/p4_ü 1.jpeg"):  # fmt: skip
        picture(tmp_path, name)
    put(tmp_path, "train/notes.txt", "x")
    picture(tmp_path, ".hidden/x.jpg")
    picture(tmp_path, "__MACOSX/train/melanoma/p1_a.jpg")  # what archives made on a Mac hold
    records = read("folders", tmp_path, path_pattern=r"(?P<patient>p\d+)[^/]*$")
    rows = records.table.set_index("image")[["patient_id", "split", "labels"]]
    assert rows.loc["test/naevus/deep/p4_ü 1.jpeg"].tolist() == ["p4", "test", "naevus"]
    assert rows.loc["train/melanoma/p1_b.JPG"].tolist() == ["p1", "train", "melanoma"]
    assert rows.loc["unlabelled/p3.png"].tolist() == ["p3", "unlabelled", ""]
    assert rows.loc["val/naevus/p2_a.png", "split"] == "validation" and len(rows) == 5
    for pattern, named in (("(", "no regular expression"), ("x", "has no group")):
        with pytest.raises(InputError, match=named):
            read("folders", tmp_path, path_pattern=pattern)
    problems = read("folders", tmp_path, path_pattern=r"(?P<case>p[12])").problems
    assert len(problems) == 2


@pytest.mark.parametrize(
    "name", ["unlabeled", "Un-Labelled", "un_labeled", "no label", "NoLabels", "not_labelled"]
)
def test_a_folder_of_the_unlabelled_is_no_class(name, tmp_path):
    for image in ("a/1.png", "b/2.png", f"{name}/3.png"):
        picture(tmp_path, image)
    table = read("folders", tmp_path).table.set_index("image")
    assert table.loc[f"{name}/3.png", ["split", "labels"]].tolist() == ["unlabelled", ""]


def test_a_flat_folder_has_no_labels(tmp_path):
    picture(tmp_path, "1.png")
    assert column(read("folders", tmp_path), "labels") == [""]


# -- the real tables


@pytest.fixture
def tables():
    if not TABLES.exists():
        pytest.skip(f"the real tables are not at {TABLES}")
    return TABLES


@pytest.mark.parametrize(
    ("name", "rows", "cases", "patients"),
    [
        ("ham10000", 10_015, 7_470, 0), ("pad_ufes", 2_298, 1_891, 1_373),
        ("isic2020", 33_126, 33_126, 2_056), ("fitzpatrick17k", 16_577, 16_577, 0),
        ("chestxray14", 112_120, 112_120, 30_805),
    ],
)  # fmt: skip
def test_real_tables_have_the_numbers_that_are_published(name, rows, cases, patients, tables):
    records = read(name, tables)
    known = pd.Series(column(records, "patient_id"))
    assert len(records.table) == rows and not records.problems
    assert records.table["case_id"].nunique() == cases
    assert known[known != ""].nunique() == patients


def test_the_real_labels(tables):
    assert len(set(column(read("fitzpatrick17k", tables), "labels"))) == 114
    records = read("medmnist", tables / "pneumoniamnist_val_test.npz")
    assert set(column(records, "labels")) == {"normal", "pneumonia"}
