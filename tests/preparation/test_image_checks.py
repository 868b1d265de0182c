"""Images as they lie on disk: what training could not read is said."""

import io
import struct

import numpy as np
import pytest
from pictures import names_of, write_pictures
from PIL import Image, ImageOps

from simclr_med.preparation.images import checks
from simclr_med.preparation.images.image_faults import judge_for_rewriting, judge_for_training
from simclr_med.preparation.images.rewriting import plain_image, rewrite, upright_image
from simclr_med.views.decode import read

MISSING = "missing.jpg"
PROBLEMS = {
    "deep.png": "16-bit", "scan.tif": "is TIFF", "deep.tif": "is TIFF", "web.webp": "is WEBP",
    "tiny.png": "7 x 30", "cut.jpg": "truncated", "text.jpg": "no image", "empty.jpg": "empty file",
    "missing.jpg": "is missing", "palette.bmp": "misread", "bits.bmp": "cannot be read by training",
    "cut.gif": "",
}  # fmt: skip
NOTES = {
    "named.png": "another suffix", "turned.jpg": "EXIF rotation", "clear.png": "transparent",
    "moving.gif": "animated",
}  # fmt: skip


def look(root, names):
    return checks.files_decoded(root, names, judge_for_training, plain_image)


def look_to_rewrite(root, names):
    return checks.files_decoded(root, names, judge_for_rewriting, upright_image)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("images"))


def test_problems_and_notes(folder):
    names = [*names_of(folder), MISSING]
    seen = look(folder, names).set_index(np.array(names))
    for name, row in seen.iterrows():
        assert bool(row["problem"]) == (name in PROBLEMS), (name, row["problem"])
        assert PROBLEMS.get(name, "") in row["problem"] and NOTES.get(name, "") in row["note"]
        assert bool(row["note"]) == (name in NOTES), (name, row["note"])
    assert tuple(seen.loc["plain.jpg", ["width", "height"]]) == (64, 48)


def test_images_are_the_same_whose_pixels_are(folder, tmp_path):
    names = names_of(folder)
    seen = look_to_rewrite(folder, names).set_index(np.array(names))
    for one, same in (
        ("plain.jpg", {"plain.jpg", "copy.jpg"}),
        (
            "windows.bmp",
            {"windows.bmp", "clear.bmp", "scan.tif", "mit Umlaut ä und Leerzeichen.png"},
        ),
        ("grey.png", {"grey.png", "grey.bmp"}),
    ):
        equal = seen["sha256"] == seen.loc[one, "sha256"]
        assert set(seen.index[equal]) == same
    with Image.open(folder / "turned.jpg") as image:
        ImageOps.exif_transpose(image).save(tmp_path / "upright.png")
        image.save(tmp_path / "as stored.png", exif=b"")
    alike = look_to_rewrite(tmp_path, ["upright.png"])["sha256"][0]
    assert alike == seen.loc["turned.jpg", "sha256"]  # rewriting turns it
    alike = look(tmp_path, ["as stored.png"])["sha256"][0]
    assert alike == look(folder, ["turned.jpg"])["sha256"][0]  # training does not


def test_what_is_rewritten_may_be_deep_or_of_another_format(folder):
    names = [*names_of(folder), MISSING]
    seen = look_to_rewrite(folder, names)
    left = {name for name, problem in zip(names, seen["problem"], strict=True) if problem}
    assert left == {"tiny.png", "cut.gif", "cut.jpg", "text.jpg", "empty.jpg", "missing.jpg"}


def test_a_light_look_finds_what_is_missing_and_what_is_the_same(folder):
    names = [*names_of(folder), MISSING]
    seen = checks.files_there(folder, names).set_index(np.array(names))
    assert set(seen.index[seen["problem"] != ""]) == {"missing.jpg", "empty.jpg"}
    assert seen.loc["plain.jpg", "sha256"] == seen.loc["copy.jpg", "sha256"] != ""
    nothing = checks.not_looked_at(names)
    assert (nothing["problem"] == "").all() and len(nothing) == len(names)


def test_training_reads_what_has_no_problem_as_pillow_does(folder):
    for name in sorted(set(names_of(folder)) - set(PROBLEMS) - {"turned.jpg", "clear.png"}):
        ours = read(str(folder / name)).numpy().astype(int)
        with Image.open(folder / name) as image:
            pillow = np.asarray(image.convert("RGB"), int)
        apart = np.abs(ours - pillow)
        if image.format == "JPEG":  # TensorFlow's decoder takes the fast, less exact way
            assert apart.mean() <= 3 and apart.max() <= 20, name
        else:
            assert apart.max() == 0, name


