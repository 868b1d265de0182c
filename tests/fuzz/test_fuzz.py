"""Whatever people hand over is taken, and then read as an oracle reads it, or refused in words.

Some hundred examples here; `make fuzz` tries thousands. Another outcome than "accepted and right"
or `InputError` fails.
"""

import csv
import functools
import io
import json
import os
import tempfile

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from strategies import CELL, JSON, damaged, file_of, fuzz, outcome, table, text_of

from simclr_med.config.checked_config import make_config
from simclr_med.config.fields import FIELDS
from simclr_med.config.setting import MODES
from simclr_med.config.storage import from_json, to_json
from simclr_med.data import manifest
from simclr_med.data.info import read_info
from simclr_med.evaluation import predictions
from simclr_med.files import stored
from simclr_med.preparation.images import checks, dicom_image
from simclr_med.preparation.images.image_faults import judge_for_rewriting, judge_for_training
from simclr_med.preparation.images.rewriting import plain_image, rewrite, upright_image
from simclr_med.preparation.images.stripping import without_metadata
from simclr_med.preparation.labels import conditions
from simclr_med.views.decode import decode


def rows_of(content):
    """The oracle of tables: what the standard library's reader makes of one, blank lines left."""
    lines = csv.reader(io.StringIO(text_of(content), newline=""), strict=True)
    return [line for line in lines if line]


INFO = st.fixed_dictionaries(
    {"name": st.just("a"), "task": st.sampled_from(["multiclass", "multilabel"]),
     "classes": st.just(["x", "y"])},
    optional=dict.fromkeys(["image_root", "groups", "other_class", "uncertain", "not_mentioned",
                            "shards", "licence", "source", "odd"], JSON),
) | st.dictionaries(st.sampled_from(["name", "task", "classes", "odd"]), JSON)  # fmt: skip


@given(damaged(INFO.map(lambda value: json.dumps(value).encode())) | st.binary(max_size=40))
@fuzz(100)
def test_dataset_json(content):
    with file_of(content, "dataset.json") as file:
        info, refused = outcome(read_info, file)
    if not refused and text_of(content) is not None:
        told = json.loads(text_of(content))
        assert info.task == told["task"] and list(info.classes) == told["classes"]
        assert list(info.groups) == told.get("groups", [])


COLUMNS = ["image", "case_id", "patient_id", "split", "labels"]
SPLIT = st.sampled_from(["train", "test", "unlabelled"]) | CELL
MANIFEST_ROW = st.tuples(CELL, CELL, CELL, SPLIT, st.sampled_from(["x", "y", "x|y", ""]) | CELL)
SOUND_ROW = st.tuples(
    st.integers(0, 99).map("{}.png".format), st.sampled_from("abc"), st.just(""),
    st.just("train"), st.just("x"),
)  # fmt: skip
MANIFEST = st.builds(table, st.just(COLUMNS), st.lists(SOUND_ROW | MANIFEST_ROW, max_size=6))


@given(damaged(MANIFEST) | st.binary(max_size=60))
@example(b"image,case_id,patient_id,split,labels\n\n1.png,a,,train,x\n")
@fuzz(100)
def test_a_manifest(content):
    with tempfile.TemporaryDirectory() as folder:
        info = {"name": "a", "task": "multiclass", "classes": ["x", "y"]}
        with open(os.path.join(folder, "dataset.json"), "w") as out:
            json.dump(info, out)
        with open(os.path.join(folder, "manifest.csv"), "wb") as out:
            out.write(content)
        found, refused = outcome(manifest.read, folder)
        if not refused and text_of(content) is not None:
            header, *rows = rows_of(content)
            assert found.table.columns.tolist() == header
            assert found.table.to_numpy().tolist() == rows
            _, missing = outcome(found.cases, list(dict.fromkeys(found.table["split"])))
            assert missing is not None  # there is no image


NUMBER = st.floats(0, 1).map(str) | CELL | st.sampled_from(["0.5", "1", "1e-9", "inf", "-0"])
PREDICTIONS = st.builds(
    table,
    st.just(["case_id", "patient_id", "truth", "probability:x", "probability:y"])
    | st.lists(CELL, max_size=5),
    st.lists(st.tuples(CELL, CELL, st.sampled_from(["x", "y", "x|y"]) | CELL, NUMBER, NUMBER)
             | st.integers(0, 99).map(lambda n: (f"c{n}", "", "x", "0.25", "0.75")), max_size=5),
)  # fmt: skip


@given(damaged(PREDICTIONS) | st.binary(max_size=60))
@fuzz(100)
def test_predictions(content):
    with file_of(content, "a.csv") as file:
        made, refused = outcome(predictions.read, file)
        if not refused:
            header, *rows = rows_of(content)
            column = dict(zip(header, zip(*rows, strict=True), strict=True))
            assert made.case_ids.tolist() == list(column["case_id"])
            given_x = np.array(column["probability:x"], np.float64).astype(np.float32)
            np.testing.assert_allclose(made.probabilities[:, 0], given_x, rtol=1e-6)


