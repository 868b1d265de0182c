"""DICOM against pydicom and the formulas of the standard; ids and headers stay inside."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from simclr_med.data import manifest
from simclr_med.errors import InputError
from simclr_med.preparation import sources
from simclr_med.preparation.prepare import prepare
from simclr_med.preparation.settings import Settings

pydicom = pytest.importorskip("pydicom", reason="make extras installs dicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.pixels import apply_modality_lut, apply_voi_lut  # noqa: E402
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid  # noqa: E402

from simclr_med.preparation.images import dicom_image  # noqa: E402

PIXELS = np.random.default_rng(0).integers(0, 4096, (24, 32), dtype=np.uint16)


def write(path, pixels=PIXELS, bits=12, kind="MONOCHROME2", **more):
    """A DICOM file of these pixels."""
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    header.SOPInstanceUID = generate_uid(entropy_srcs=[str(path)])
    header.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
    header.PatientID, header.PatientName, header.Modality = "P-0042", "Müller^Anna", "DX"
    header.ViewPosition = "PA"
    header.PhotometricInterpretation = kind
    header.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    if pixels.ndim == 3:
        header.PlanarConfiguration = 0
    header.Rows, header.Columns = pixels.shape[:2]
    header.BitsAllocated, header.BitsStored = 8 * pixels.dtype.itemsize, bits
    header.HighBit = bits - 1
    header.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    header.PixelData = pixels.tobytes()
    for name, value in more.items():
        setattr(header, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    header.save_as(path, enforce_file_format=True)
    return path


def lookup(name, table, first=0):
    item = Dataset()
    item.LUTDescriptor = [len(table), first, 16 if name == "ModalityLUTSequence" else 12]
    item.LUTData = np.asarray(table, np.uint16).tobytes()
    if name == "ModalityLUTSequence":
        item.ModalityLUTType = "US"
    return {name: pydicom.Sequence([item])}


GREY = {
    "12 bits with a window": {"WindowCenter": 1500, "WindowWidth": 1800},
    "several windows": {"WindowCenter": [900, 2000], "WindowWidth": [700, 400]},
    "rescaled": {"RescaleSlope": 2.5, "RescaleIntercept": -1000, "WindowCenter": 3000,
                 "WindowWidth": 4000},
    "window of width 1": {"WindowCenter": 2000, "WindowWidth": 1},
    "linear exact": {"WindowCenter": 1500, "WindowWidth": 1800, "VOILUTFunction": "LINEAR_EXACT"},
    "sigmoid": {"WindowCenter": 2000, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"},
    "lookup": lookup("VOILUTSequence", np.linspace(0, 4095, 4096) ** 2 // 4095),
    "modality lookup": lookup("ModalityLUTSequence", np.arange(4096)[::-1])
    | {"WindowCenter": 1500, "WindowWidth": 1800},
}  # fmt: skip


def pydicom_s(path, low=0.0, high=1.0):
    """What pydicom makes of the file, its window's output range laid over 0 to 255."""
    header = pydicom.dcmread(path)
    values = apply_modality_lut(header.pixel_array, header)
    shown = apply_voi_lut(values, header, index=0).astype(np.float64)
    return np.round(255 * np.clip((shown - low) / (high - low), 0, 1))


@pytest.mark.parametrize("name", GREY)
@pytest.mark.parametrize("kind", dicom_image.GREY)
def test_greys_as_pydicom_shows_them(name, kind, tmp_path):
    more = GREY[name]
    path = write(tmp_path / "a.dcm", kind=kind, **more)
    # pydicom maps a window onto the range of the stored (here of the rescaled) values.
    low, high = 0.0, 4095.0
    if "RescaleSlope" in more:
        low, high = -1000.0, 2.5 * 4095 - 1000
    if "ModalityLUTSequence" in more:
        high = 65535.0
    expected = pydicom_s(path, low, high)
    expected = 255 - expected if kind == "MONOCHROME1" else expected
    ours = dicom_image.render(path).astype(int)
    assert np.ptp(ours) > 100
    assert np.abs(ours - expected).max() <= 1


def test_without_a_window_the_whole_range_is_shown(tmp_path):
    path = write(tmp_path / "a.dcm")
    span = PIXELS.max() - PIXELS.min()
    expected = np.round(255 * (PIXELS.astype(float) - PIXELS.min()) / span)
    np.testing.assert_array_equal(dicom_image.render(path), expected)
    flat = write(tmp_path / "b.dcm", np.full((4, 4), 7, np.uint16))
    assert (dicom_image.render(flat) == 0).all()


