"""Images as they lie on disk: what training could not read is said, and rewritten on request."""

import io
import itertools

import numpy as np
import pytest
from conftest import SHARED
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from simclr_med.preparation import images
from simclr_med.views.decode import read

RNG = np.random.default_rng(0)
SMOOTH = Image.fromarray(RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)).resize(
    (64, 48), Image.Resampling.BICUBIC
)
DEEP = (np.arange(64 * 48).reshape(48, 64) + 100).astype(np.uint16)


def exif(orientation):
    tags = Image.Exif()
    tags[images.EXIF_ORIENTATION] = orientation
    tags[0x9286] = "secret"
    return tags


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")

    def save(name, image, **more):
        image.save(folder / name, **more)

    save("plain.jpg", SMOOTH, quality=95)
    save("mit Umlaut ä und Leerzeichen.png", SMOOTH)
    save("grey.png", SMOOTH.convert("L"))
    save("bits.png", SMOOTH.convert("1"))
    save("palette.png", SMOOTH.quantize(64))
    save("picture.gif", SMOOTH.quantize(64))
    save("moving.gif", SMOOTH.quantize(8), save_all=True, append_images=[SMOOTH.quantize(4)])
    save("windows.bmp", SMOOTH)
    save("cmyk.jpg", SMOOTH.convert("CMYK"), quality=95)
    save("named.png", SMOOTH, format="JPEG", quality=94)
    save("turned.jpg", SMOOTH, exif=exif(6))
    save("clear.png", Image.merge("RGBA", (*SMOOTH.split(), SMOOTH.convert("L"))))
    save("deep.png", Image.fromarray(DEEP))
    save("scan.tif", SMOOTH)
    save("deep.tif", Image.fromarray(DEEP.astype(np.float32)))
    save("web.webp", SMOOTH)
    save("palette.bmp", SMOOTH.quantize(64))
    save("bits.bmp", SMOOTH.convert("1"))
    save("grey.bmp", SMOOTH.convert("L"))
    save("clear.bmp", SMOOTH.convert("RGBA"))
    save("tiny.png", SMOOTH.resize((7, 30)))
    content = (folder / "moving.gif").read_bytes()
    (folder / "cut.gif").write_bytes(content[: len(content) // 3])
    content = (folder / "plain.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(content[: len(content) // 2])
    (folder / "copy.jpg").write_bytes(content)
    (folder / "text.jpg").write_bytes(b"no image, but as long as you like")
    (folder / "empty.jpg").write_bytes(b"")
    return folder


PROBLEMS = {
    "deep.png": "16-bit", "scan.tif": "is TIFF", "deep.tif": "is TIFF", "web.webp": "is WEBP",
    "tiny.png": "7 x 30", "cut.jpg": "truncated", "text.jpg": "no image", "empty.jpg": "empty file",
    "missing.jpg": "is missing", "palette.bmp": "misreads", "bits.bmp": "misreads", "cut.gif": "",
}  # fmt: skip
NOTES = {
    "named.png": "another suffix", "turned.jpg": "EXIF rotation", "clear.png": "transparent",
    "moving.gif": "animated",
}  # fmt: skip


def names_of(folder):
    return sorted(path.name for path in folder.iterdir()) + ["missing.jpg"]


def test_problems_and_notes(folder):
    names = names_of(folder)
    seen = images.look(folder, names, "decode").set_index(np.array(names))
    for name, row in seen.iterrows():
        assert bool(row["problem"]) == (name in PROBLEMS), (name, row["problem"])
        assert PROBLEMS.get(name, "") in row["problem"] and NOTES.get(name, "") in row["note"]
        assert bool(row["note"]) == (name in NOTES), (name, row["note"])
    assert tuple(seen.loc["plain.jpg", ["width", "height"]]) == (64, 48)
    same = seen["sha256"] == seen.loc["plain.jpg", "sha256"]
    assert list(seen.index[same]) == ["copy.jpg", "plain.jpg"]


def test_what_is_rewritten_may_be_deep_or_of_another_format(folder):
    names = names_of(folder)
    seen = images.look(folder, names, "decode", rewritten=True)
    left = {name for name, problem in zip(names, seen["problem"], strict=True) if problem}
    assert left == {"tiny.png", "cut.gif", "cut.jpg", "text.jpg", "empty.jpg", "missing.jpg"}


def test_a_light_look_finds_what_is_missing_and_what_is_the_same(folder):
    names = names_of(folder)
    seen = images.look(folder, names, "exists").set_index(np.array(names))
    assert set(seen.index[seen["problem"] != ""]) == {"missing.jpg", "empty.jpg"}
    assert seen.loc["plain.jpg", "sha256"] == seen.loc["copy.jpg", "sha256"] != ""
    nothing = images.look(folder / "nowhere", names, "none")
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


def rewritten(path, side=0):
    content, suffix = images.rewrite(path, side)
    image = Image.open(io.BytesIO(content))
    image.load()
    return image, suffix


def test_rewriting_gives_what_training_reads(folder):
    broken = {"cut.gif", "cut.jpg", "text.jpg", "empty.jpg", "missing.jpg"}
    for name in sorted(set(names_of(folder)) - broken):
        image, suffix = rewritten(folder / name)
        assert image.mode in ("L", "RGB") and suffix in (".jpg", ".png")
        assert not image.getexif() and not image.info.get("icc_profile")
        assert images.rewrite(folder / name, 0) == images.rewrite(folder / name, 0)


def test_rewriting_is_upright_on_white_and_stretched(folder):
    assert rewritten(folder / "turned.jpg")[0].size == (48, 64)
    turned = np.asarray(rewritten(folder / "turned.jpg")[0], int)
    assert np.abs(turned - np.asarray(SMOOTH.rotate(-90, expand=True), int)).mean() < 4
    rgb, alpha = np.asarray(SMOOTH, float), np.asarray(SMOOTH.convert("L"), float)[..., None] / 255
    clear = np.asarray(rewritten(folder / "clear.png")[0], float)
    assert np.abs(clear - (alpha * rgb + (1 - alpha) * 255)).max() <= 2
    span = DEEP.max() - DEEP.min()
    for name in ("deep.png", "deep.tif"):
        expected = np.round(255.0 * (DEEP - DEEP.min()) / span)
        np.testing.assert_array_equal(np.asarray(rewritten(folder / name)[0]), expected)


def test_a_shortest_side_shrinks_and_never_enlarges(folder):
    assert rewritten(folder / "plain.jpg", 24)[0].size == (32, 24)
    assert rewritten(folder / "plain.jpg", 500)[0].size == (64, 48)
    with pytest.raises(ValueError, match="truncated"):
        images.rewrite(folder / "cut.jpg", 0)


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
    seen = images.look(tmp_path, names, "decode", rewritten=True)
    assert (seen["problem"] != "").sum() > 60
    for name, problem in zip(names, seen["problem"], strict=True):
        if problem and "a side below" not in problem:
            with pytest.raises(ValueError):
                images.rewrite(tmp_path / name, 0)


def brute(hashes, distance):
    numbers = [int(text, 16) if text else None for text in hashes]
    return [
        (i, j)
        for (i, a), (j, b) in itertools.combinations(enumerate(numbers), 2)
        if a is not None and b is not None and (a ^ b).bit_count() <= distance
    ]


@given(st.integers(0, 40), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_near_hashes_are_those_that_brute_force_finds(distance, seed):
    rng = np.random.default_rng(seed)
    bits = np.repeat(rng.integers(0, 2, (6, 256)), 4, axis=0)
    flips = rng.random(bits.shape) < rng.uniform(0, 0.12, (len(bits), 1))
    hashes = [np.packbits(row).tobytes().hex() for row in (bits ^ flips).astype(np.uint8)] + [""]
    assert images.near(hashes, distance) == brute(hashes, distance)


def test_many_near_hashes_in_little_time():
    rng = np.random.default_rng(0)
    hashes = [row.tobytes().hex() for row in rng.integers(0, 256, (20_000, 32), dtype=np.uint8)]
    assert images.near([*hashes, hashes[7]], 12) == [(7, 20_000)]


def test_copies_are_near_and_other_images_are_not(tmp_path):
    folder = SHARED / "derm" / "images"
    if not folder.exists():
        pytest.skip(f"the real images are not at {folder}")
    paths = sorted(folder.glob("PAT*"))[:60]
    names = []
    for number, path in enumerate(paths):
        with Image.open(path) as image:
            image = image.convert("RGB")
            image.save(tmp_path / f"{number:02d}a.png")
            small = image.resize([side * 2 // 3 for side in image.size])
            small.save(tmp_path / f"{number:02d}b.jpg", quality=70)
        names += [f"{number:02d}a.png", f"{number:02d}b.jpg"]
    hashes = images.look(tmp_path, names, "decode", perceptual=True)["perceptual"].tolist()
    copies = {(2 * i, 2 * i + 1) for i in range(len(paths))}
    assert len(copies & set(images.near(hashes, 16))) >= 0.95 * len(copies)
    assert len(set(images.near(hashes, 16)) - copies) <= 4  # photographs of one lesion
