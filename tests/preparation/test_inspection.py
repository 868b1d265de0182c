"""The page of a data set folder: counts as they are, cases side by side, everything escaped."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image

from simclr_med.data import manifest
from simclr_med.errors import InputError
from simclr_med.preparation.inspection import write_page

NASTY = '<script>alert("1")</script>&'


def page_of(folder, tmp_path, **more):
    return write_page(folder, tmp_path / "page.html", **more).read_text(encoding="utf-8")


def rows_of(page, title):
    """The cells of the first table below a heading, as text."""
    table = page.partition(f"<h2>{title}</h2>")[2].partition("</table>")[0]
    lines = re.findall(r"<tr>(.*?)</tr>", table, re.S)
    return [
        [re.sub("<[^>]*>", "", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", line)]
        for line in lines
    ]


def small_set(folder, rows, **info):
    """A data set folder of tiny pictures; rows are those of its manifest."""
    folder.mkdir()
    table = pd.DataFrame(rows)
    for number, image in enumerate(table["image"]):
        pixels = np.full((10, 12, 3), 20 * number % 256, np.uint8)
        (folder / image).parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / image)
    table.to_csv(folder / "manifest.csv", index=False)
    base = {"name": "small", "task": "multiclass", "classes": ["a", "b"]}
    (folder / "dataset.json").write_text(json.dumps(base | info))
    return folder


def row(image, case="c1", split="train", labels="a", **more):
    return {"image": image, "case_id": case, "patient_id": "", "split": split, "labels": labels,
            **more}  # fmt: skip


def test_counts_are_those_of_the_manifest(data_dir, tmp_path):
    page = page_of(data_dir, tmp_path)
    table = manifest.read(data_dir).table
    rows = {r[0]: r[1:] for r in rows_of(page, "Splits")[1:]}
    for split, part in table.groupby("split"):
        sizes = part["case_id"].value_counts()
        assert rows[split][:2] == [str(len(part)), str(part["case_id"].nunique())]
        assert rows[split][4:] == [str(sizes.max()), str((sizes > 1).sum())]
    case = table[table["split"] != "unlabelled"].drop_duplicates("case_id")
    head, *lines = rows_of(page, "Labels")
    assert len(lines) == 27 and len(head) > 3
    for name, *cells in lines:
        for column, cell in zip(head[1:], cells, strict=True):
            part = case[case["split"] == column.removesuffix(": cases")]
            count = sum(name in text.split("|") for text in part["labels"])
            assert cell.split()[0] == str(count)


def test_cases_stand_side_by_side_and_nothing_is_fetched(tmp_path):
    folder = small_set(
        tmp_path / "d",
        [row("1.png"), row("2.png"), row("3.png", "c2", labels="a|b"), row("4.png", "c3", "test")],
    )
    page = page_of(folder, tmp_path)
    boxes = re.findall(r'<span class="case">(.*?)</span>', page, re.S)
    assert max(box.count("<img") for box in boxes) == 2
    assert "c1 (2 images)" in page
    assert not re.search(r'src="(?!data:)|href=|url\(', page)
    assert "Labels that come together" in page
    assert "No case in test of: b." in page and "Fewer than 10 training cases" in page


def test_whatever_a_file_says_is_escaped(tmp_path):
    rows = [row("1.png", NASTY, labels=NASTY, tone=NASTY), row("2.png", "c2", labels="b", tone="")]
    classes = [NASTY, "b"]
    folder = small_set(tmp_path / "d", rows, classes=classes, groups=["tone"], name=NASTY,
                       source=NASTY, licence=NASTY)  # fmt: skip
    (folder / "card.md").write_text(NASTY)
    problem = {"file": NASTY, "row": 2, "column": NASTY, "value": NASTY, "reason": NASTY}
    pd.DataFrame([problem]).to_csv(folder / "problems.csv", index=False)
    page = page_of(folder, tmp_path)
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "By tone" in page and "1 rows were left out" in page


def test_groups_are_of_cases_and_their_levels_in_the_order_of_numbers(tmp_path):
    seen = [("10", "a"), ("2", "b"), ("10", "a"), ("", "c"), ("1", "d"), ("2", "d"), ("2", "e")]
    rows = [row(f"{i}.png", case, age=age) for i, (age, case) in enumerate(seen)]
    page = page_of(small_set(tmp_path / "d", rows, groups=["age"]), tmp_path)
    assert rows_of(page, "By age")[1:] == [
        ["2", "2"], ["10", "1"], ["unknown", "1"], ["mixed", "1"],
    ]  # fmt: skip


def test_findings(tmp_path):
    rows = [
        {"image": f"{i}.png", "case_id": f"c{i}", "patient_id": "", "split": "train",
         "Edema": value, "Mass": "1"}
        for i, value in enumerate(["1", "1", "0", "-1", ""])
    ]  # fmt: skip
    folder = small_set(tmp_path / "d", rows, task="multilabel", classes=["Edema", "Mass"])
    page = page_of(folder, tmp_path)
    lines = rows_of(page, "Labels")
    assert lines[1][:6] == ["Edema", "train", "2", "1", "1", "1"]
    assert rows_of(page, "Labels that come together")[1] == ["Edema", "2", "2"]


def test_missing_broken_and_identical_images_are_listed(tmp_path):
    rows = [row(f"{i}.png", f"c{i}") for i in range(5)]
    folder = small_set(tmp_path / "d", rows)
    (folder / "1.png").unlink()
    (folder / "2.png").write_bytes(b"no image")
    (folder / "4.png").write_bytes((folder / "3.png").read_bytes())
    page = page_of(folder, tmp_path)
    problems = page.partition("<h2>Problems</h2>")[2]
    assert "2 images are missing or cannot be read" in problems and "1.png" in problems
    assert "3.png = 4.png" in problems


def test_a_folder_without_labels(tmp_path):
    folder = small_set(tmp_path / "d", [row("1.png", "c1", "unlabelled", "")], classes=[])
    page = page_of(folder, tmp_path)
    assert "<h3>unlabelled</h3>" in page and "<h2>Labels</h2>" not in page


def test_a_folder_in_shards(data_dir, tmp_path):
    shards = pytest.importorskip("simclr_med.preparation.output.shards")
    pytest.importorskip("apache_beam", reason="make extras installs beam")
    shards.write(data_dir, tmp_path / "s", 2)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert page_of(tmp_path / "s", tmp_path / "a") == page_of(data_dir, tmp_path / "b")


def test_which_and_how_many_cases_are_shown(data_dir, tmp_path):
    few, other = (page_of(data_dir, tmp_path, thumbnails=2, seed=seed) for seed in (0, 1))
    assert few.count('class="case"') < page_of(data_dir, tmp_path).count('class="case"')
    shown, others = (set(re.findall(r'class="case">.*?(\w+_\d{5})', p, re.S)) for p in (few, other))
    assert shown and others and len(shown - others) > 10
    for thumbnails in (-1, 10**20):
        with pytest.raises(InputError, match=f"--thumbnails={thumbnails}: expected 0 to 1000"):
            page_of(data_dir, tmp_path, thumbnails=thumbnails)


def test_the_command(data_dir, tmp_path):
    tool = str(ROOT / "tools" / "inspect_data.py")
    command = [sys.executable, tool, str(data_dir), f"--output={tmp_path / 'p.html'}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and (tmp_path / "p.html").stat().st_size < 3e6
    done = subprocess.run([sys.executable, tool, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 2 and "dataset.json" in done.stderr and "Traceback" not in done.stderr