MAPPING = st.builds(
    table, st.just(["from", "to"]), st.lists(st.lists(CELL, min_size=1, max_size=3))
)


@given(damaged(MAPPING) | st.binary(max_size=60))
@fuzz(60)
def test_a_mapping(content):
    with file_of(content, "a.csv") as file:
        assumed = []
        names, refused = outcome(conditions.read_mapping, file, assumed)
        if not refused and not assumed:  # of UTF-8 with commas, which the oracle reads too
            header, *rows = rows_of(content)
            pairs = [dict(zip(header, row, strict=True)) for row in rows]
            assert names == {row["from"].strip(): row["to"].strip() for row in pairs}


def picture(mode, kind, side, **more):
    """A file of a small image."""
    colours = np.random.default_rng(side).integers(0, 256, (side, side + 3, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(colours).convert(mode).save(buffer, kind, **more)
    return buffer.getvalue()


MODES_OF = {
    "JPEG": ("RGB", "L", "CMYK"), "PNG": ("RGB", "P", "1", "RGBA", "LA", "I;16"), "GIF": ("P", "L"),
    "BMP": ("RGB", "P", "1"), "TIFF": ("RGB", "L"), "WEBP": ("RGB",), "PPM": ("L",),
}  # fmt: skip
KINDS = [(mode, kind, {}) for kind, modes in MODES_OF.items() for mode in modes]
KINDS.append(("RGB", "JPEG", {"progressive": True}))
PICTURE = st.builds(
    lambda kind, side: picture(kind[0], kind[1], side, **kind[2]),
    st.sampled_from(KINDS), st.sampled_from([1, 9, 20]),
)  # fmt: skip


@st.composite
def hurt_pictures(draw):
    """Pictures of every kind; some cut, with zeroed parts, turned bytes, more at their end."""
    content = bytearray(draw(PICTURE))
    how = draw(st.sampled_from(["whole", "cut", "zeroed", "turned", "more"]))
    if how == "cut":
        return bytes(content[: -draw(st.integers(1, 20) | st.integers(1, len(content)))])
    if how == "zeroed":
        start = draw(st.integers(0, len(content)))
        content[start:] = bytes(len(content) - start)
    for _ in range(draw(st.integers(1, 4)) if how == "turned" else 0):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content) + (draw(st.binary(max_size=9)) if how == "more" else b"")


@given(hurt_pictures() | st.binary(max_size=80))
@fuzz(120)
def test_an_image(content):
    with file_of(content, "a.png") as file:
        seen = functools.partial(checks.files_decoded, os.path.dirname(file), ["a.png"])
        stays = seen(judge_for_training, plain_image).iloc[0]
        anew = seen(judge_for_rewriting, upright_image).iloc[0]
        if not stays["problem"]:  # then training reads it, and what is stripped of it
            pixels = decode(content).numpy()
            assert pixels.shape == (stays["height"], stays["width"], 3)
            np.testing.assert_array_equal(decode(without_metadata(content)).numpy(), pixels)
        if not anew["problem"]:
            with Image.open(io.BytesIO(rewrite(file, 0)[0])) as image:
                image.load()
                assert image.size in ((anew["width"], anew["height"]),
                                      (anew["height"], anew["width"]))  # fmt: skip
        elif "a side below" not in anew["problem"]:
            with pytest.raises(ValueError, match=r"\S"):
                rewrite(file, 0)


# DICOM: elements of greys, each absent, empty, a number, one of several, or no number at all.
HALVES = st.integers(-9000, 9000).map(lambda n: n / 2)
ELEMENT = st.none() | HALVES | st.sampled_from([0, 1, -1]) | st.just("Mueller^Anna")
GREYS = st.fixed_dictionaries(
    {},
    optional={
        "RescaleSlope": ELEMENT, "RescaleIntercept": ELEMENT, "WindowCenter": ELEMENT,
        "WindowWidth": ELEMENT, "PixelPaddingValue": st.integers(0, 60),
        "PixelPaddingRangeLimit": st.integers(0, 60),
        "VOILUTFunction": st.none()
        | st.sampled_from(["LINEAR", "SIGMOID", "LINEAR_EXACT", " linear ", "CUBIC"]),
    },
)  # fmt: skip


def greys_by_the_standard(pixels, kind, elements):
    """Return PS3.3's greys of these elements, 0 to 255, or None where it allows none."""

    def number(name, otherwise):
        found = elements.get(name)
        return otherwise if found is None else found

    slope, intercept = number("RescaleSlope", 1.0), number("RescaleIntercept", 0.0)
    centre, width = number("WindowCenter", None), number("WindowWidth", None)
    if "Mueller^Anna" in (slope, intercept, centre, width) or slope == 0:
        return None
    first = number("PixelPaddingValue", None)
    last = number("PixelPaddingRangeLimit", first)
    padding = np.zeros(pixels.shape, bool)
    if first is not None:
        padding = (pixels >= min(first, last)) & (pixels <= max(first, last))
    x = slope * pixels.astype(float) + intercept
    function = str(number("VOILUTFunction", "LINEAR")).strip().upper()
    if centre is None or width is None:
        native = x[~padding]
        span = np.ptp(native) if native.size else 0
        y = (x - native.min()) / span if span else np.zeros(x.shape)
    elif function == "LINEAR" and width >= 1:  # C.11.2.1.2, as the three cases are written there
        y = np.zeros(x.shape)
        y[x > centre - 0.5 + (width - 1) / 2] = 1
        within = (x > centre - 0.5 - (width - 1) / 2) & (x <= centre - 0.5 + (width - 1) / 2)
        y[within] = (x[within] - (centre - 0.5)) / (width - 1) + 0.5
    elif function == "LINEAR_EXACT" and width > 0:
        y = np.clip((x - centre) / width + 0.5, 0, 1)
    elif function == "SIGMOID" and width > 0:
        with np.errstate(over="ignore"):
            y = 1 / (1 + np.exp(-4 * (x - centre) / width))
    else:
        return None
    return 255 * np.where(padding, 0, 1 - y if kind == "MONOCHROME1" else y)


@given(GREYS, st.sampled_from(["MONOCHROME1", "MONOCHROME2"]), st.booleans(), st.integers(7, 16))
@example({"WindowCenter": 40, "WindowWidth": 400, "RescaleSlope": None}, "MONOCHROME1", True, 12)
@example({"WindowCenter": 40, "WindowWidth": 1}, "MONOCHROME2", False, 12)
@fuzz(150)
def test_greys_of_dicom(elements, kind, signed, bits):
    pydicom = pytest.importorskip("pydicom", reason="make extras installs dicom")
    low = -(2 ** (bits - 1)) if signed else 0
    drawn = np.random.default_rng(bits).integers(low, low + 2**bits, (5, 6))
    pixels = np.concatenate([drawn, np.arange(60).reshape(10, 6)]).astype(
        "<i2" if signed else "<u2"
    )
    header = pydicom.Dataset()
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    header.SOPClassUID, header.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3"
    header.PhotometricInterpretation, header.SamplesPerPixel = kind, 1
    header.Rows, header.Columns = pixels.shape
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, bits, bits - 1
    header.PixelRepresentation, header.PixelData = int(signed), pixels.tobytes()
    for name, value in elements.items():
        vr = "LO" if value == "Mueller^Anna" else pydicom.datadict.dictionary_VR(name)
        vr = vr if vr != "US or SS" else "SS" if signed else "US"
        header.add(pydicom.DataElement(name, vr, value))
    expected = greys_by_the_standard(pixels, kind, elements)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "a.dcm")
        header.save_as(file, enforce_file_format=True)
        if expected is None:
            with pytest.raises(dicom_image.NotShownError) as refused:
                dicom_image.render(file)
            assert "Mueller" not in str(refused.value)
            return
        shown = dicom_image.render(file)
    assert shown.dtype == np.uint8 and np.abs(shown - expected).max() <= 0.5 + 1e-6


