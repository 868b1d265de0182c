"""DICOM files as archives leave them: any name, no preamble, compressed, many frames."""

import numpy as np
import pandas as pd
import pytest

from simclr_med.data import manifest
from simclr_med.errors import InputError
from simclr_med.preparation.prepare import prepare
from simclr_med.preparation.settings import Settings

pydicom = pytest.importorskip("pydicom", reason="pip install simclr_med[dicom]")
from pydicom.uid import ImplicitVRLittleEndian  # noqa: E402

from simclr_med.preparation.images import dicom_image  # noqa: E402
from tests.preparation.test_dicom import PIXELS, write  # noqa: E402

NAMES = ("1.2.840.113619.2.55", "IM00001.IMA", "b.img", "noext", "c.DCM", "d.dcm30", "e.jpg")


def bare(path, syntax=None, meta=False, **more):
    """Write the data set of `write` without a preamble, with or without its group 2."""
    header = pydicom.dcmread(write(path, **more))
    if syntax:
        header.file_meta.TransferSyntaxUID = syntax
    if meta:
        content = pydicom.filebase.DicomBytesIO()
        pydicom.dcmwrite(content, header, enforce_file_format=True)
        path.write_bytes(content.getvalue()[132:])
    else:
        header.preamble, implicit = None, syntax is not None
        del header.file_meta
        pydicom.dcmwrite(path, header, implicit_vr=implicit, little_endian=True)
    assert path.read_bytes()[128:132] != b"DICM"
    return path


def prepared(folder, output, **options):
    done = prepare("dicom", folder, output, Settings(), {"plain_ids": True} | options)
    return manifest.read(output).table, "\n".join(done)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["with", "explicit", "implicit", "meta"])
def test_the_content_decides_whatever_the_name_and_with_or_without_a_preamble(name, kind, tmp_path):
    path = tmp_path / "in" / "study" / name
    plain = dicom_image.render(write(tmp_path / "plain"))
    if kind == "with":
        write(path)
    else:
        bare(path, ImplicitVRLittleEndian if kind == "implicit" else None, meta=kind == "meta")
    assert dicom_image.is_dicom(path) and (dicom_image.render(path) == plain).all()
    table, said = prepared(tmp_path / "in", tmp_path / "out")
    assert len(table) == 1 and "not DICOM" not in said


@pytest.mark.parametrize(
    "content", [b"", b"\x08", b"\x08\0\0\0", bytes(2000), b"\x89PNG\r\n\x1a\n" + bytes(300),
                b"\xff\xd8\xff\xe0" + bytes(300), b"\x08\0\x05\0CS" + b"\xff" * 300, b"text\n" * 9],
)  # fmt: skip
def test_other_files_are_no_dicom(content, tmp_path):
    (tmp_path / "a.dcm").write_bytes(content)
    assert not dicom_image.is_dicom(tmp_path / "a.dcm")


def many_frames(path, number=3, **more):
    stack = np.stack([np.roll(PIXELS, 5 * i, axis=0) for i in range(number)])
    write(path, NumberOfFrames=number, PixelData=stack.tobytes(), **more)
    return stack


def test_frames_are_images_of_one_case_by_flag(tmp_path):
    many_frames(tmp_path / "in" / "a.dcm")
    with pytest.raises(InputError, match="3 frames.*--frames=each"):
        prepared(tmp_path / "in", tmp_path / "out")
    table, _ = prepared(tmp_path / "in", tmp_path / "out", frames="each")
    assert table["case_id"].nunique() == 1 and len(table) == 3
    for number in range(3):
        write(tmp_path / f"{number}.dcm", np.roll(PIXELS, 5 * number, axis=0))
        one = dicom_image.render(tmp_path / f"{number}.dcm")
        assert (dicom_image.render(tmp_path / "in" / "a.dcm", number) == one).all()


def test_a_frame_has_its_own_window_and_rescale(tmp_path):
    def group(centre):
        item, window, rescale = (pydicom.Dataset() for _ in range(3))
        window.WindowCenter, window.WindowWidth = centre, 500
        rescale.RescaleSlope, rescale.RescaleIntercept = 2, -100
        item.FrameVOILUTSequence = pydicom.Sequence([window])
        item.PixelValueTransformationSequence = pydicom.Sequence([rescale])
        return item

    groups = pydicom.Sequence([group(1000 * i) for i in (1, 2, 3)])
    stack = many_frames(tmp_path / "a.dcm", PerFrameFunctionalGroupsSequence=groups)
    for number in range(3):
        more = {"WindowCenter": 1000 * (number + 1), "WindowWidth": 500}
        more |= {"RescaleSlope": 2, "RescaleIntercept": -100}
        write(tmp_path / "one.dcm", stack[number], **more)
        one = dicom_image.render(tmp_path / "one.dcm")
        assert (dicom_image.render(tmp_path / "a.dcm", number) == one).all() and one.std() > 0


SYNTAXES = ("JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless", "RLELossless")


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_compressed_pixels_are_those_before(syntax, tmp_path):
    gdcm = pytest.importorskip("gdcm", reason="pip install python-gdcm")
    path = write(tmp_path / "plain.dcm")
    reader, change, writer = (
        gdcm.ImageReader(),
        gdcm.ImageChangeTransferSyntax(),
        gdcm.ImageWriter(),
    )
    reader.SetFileName(str(path))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(tmp_path / "small"))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    header = pydicom.dcmread(tmp_path / "small", stop_before_pixels=True)
    assert header.file_meta.TransferSyntaxUID.is_compressed
    assert (dicom_image.render(tmp_path / "small") == dicom_image.render(path)).all()


@pytest.mark.parametrize("syntax", ["JPEGLosslessSV1", "JPEGLSLossless", "JPEG2000Lossless"])
def test_the_package_that_decodes_is_named(syntax, tmp_path, monkeypatch):
    header = pydicom.dcmread(write(tmp_path / "a.dcm"))
    header.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)
    header.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
    header.save_as(tmp_path / "b.dcm")
    monkeypatch.setattr(pydicom.pixels.decoders.base.Decoder, "is_available", False)
    with pytest.raises(ValueError, match=r"pip install .*\[dicom\]"):
        dicom_image.render(tmp_path / "b.dcm")


def test_a_directory_of_a_medium_is_passed_over_and_a_study_without_uid_is_named(tmp_path):
    header = pydicom.dcmread(write(tmp_path / "in" / "DICOMDIR"))
    header.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    header.save_as(tmp_path / "in" / "DICOMDIR")
    write(tmp_path / "in" / "b.ima", StudyInstanceUID="")
    with pytest.raises(InputError, match="StudyInstanceUID.*b.ima.*is empty"):
        prepared(tmp_path / "in", tmp_path / "out")
    listed = pd.read_csv(tmp_path / "out.problems.csv")
    assert len(listed) == 1