def test_signed_16_bits(tmp_path):
    signed = (PIXELS.astype(np.int32) * 16 - 32768).astype(np.int16)
    path = write(tmp_path / "a.dcm", signed, bits=16, WindowCenter=0, WindowWidth=65535)
    expected = np.round(255 * (signed.astype(float) + 32768) / 65534)
    assert np.abs(dicom_image.render(path) - expected).max() <= 1


def test_colours(tmp_path):
    rgb = np.random.default_rng(1).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    np.testing.assert_array_equal(dicom_image.render(write(tmp_path / "a", rgb, 8, "RGB")), rgb)
    from PIL import Image

    ybr = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    ours = dicom_image.render(write(tmp_path / "b", ybr, 8, "YBR_FULL")).astype(int)
    assert np.abs(ours - rgb).max() <= 3
    tables = {
        f"{c}PaletteColorLookupTableDescriptor": [256, 0, 16] for c in ("Red", "Green", "Blue")
    }
    colours = {c: np.arange(256, dtype=np.uint16) * 257 // (i + 1)
               for i, c in enumerate(("Red", "Green", "Blue"))}  # fmt: skip
    tables |= {f"{c}PaletteColorLookupTableData": v.tobytes() for c, v in colours.items()}
    index = rgb[..., 0]
    ours = dicom_image.render(write(tmp_path / "c", index, 8, "PALETTE COLOR", **tables))
    np.testing.assert_array_equal(ours[..., 1], colours["Green"][index] >> 8)
    for c, entries in colours.items():  # entries of 8 bits in words of 16
        tables[f"{c}PaletteColorLookupTableDescriptor"] = [256, 0, 8]
        tables[f"{c}PaletteColorLookupTableData"] = (entries >> 8).astype("<u2").tobytes()
    again = dicom_image.render(write(tmp_path / "d", index, 8, "PALETTE COLOR", **tables))
    np.testing.assert_array_equal(again, ours)
    deep = rgb.astype(np.uint16) * 16 + 7
    np.testing.assert_array_equal(dicom_image.render(write(tmp_path / "e", deep, 12, "RGB")), rgb)
    with pytest.raises(dicom_image.NotShownError, match="MONOCHROME2 of 3 samples"):
        dicom_image.render(write(tmp_path / "f", rgb, 8, "MONOCHROME2"))


def test_run_length_encoding(tmp_path):
    path = write(tmp_path / "a.dcm", WindowCenter=1500, WindowWidth=1800)
    header = pydicom.dcmread(path)
    header.compress(RLELossless)
    header.save_as(tmp_path / "b.dcm")
    np.testing.assert_array_equal(dicom_image.render(tmp_path / "b.dcm"), dicom_image.render(path))


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"NumberOfFrames": 2, "PixelData": PIXELS.tobytes() * 2}, "2 frames"),
        ({"PhotometricInterpretation": "CMYK"}, "colour space CMYK"),
        ({"PixelData": b"\0\0"}, "cannot be decoded"),
        ({"WindowCenter": 5, "WindowWidth": 0}, "LINEAR of width 0"),
        ({"WindowCenter": 5, "WindowWidth": 9, "VOILUTFunction": "CUBIC"}, "CUBIC"),
    ],
)
def test_what_is_not_handled_is_named(more, named, tmp_path):
    path = write(tmp_path / "a.dcm", **more)
    with pytest.raises(ValueError, match=named):
        dicom_image.render(path)


def test_no_image_and_no_dicom(tmp_path):
    path = write(tmp_path / "a.dcm")
    header = pydicom.dcmread(path)
    del header.PixelData
    header.save_as(path)
    with pytest.raises(ValueError, match="no image"):
        dicom_image.render(path)
    (tmp_path / "b.dcm").write_bytes(b"text")
    with pytest.raises(ValueError, match="no DICOM"):
        dicom_image.render(tmp_path / "b.dcm")


