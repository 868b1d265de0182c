"""Inputs that never end, names that are not UTF-8, outputs that cannot be written: one line."""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from simclr_med.data import manifest
from simclr_med.errors import InputError
from simclr_med.files import atomic
from simclr_med.files.text import as_seen, read_text
from simclr_med.preparation import path_pattern, sources
from simclr_med.preparation.images import formats
from simclr_med.preparation.inspection import write_page
from simclr_med.preparation.prepare import prepare
from simclr_med.preparation.settings import Settings

BYTES = b"p\xff".decode("utf-8", "surrogateescape")


def pixels(number):
    drawn = np.random.default_rng(number).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(drawn)


def picture(path, number=0, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels(number).save(path, **more)
    return path


def images(folder, number=6):
    for i in range(number):
        picture(folder / "ab"[i % 2] / f"{i}.png", i)
    return folder


def make(folder, output, source="folders", options=None, **settings):
    return "\n".join(prepare(source, folder, output, Settings(**settings), options or {}))


def by_hand(folder, ids=("1", "2"), column="case_id"):
    for i in range(len(ids)):
        picture(folder / f"{i}.png", i)
    known = dict.fromkeys(("case_id", "patient_id"), [f"x{i}" for i in range(len(ids))])
    known[column] = ids
    lines = [
        f"{i}.png,{c},{p},train,{'ab'[i % 2]}"
        for i, (c, p) in enumerate(zip(*known.values(), strict=True))
    ]
    text = "\n".join(["image,case_id,patient_id,split,labels", *lines]) + "\n"
    (folder / "manifest.csv").write_text(text, encoding="utf-8")
    content = {"name": "d", "task": "multiclass", "classes": ["a", "b"]}
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


# -- ids that look the same


@pytest.mark.parametrize("column", ["case_id", "patient_id"])
@pytest.mark.parametrize(
    "other", ["1.0", "1,0", "\u200b1", "1\u200b", "1\u00ad", "\u20601", "1\ufe0f", "1\u202c",
              "1\u2800", "1\u034f", "1\u2063", "\ufeff1"],
)  # fmt: skip
def test_ids_by_hand_that_look_the_same_are_named(other, column, tmp_path):
    folder = by_hand(tmp_path / "d", ("1", f'"{other}"'), column)
    with pytest.raises(InputError, match=f"row 3, column {column}: .*looks the same"):
        manifest.read(folder)


def test_ids_that_differ_are_read(tmp_path):
    assert len(manifest.read(by_hand(tmp_path / "d", ("1", "01", "10", "1.5", "é"))).table) == 5
    assert as_seen("a\u2003b\u200d c") == "a b c"


# -- inputs that never end


def special(path, kind):
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        os.symlink(path, path)
    return path


def in_time(action, seconds=20):
    """Run an action that may hang; return its error's text, or None."""
    said = []

    def run():
        try:
            action()
        except (InputError, OSError) as error:
            said.append(str(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "hangs"
    return said[0] if said else None


@pytest.mark.parametrize("kind", ["fifo", "device", "ring"])
@pytest.mark.parametrize("name", sources.names())
def test_a_source_that_is_no_file_is_named(name, kind, tmp_path):
    path = special(tmp_path / "in.csv", kind)
    options = {"salt": "s"} if name == "dicom" else {}
    assert "in.csv" in in_time(lambda: make(path, tmp_path / "o", name, options))


TABLES = {
    "ham10000": "HAM10000_metadata.csv", "pad_ufes": "metadata.csv", "ddi": "ddi_metadata.csv",
    "fitzpatrick17k": "fitzpatrick17k.csv", "isic2020": "train.csv", "chexpert": "train.csv",
    "chestxray14": "Data_Entry_2017.csv", "scin": "scin_cases.csv", "csv": "t.csv",
    "medmnist": "a.npz", "folders": "a.png", "dicom": "a.dcm",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["fifo", "device"])
@pytest.mark.parametrize("name", TABLES)
def test_a_table_or_image_that_is_no_file_ends_in_a_line(name, kind, tmp_path):
    (tmp_path / "in").mkdir()
    special(tmp_path / "in" / TABLES[name], kind)
    options = {"salt": "s"} if name == "dicom" else {}
    assert in_time(lambda: make(tmp_path / "in", tmp_path / "o", name, options))
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("kind", ["fifo", "device", "ring"])
@pytest.mark.parametrize(
    "name", ["manifest.csv", "dataset.json", "0.png", "problems.csv", "card.md"]
)
def test_a_part_of_a_data_set_that_is_no_file_does_not_hang(name, kind, tmp_path):
    folder = by_hand(tmp_path / "d")
    (folder / name).unlink(missing_ok=True)
    special(folder / name, kind)
    said = in_time(lambda: write_page(folder, tmp_path / "p.html"))
    assert said or "cannot be read" in (tmp_path / "p.html").read_text() or kind == "ring"


@pytest.mark.parametrize("flag", ["mapping", "classes"])
def test_a_settings_file_that_is_no_file_is_named(flag, tmp_path):
    path = special(tmp_path / "pipe", "fifo")
    said = in_time(lambda: make(images(tmp_path / "in"), tmp_path / "o", **{flag: str(path)}))
    assert "is a pipe" in said


@pytest.mark.parametrize(
    "text", [r"(?P<case>(a+)+)$", r"(?P<case>(a|a)*)b", r"(?P<case>(.*a){9})b"]
)
def test_a_pattern_of_exponential_time_is_stopped_and_named(text):
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        path_pattern.search_all(text, ["ok/a.png", "a" * 60 + "!.png"], seconds=1)
    assert text in str(caught.value) and "exponential" in str(caught.value)
    assert time.monotonic() - start < 10


def test_a_pattern_is_searched_as_python_does():
    found = path_pattern.search_all(r"(?P<patient>é+)(?!x)|(?P<case>b)", ["aééy", "b", "z"])
    assert found == [{"case": [-1, -1], "patient": [1, 3]}, {"case": [0, 1], "patient": [-1, -1]},
                     None]  # fmt: skip


# -- names that are not UTF-8


@pytest.mark.parametrize("place", ["file", "folder", "pool"])
def test_a_name_that_is_not_utf8_is_refused_with_it_escaped(place, tmp_path):
    folder, more = images(tmp_path / "in"), {}
    if place == "pool":
        picture(tmp_path / "pool" / f"{BYTES}.png", 9)
        more = {"unlabelled": (str(tmp_path / "pool"),)}
    else:
        picture(folder / ("a" if place == "file" else BYTES) / f"{BYTES}.png", 9)
    with pytest.raises(InputError, match=r"\\udcff.* is not a name in UTF-8"):
        make(folder, tmp_path / "o", **more)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("name", ["other", "classes", "mapping", "map_to", "splits"])
def test_a_setting_that_is_not_utf8_is_refused(name, tmp_path):
    with pytest.raises(InputError, match=rf"--{name}=p\\udcff"):
        make(images(tmp_path / "in"), tmp_path / "o", **{name: BYTES})


def test_half_characters_of_json_and_of_encodings_are_refused(tmp_path):
    folder = by_hand(tmp_path / "d")
    (folder / "dataset.json").write_text(
        '{"name": "\\ud800", "task": "multiclass", "classes": ["a", "b"]}'
    )
    with pytest.raises(InputError, match="dataset.json"):
        manifest.read(folder)
    (tmp_path / "t.csv").write_bytes(b"a,+2AA-\n")
    with pytest.raises(InputError, match="t.csv"):
        read_text(tmp_path / "t.csv", "utf-7")
    with pytest.raises(InputError, match=r"x.txt cannot hold .*udcff"):
        atomic.write_text(tmp_path / "x.txt", BYTES)
    assert not (tmp_path / "x.txt").exists()


# -- outputs that cannot be written


def run_tool(name, *arguments, before="", after="", **environment):
    words = [sys.executable, str(ROOT / "tools" / name), *map(str, arguments)]
    quoted = " ".join(f"'{word}'" for word in words)
    return subprocess.run(
        ["bash", "-c", f"{before} {quoted} {after}"], capture_output=True, timeout=120,
        env=os.environ | environment,
    )  # fmt: skip


def prepared(tmp_path, **more):
    flags = ("--source=folders", f"--input={tmp_path / 'in'}", f"--output={tmp_path / 'o'}")
    return run_tool("prepare_data.py", *flags, **more)


def unfinished(folder):
    return [p.name for p in folder.iterdir() if p.name not in ("in", "o") and p.suffix != ".lock"]


@pytest.mark.parametrize(
    ("after", "code"), [(">/dev/full", 1), (">&-", 1), ("2>/dev/full", 0), ("2>&-", 0),
                        (">/dev/full 2>/dev/full", 1), ("| true", 0)],
)  # fmt: skip
def test_a_full_or_closed_stream_is_one_line_and_the_data_set_whole(after, code, tmp_path):
    images(tmp_path / "in")
    done = prepared(tmp_path, after=after)
    assert done.returncode == code and b"Traceback" not in done.stderr
    lines = [line for line in done.stderr.decode().splitlines() if line.startswith("error")]
    assert len(lines) == (code == 1 and "2>" not in after)
    assert len(manifest.read(tmp_path / "o").table) == 6


def test_a_limit_of_a_files_size_leaves_nothing_that_passes_for_whole(tmp_path):
    for i in range(200):
        picture(tmp_path / "in" / "ab"[i % 2] / f"{'n' * 60}{i}.png", i % 250)
    done = prepared(tmp_path, before="ulimit -f 4;")
    said = done.stderr.decode()
    assert done.returncode == 1 and said.count("error:") == 1 and "Traceback" not in said
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    "environment", [{"PYTHONIOENCODING": "ascii"}, {"LANG": "C", "LC_ALL": "C"}],
)  # fmt: skip
def test_a_terminal_of_ascii_breaks_no_command(environment, tmp_path):
    for name in ("ä/1.png", "ä/2.png", "日/3.png", "日/4.png"):
        picture(tmp_path / "in" / name, int(name[2]))
    (tmp_path / "map.csv").write_text("from,to\nä,é\nµ,x\n", encoding="utf-8")
    done = run_tool("prepare_data.py", "--source=folders", f"--input={tmp_path / 'in'}",
                    f"--output={tmp_path / 'o'}", f"--mapping={tmp_path / 'map.csv'}",
                    **environment)  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert set(manifest.read(tmp_path / "o").info.classes) == {"é", "日"}


# -- folders that are no classes; suffixes; pages


def test_folders_that_the_pattern_names_are_no_classes(tmp_path):
    for i in range(12):
        picture(tmp_path / "pat" / f"patient{i // 3:03d}" / f"{i % 3}.png", i)
    pattern = {"path_pattern": "^(?P<patient>[^/]+)/"}
    make(tmp_path / "pat", tmp_path / "o", options=pattern)
    found = manifest.read(tmp_path / "o")
    assert not found.info.classes and set(found.table["split"]) == {"unlabelled"}
    assert found.table["patient_id"].nunique() == 4


@pytest.mark.parametrize(
    ("path", "pattern", "label"),
    [
        ("p1/s1/0.png", "^(?P<patient>[^/]+)/(?P<case>[^/]+)/", ""),
        ("p1/mel/0.png", "^(?P<patient>[^/]+)/", "mel"),
        ("mel/p1/0.png", "/(?P<patient>[^/]+)/", "mel"),
        ("mel/p1_0.png", "(?P<case>.*)_", "mel"),
        ("mel/p1_0.png", "(?P<patient>[^/]+)_[^/]*$", "mel"),
        ("train/mel/p1/0.png", "(?P<patient>p[0-9])/", "mel"),
        ("patient_7/0.png", "patient_(?P<patient>[0-9]+)", ""),
    ],
)
def test_a_group_names_the_folder_that_it_ends_in(path, pattern, label, tmp_path):
    picture(tmp_path / path)
    options = {"path_pattern": pattern, "labels": "folders", "unknown": "unknown"}
    table = sources.load("folders").read(tmp_path, options).table
    assert table["labels"].tolist() == [label]


def test_one_folder_is_named_and_labels_none_is_the_way_out(tmp_path):
    for i in range(4):
        picture(tmp_path / "in" / "images" / f"{i}.png", i)
    with pytest.raises(InputError, match="'images'.*--labels=none"):
        make(tmp_path / "in", tmp_path / "o")
    make(tmp_path / "in", tmp_path / "o", options={"labels": "none"})
    assert set(manifest.read(tmp_path / "o").table["split"]) == {"unlabelled"}


SUFFIXES = (".pgm", ".ppm", ".jp2", ".avif", ".jfif", ".JPE", ".PNG", ".webp", ".tiff", ".bmp")


def test_folders_and_tables_take_every_suffix_that_can_be_read(tmp_path):
    kinds = {".jfif": "JPEG", ".JPE": "JPEG", ".pgm": "PPM"}
    names = []
    for number, suffix in enumerate(s for s in SUFFIXES if formats.is_readable(f"a{s}")):
        path = tmp_path / "in" / "ab"[number % 2] / f"i{number}{suffix}"
        more = {"format": kinds[suffix]} if suffix in kinds else {}
        picture(path, number, **more)
        names.append(path.relative_to(tmp_path / "in").as_posix())
    make(tmp_path / "in", tmp_path / "o", shortest_side=0)
    assert len(manifest.read(tmp_path / "o").table) == len(names) >= 9
    for number, spelling in enumerate((str, lambda name: pathlib.Path(name).stem)):
        lines = [f"{spelling(name)},{name[0]}" for name in names]
        (tmp_path / "in" / "t.csv").write_text("\n".join(["image,y", *lines]) + "\n")
        make(tmp_path / "in" / "t.csv", tmp_path / f"c{number}", "csv", {"label_column": "y"},
             shortest_side=0)  # fmt: skip
        assert len(manifest.read(tmp_path / f"c{number}").table) == len(names)


@pytest.mark.parametrize("suffix", [".heic", ".HEIF", ".jxl"])
def test_what_cannot_be_read_here_names_the_package(suffix, tmp_path):
    if formats.is_readable(f"a{suffix}"):
        pytest.skip("a plugin is installed")
    (images(tmp_path / "in") / "a" / f"x{suffix}").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(InputError, match=f"x{suffix}.* is not readable here: install pillow-"):
        make(tmp_path / "in", tmp_path / "o")
    (tmp_path / "t.csv").write_text(f"image,y\nin/a/x{suffix},a\nin/b/1.png,b\n")
    with pytest.raises(InputError, match="is not readable here: install pillow-"):
        make(tmp_path / "t.csv", tmp_path / "o", "csv", {"label_column": "y"})


@pytest.mark.parametrize(
    ("name", "said"), [("a.tif", "several pages: the first"), ("a.png", "animated: the first"),
                       ("a.webp", "animated: the first"), ("a.gif", "animated: the first")],
)  # fmt: skip
def test_further_pages_are_noted(name, said, tmp_path):
    images(tmp_path / "in")
    more = [pixels(78), pixels(79)]
    picture(tmp_path / "in" / "a" / name, 77, save_all=True, append_images=more)
    assert f"1 images: {said}" in make(tmp_path / "in", tmp_path / "o", shortest_side=0)


@pytest.mark.parametrize("part", ["train", "val", "test"])
@pytest.mark.parametrize("width", [1, 3])
def test_an_empty_part_of_medmnist_is_noted(part, width, tmp_path):
    rng, content = np.random.default_rng(1), {}
    for name in ("train", "val", "test"):
        size = 0 if name == part else 20
        content[f"{name}_images"] = rng.integers(0, 256, (size, 12, 12), dtype=np.uint8)
        content[f"{name}_labels"] = rng.integers(0, 2, (size, width), dtype=np.uint8)
    np.savez(tmp_path / "m.npz", **content)
    noted = {"val": "validation"}.get(part, part)
    assert f"The file has no {noted} part, or an empty one." in make(
        tmp_path / "m.npz", tmp_path / "o", "medmnist"
    )


def test_a_split_column_of_numbers_is_named_by_row(tmp_path):
    images(tmp_path / "in")
    lines = [f"{'ab'[i % 2]}/{i}.png,{'ab'[i % 2]},{i % 3}" for i in range(6)]
    (tmp_path / "in" / "t.csv").write_text("\n".join(["image,y,fold", *lines]) + "\n")
    options = {"label_column": "y", "split_column": "fold"}
    with pytest.raises(InputError, match="row 2, column fold: '0' is not a split"):
        make(tmp_path / "in" / "t.csv", tmp_path / "o", "csv", options)