VALUE = {
    int: st.integers(-10, 10**6) | st.integers(), float: st.floats() | st.floats(0, 1),
    bool: st.booleans(), str: CELL | st.sampled_from(["none", "random", "run:x", "resnet18"]),
    tuple: st.lists(CELL | st.sampled_from(["train", "test"]), max_size=3).map(tuple),
}  # fmt: skip


@st.composite
def flags(draw):
    """A flag and a value of its type: any, its default, or one of its choices."""
    name = draw(st.sampled_from(sorted(FIELDS)))
    field = FIELDS[name][1]
    check = field.metadata["check"]
    choices = (field.default,) if not check or callable(check[-1]) else check
    return name, draw(VALUE[field.type] | st.sampled_from(choices))


@given(st.sampled_from([m for m in MODES if m not in ("evaluate", "export")]),
       st.lists(flags(), max_size=4).map(dict))  # fmt: skip
@fuzz(150)
def test_flags(mode, flags):
    given_flags = {"data_dir": "d", "work_dir": "w", "runs": ("a", "b"), "title": "t"} | flags
    acting = {
        name: value
        for name, value in given_flags.items()
        if name in ("work_dir", *flags) or mode in FIELDS[name][1].metadata["modes"]
    }
    config, refused = outcome(make_config, mode, acting)
    if not refused:
        for name, value in flags.items():
            if name not in ("data_dir", "init"):
                told = getattr(getattr(config, FIELDS[name][0]), name)
                assert told == value or name == "strategy" or flags.get("use_tpu")
        assert from_json(to_json(config), config.work_dir) == config


@given(damaged(JSON.map(lambda value: json.dumps(value).encode())))
@fuzz(60)
def test_own_json(content):
    with file_of(content, "a.json") as file:
        found, refused = outcome(stored.read_json, file, {"name": str}, "delete it")
        if not refused:
            assert repr(found) == repr(json.loads(content.decode("utf-8-sig")))