def tree(folder):
    for number in range(6):
        write(
            folder
            / f"Müller Anna {number // 2}"
            / (f"{number}.dcm" if number % 2 else f"{number}"),
            np.roll(PIXELS, number),
            PatientID=f"P-{number // 4}",
            StudyInstanceUID=f"1.2.{number // 2}",
            ViewPosition="PA" if number % 2 else "LATERAL",
            Modality="DX" if number < 5 else "ES",
        )
    (folder / "notes.txt").write_text("x")
    (folder / "README").write_text("x")


OPTIONS = {"salt": "", "plain_ids": False, "modality": ""}


def make(folder, output, allow=0, **options):
    prepare("dicom", folder, output, Settings(allow_problems=allow), OPTIONS | options)
    return manifest.read(output)


def test_a_tree_becomes_a_folder_without_names(tmp_path):
    tree(tmp_path / "in")
    found = make(tmp_path / "in", tmp_path / "d", salt="s")
    table = found.table
    assert len(table) == 6 and table["patient_id"].nunique() == 2
    assert table["case_id"].value_counts().tolist() == [2, 2, 2]
    assert set(table["split"]) == {"unlabelled"} and set(table["view"]) == {"PA", "LATERAL"}
    everything = b"".join(
        str(path.relative_to(tmp_path / "d")).encode() + path.read_bytes()
        for path in (tmp_path / "d").rglob("*") if path.is_file()
    )  # fmt: skip
    for secret in ("Müller", "Anna", "P-0", "P-1", "1.2.0", "P-0042"):
        assert secret.encode() not in everything
    assert "since they are not DICOM: 2." in (tmp_path / "d" / "card.md").read_text()
    assert len(found.cases(["unlabelled"]).paths) == 6


def test_the_salt_makes_the_ids(tmp_path):
    tree(tmp_path / "in")
    ids = [
        set(make(tmp_path / "in", tmp_path / name, **options).table["patient_id"])
        for name, options in (("a", {"salt": "s"}), ("b", {"salt": "s"}), ("c", {"salt": "t"}),
                              ("d", {"plain_ids": True}))
    ]  # fmt: skip
    assert ids[0] == ids[1] and not ids[0] & ids[2] and ids[3] == {"P-0", "P-1"}
    with pytest.raises(InputError, match="--salt"):
        make(tmp_path / "in", tmp_path / "e")
    assert len(make(tmp_path / "in", tmp_path / "f", salt="s", modality="ES").table) == 1


def test_a_file_that_cannot_be_shown_is_a_problem(tmp_path):
    tree(tmp_path / "in")
    write(tmp_path / "in" / "cine.dcm", NumberOfFrames=2, PixelData=PIXELS.tobytes() * 2)
    with pytest.raises(InputError, match="2 frames"):
        make(tmp_path / "in", tmp_path / "d", plain_ids=True)
    listed = pd.read_csv(tmp_path / "d.problems.csv")
    assert listed["file"].tolist() == ["cine.dcm"]
    assert len(make(tmp_path / "in", tmp_path / "d", allow=1, salt="s").table) == 6