def damaged(content):
    """Yield (what was done, the bytes after it)."""
    for number in range(1, 21):
        yield f"cut by {number}", content[:-number]
    half = len(content) // 2
    yield "second half zeroed", content[:half] + bytes(len(content) - half)
    yield "middle zeroed", content[:half] + bytes(40) + content[half + 40 :]
    yield "a bit turned", content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
    yield "more at the end", content + b"more"


@pytest.mark.parametrize(
    "name", ["plain.jpg", "grey.png", "palette.png", "clear.png", "picture.gif", "windows.bmp"]
)
def test_training_reads_every_damaged_file_that_has_no_problem(name, folder, tmp_path):
    hurt = dict(damaged((folder / name).read_bytes()))
    for what, content in hurt.items():
        (tmp_path / what).write_bytes(content)
    seen = look(tmp_path, list(hurt))
    for what, problem, width, height in zip(
        hurt, seen["problem"], seen["width"], seen["height"], strict=True
    ):
        if not problem:
            assert read(str(tmp_path / what)).shape == (height, width, 3)
    if name.endswith(".png"):
        cut = seen["problem"][:20]
        assert (cut != "").all() and cut.str.contains("--shortest_side").sum() >= 12


def test_what_lacks_but_its_end_is_rewritten_whole(folder, tmp_path):
    content = (folder / "clear.png").read_bytes()
    expected = rewrite(folder / "clear.png", None)
    for number in range(1, 13):
        (tmp_path / "a.png").write_bytes(content[:-number])
        assert rewrite(tmp_path / "a.png", None) == expected


def gif_on_a_canvas(width, height, left=0, top=0):
    """A GIF whose one frame of 40 x 30 lies on a canvas of another size."""
    buffer = io.BytesIO()
    Image.fromarray(np.arange(1200, dtype=np.uint8).reshape(30, 40)).save(buffer, "GIF")
    content = bytearray(buffer.getvalue())
    content[6:10] = struct.pack("<HH", width, height)
    place = content.index(b",\0\0\0\0" + struct.pack("<HH", 40, 30))
    content[place + 1 : place + 5] = struct.pack("<HH", left, top)
    return bytes(content)


@pytest.mark.parametrize("canvas", [(60, 50), (40, 31), (60, 50, 7, 9), (50, 30, 10, 0)])
def test_a_gif_smaller_than_its_canvas_is_a_problem_that_rewriting_mends(canvas, tmp_path):
    (tmp_path / "a.gif").write_bytes(gif_on_a_canvas(*canvas))
    problem = look(tmp_path, ["a.gif"])["problem"][0]
    assert "training" in problem and "--shortest_side" in problem
    assert look_to_rewrite(tmp_path, ["a.gif"])["problem"][0] == ""
    with Image.open(io.BytesIO(rewrite(tmp_path / "a.gif", None)[0])) as image:
        assert image.size == canvas[:2]


def test_a_transparent_gif_is_noted_whatever_lies_below(tmp_path):
    white = Image.fromarray(np.full((40, 40), 255, np.uint8)).quantize(2)
    white.save(tmp_path / "a.gif", transparency=white.getpixel((0, 0)))
    seen = look(tmp_path, ["a.gif"])
    assert seen["problem"][0] == "" and "transparent" in seen["note"][0]


def test_a_damaged_file_of_any_format_is_a_problem_and_no_crash(folder, tmp_path):
    rng = np.random.default_rng(1)
    names = []
    for name in ("moving.gif", "plain.jpg", "palette.png", "windows.bmp", "scan.tif", "web.webp"):
        content = np.frombuffer((folder / name).read_bytes(), np.uint8)
        for number in range(40):
            hurt = content[: rng.integers(9, len(content))].copy()
            hurt[rng.integers(4, len(hurt), 5)] = rng.integers(0, 256, 5)
            names.append(f"{number}{name}")
            (tmp_path / names[-1]).write_bytes(hurt.tobytes())
    seen = look_to_rewrite(tmp_path, names)
    assert (seen["problem"] != "").sum() > 60
    for name, problem in zip(names, seen["problem"], strict=True):
        if problem and "a side below" not in problem:
            with pytest.raises(ValueError, match=r"\S"):
                rewrite(tmp_path / name, 0)
