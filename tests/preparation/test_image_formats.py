"""Formats of images by suffix and content: the same files from a folder and from a table."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from simclr_med.data import manifest
from simclr_med.errors import InputError
from simclr_med.preparation.images import formats
from simclr_med.preparation.prepare import prepare
from simclr_med.preparation.settings import Settings

SAVED_AS = {".jif": "JPEG", ".mpo": "MPO", ".dib": "DIB", ".avifs": "AVIF"}
READ = [suffix for suffix in formats.SUFFIXES if suffix not in (".heic", ".heif", ".jxl")]
HEADS = {
    ".heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200),
    ".heif": b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(200),
    ".jxl": b"\xff\x0a" + bytes(200),
}


def put(folder, suffix):
    """Images of two classes under a suffix, and a table that names them."""
    rows = []
    for number in range(12):
        label = "ab"[number % 2]
        noise = np.random.default_rng(number).integers(0, 256, (32, 40), np.uint8)
        path = folder / "in" / label / f"{number}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(noise).convert("1" if suffix.lower() == ".pbm" else "RGB")
        image.save(path, SAVED_AS.get(suffix.lower()))
        rows.append((f"{label}/{path.name}", label))
    pd.DataFrame(rows, columns=["image", "dx"]).to_csv(folder / "in" / "t.csv", index=False)
    return folder / "in"


def both(folder, output, **settings):
    """The folder, prepared as folders and as a table."""
    prepare("folders", folder, output / "f", Settings(**settings), {})
    prepare("csv", folder, output / "t", Settings(**settings), {"label_column": "dx"})
    return [manifest.read(output / name).table for name in "ft"]


@pytest.mark.parametrize("suffix", [*READ, ".JPE", ".Jp2", ".PGM"])
def test_every_suffix_is_taken_by_folders_and_by_tables(suffix, tmp_path):
    of_folders, of_table = both(put(tmp_path, suffix), tmp_path, shortest_side=16)
    assert len(of_folders) == 12
    pd.testing.assert_frame_equal(
        of_folders[["image", "labels"]].sort_values("image", ignore_index=True),
        of_table[["image", "labels"]].sort_values("image", ignore_index=True),
    )


@pytest.mark.parametrize("source", ["folders", "csv"])
@pytest.mark.parametrize("settings", [{}, {"shortest_side": 16}])
@pytest.mark.parametrize("suffix", HEADS)
def test_a_format_that_is_not_readable_here_names_its_package(suffix, settings, source, tmp_path):
    folder = put(tmp_path, ".png")
    (folder / "a" / f"0{suffix}").write_bytes(HEADS[suffix])
    (folder / "a" / "0.png").unlink()
    options = {"label_column": "dx"} if source == "csv" else {}
    with pytest.raises(InputError, match="which is not readable here: pip install pillow-"):
        prepare(source, folder, tmp_path / "d", Settings(**settings), options)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEADS[".heic"], "is HEIF, which is not readable here: pip install pillow-heif"),
        (HEADS[".jxl"], "is JPEG XL, which is not readable here: pip install pillow-jxl-plugin"),
        (b"\0\0\0\x18ftypavif" + bytes(40), "is AVIF, which is not readable here: pip install"),
        (b"\0\0\0\x18ftypisom" + bytes(40), ""),
        (b"", ""),
        (b"%PDF-1.4", ""),
    ],
)
def test_what_needs_a_package(content, said):
    assert formats.needs_package(content).startswith(said) and bool(said) == bool(
        formats.needs_package(content)
    )