@pytest.mark.parametrize(
    "lost",
    ["BitsStored", "Rows", "PixelRepresentation", "PhotometricInterpretation"],
)
def test_a_header_that_lacks_something_is_no_crash(tmp_path, lost):
    path = write(tmp_path / "a.dcm", WindowCenter=1500, WindowWidth=1800)
    header = pydicom.dcmread(path)
    del header[lost]
    header.save_as(path)
    with pytest.raises(ValueError, match="."):
        dicom_image.render(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_damage_is_a_value_error(tmp_path):
    rng = np.random.default_rng(0)
    whole = np.fromfile(write(tmp_path / "a.dcm", WindowCenter=1500, WindowWidth=1800), np.uint8)
    refused = 0
    for _ in range(300):
        hurt = whole.copy()
        hurt[rng.integers(132, 600, 8)] = rng.integers(0, 256, 8)
        (tmp_path / "hurt.dcm").write_bytes(hurt[: rng.integers(500, len(hurt))].tobytes())
        try:
            assert dicom_image.render(tmp_path / "hurt.dcm").dtype == np.uint8
        except ValueError:
            refused += 1
    assert refused > 100


def test_names_of_files_never_become_names_of_images(tmp_path):
    for name, uid in (("Anna Müller", ""), ("b", "../../1"), ("c", "1.2.3")):
        path = write(tmp_path / "in" / f"{name}.dcm")
        header = pydicom.dcmread(path)
        header.SOPInstanceUID = uid
        header.save_as(path)
    names = sorted(make(tmp_path / "in", tmp_path / "d", plain_ids=True).table["image"])
    assert "1.2.3.png" in names and len(names) == 3
    assert all(set(name.removesuffix(".png")) <= set("0123456789abcdef.") for name in names)


def hurt(path, **values):
    """Set elements of a DICOM file to bytes that are not of their kind."""
    header = pydicom.dcmread(write(path))
    for name, value in values.items():
        raw = header[name]
        raw = pydicom.dataelem.RawDataElement(raw.tag, raw.VR, len(value), value, 0, False, True)
        dict.__setitem__(header._dict, raw.tag, raw)
    header.save_as(path)


def damaged_tree(folder):
    """A tree in which all that can go wrong with a file does, each time beside a name."""
    tree(folder)
    rest = folder / "Mueller^Anna"
    first = write(rest / "Anna first.dcm", SOPInstanceUID="1.2.77", StudyInstanceUID="1.2.7")
    (rest / "Anna again.dcm").write_bytes(first.read_bytes())
    write(rest / "Anna no study.dcm", StudyInstanceUID="")
    write(rest / "Anna cine.dcm", NumberOfFrames=2, PixelData=PIXELS.tobytes() * 2)
    write(rest / "Anna short.dcm", PixelData=b"\0\0")
    write(rest / "Anna bad window.dcm", WindowCenter=5, WindowWidth=0)
    hurt(rest / "Anna text.dcm", Rows=b"Mueller^Anna")
    (rest / "Anna cut.dcm").write_bytes(first.read_bytes()[:200])
    (rest / "Anna head.dcm").write_bytes(bytes(128) + b"DICMMueller^Anna")
    for number, name in enumerate(("WindowCenter", "BitsStored", "PixelPaddingValue")):
        path = rest / f"Anna {number}.dcm"
        header = pydicom.dcmread(write(path))
        header.add(pydicom.DataElement(name, "LO", "Mueller^Anna"))
        header.save_as(path)


SECRETS = ("Müller", "M\\u00fcller", "Mueller", "Anna", "anna", "P-0", "P-1", "1.2.77", "no study")


def test_with_a_salt_no_name_gets_out_by_any_way(tmp_path):
    damaged_tree(tmp_path / "in")
    said = []
    for more in ((), ("--allow_problems=20",)):
        done = subprocess.run(
            [sys.executable, "tools/prepare_data.py", "--source=dicom", "--salt=s",
             f"--input={tmp_path / 'in'}", f"--output={tmp_path / 'd'}", *more],
            capture_output=True, text=True,
        )  # fmt: skip
        said.append(done.stdout + done.stderr)
        assert done.returncode == (0 if more else 2), done.stderr
        assert "Traceback" not in done.stderr
    listed = pd.read_csv(tmp_path / "d.problems.csv")
    assert len(listed) >= 9 and (listed["file"] + listed["value"]).str.contains("plain_ids").all()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    for path in written:
        if tmp_path / "in" not in path.parents:
            said += [str(path.relative_to(tmp_path)), path.read_bytes().decode("latin-1")]
            said.append(path.read_bytes().decode("utf-8", "replace"))
    for secret in SECRETS:
        assert not [text[:300] for text in said if secret in text], secret


def test_an_unknown_patient_is_no_person_under_a_salt_either(tmp_path):
    for number, patient in enumerate(("Unknown", "unknown", "", "P-1")):
        write(tmp_path / "in" / str(number), PatientID=patient, StudyInstanceUID=f"1.{number}")
    found = make(tmp_path / "in", tmp_path / "d", salt="s").table
    assert sorted(found["patient_id"] == "") == [False, True, True, True]


def test_burned_in_text_is_said(tmp_path):
    write(tmp_path / "in" / "a", BurnedInAnnotation="YES")
    write(tmp_path / "in" / "b", BurnedInAnnotation="NO")
    make(tmp_path / "in", tmp_path / "d", salt="s")
    assert "1 images say that text is burned" in (tmp_path / "d" / "card.md").read_text()


def test_where_there_is_no_dicom(tmp_path):
    with pytest.raises(InputError, match="single images"):
        sources.load("dicom").read(tmp_path, OPTIONS | {"salt": "s"})


@pytest.mark.parametrize("lost", ["StudyInstanceUID", "SOPInstanceUID", "PatientID", "Modality"])
@pytest.mark.parametrize("salt", ["", "s"])
@pytest.mark.parametrize("empty", [True, False])
def test_what_all_files_lack_is_named_or_unknown(lost, salt, empty, tmp_path):
    for number in range(2):
        path = write(tmp_path / "in" / f"{number}.dcm", np.roll(PIXELS, number))
        header = pydicom.dcmread(path)
        if empty:
            setattr(header, lost, "")
        else:
            delattr(header, lost)
        header.save_as(path)
    options = {"salt": salt, "plain_ids": not salt}
    if lost != "StudyInstanceUID":
        assert len(make(tmp_path / "in", tmp_path / "d", **options).table) == 2
        return
    with pytest.raises(InputError, match="column StudyInstanceUID: .* is empty: a case is a study"):
        make(tmp_path / "in", tmp_path / "d", **options)
    listed = pd.read_csv(tmp_path / "d.problems.csv")
    assert listed["column"].tolist() == ["StudyInstanceUID"] * 2


def bare(path, implicit):
    """The data set of a DICOM file, without preamble and file meta information."""
    header = pydicom.dcmread(path)
    header.preamble = None
    del header.file_meta
    header.save_as(path, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    assert path.read_bytes()[128:132] != b"DICM"


@pytest.mark.parametrize(
    "name", ["1.2.840.77", "I0001.IMA", "a.img", "a", "b.DCM", "x.jpg", "c.dat"]
)
@pytest.mark.parametrize("kind", ["whole", "explicit", "implicit"])
def test_the_content_decides_whatever_the_name(name, kind, tmp_path):
    path = write(tmp_path / "in" / name)
    expected = dicom_image.render(path)
    if kind != "whole":
        bare(path, kind == "implicit")
    (tmp_path / "in" / "notes.txt").write_text("no image " * 50)
    (tmp_path / "in" / "zeros").write_bytes(bytes(500))
    np.testing.assert_array_equal(dicom_image.render(path), expected)
    found = make(tmp_path / "in", tmp_path / "d", plain_ids=True)
    assert len(found.table) == 1
    assert "since they are not DICOM: 2." in (tmp_path / "d" / "card.md").read_text()


@pytest.mark.parametrize("salt", ["", "s"])
def test_frames_are_images_of_one_case(salt, tmp_path):
    frames = np.stack([np.roll(PIXELS, number, axis=1) for number in range(3)])
    write(tmp_path / "in" / "cine.dcm", NumberOfFrames=3, PixelData=frames.tobytes())
    single = [write(tmp_path / f"{number}", pixels) for number, pixels in enumerate(frames)]
    write(tmp_path / "in" / "one.dcm", StudyInstanceUID="1.2.9")
    found = make(tmp_path / "in", tmp_path / "d", frames="each", salt=salt, plain_ids=not salt)
    assert found.table["case_id"].value_counts().tolist() == [3, 1]
    names = sorted(name for name in found.table["image"] if "_000" in name)
    for name, path in zip(names, single, strict=True):
        with Image.open(found.image_root / name) as image:
            np.testing.assert_array_equal(np.asarray(image), dicom_image.render(path))


COMPRESSED = ("JPEG-LL.dcm", "JPEG2000.dcm", "MR_small_jpeg_ls_lossless.dcm",
              "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_jpeg_gdcm.dcm",
              "JPGLosslessP14SV1_1s_1f_8b.dcm")  # fmt: skip


@pytest.mark.parametrize("name", COMPRESSED)
def test_a_compressed_file_decodes_with_the_extra_as_installed(name):
    pytest.importorskip("gdcm")
    try:
        path = pydicom.data.get_testdata_file(name, download=False)
    except ValueError:
        path = None
    pixels = dicom_image.render(path or pytest.skip("is not here"))
    assert pixels.dtype == np.uint8 and pixels.std() > 1


@pytest.mark.parametrize("name", ["JPEG-lossy.dcm", "JPGExtended.dcm"])
def test_jpeg_of_12_bits_names_the_package_that_decodes_it(name):
    path = pydicom.data.get_testdata_file(name, download=False) or pytest.skip("is not here")
    with pytest.raises(ValueError, match=r"12 bits need, .*pip install pylibjpeg") as caught:
        dicom_image.render(path)
    assert "\n" not in str(caught.value)
