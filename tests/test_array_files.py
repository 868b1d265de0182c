"""Arrays of others: read as NumPy reads them; those that promise too much cost no memory."""

import io
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from simclr_med.errors import InputError
from simclr_med.files import array_files

ARRAYS = {
    "a": np.arange(12.0).reshape(3, 4),
    "by_column": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
    "scalar": np.array(7, ">i4"),
    "none": np.zeros([0, 3], np.uint8),
    "flags": np.array([True, False]),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_those_that_numpy_reads(save, tmp_path):
    save(tmp_path / "a.npz", **ARRAYS)
    found = array_files.read_npz(tmp_path / "a.npz")
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
        np.save(tmp_path / "a.npy", array)
        np.testing.assert_array_equal(array_files.read_npy(tmp_path / "a.npy"), array, strict=True)


def test_texts_are_read_where_they_are_expected(tmp_path):
    np.savez(tmp_path / "a.npz", texts=np.array(["", "é"]))
    assert list(array_files.read_npz(tmp_path / "a.npz", "U")["texts"]) == ["", "é"]
    with pytest.raises(InputError, match="texts.npy is <U1"):
        array_files.read_npz(tmp_path / "a.npz")


def npy(descr, shape, content=b"", version=1):
    """A file of NumPy's format whose header says what one likes."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}}}".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header) + 1)
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + b"\n" + content


PROMISES = {
    "588 TiB": npy("<f8", (10**14,)),
    "many axes": npy("<f8", (2**40, 2**40, 2**40)),
    "negative": npy("<f8", (-1,)),
    "wide texts": npy("<U2000000000", (3,)),
    "objects": npy("|O", (3,)),
    "records": npy([("a", "<f8")], (1,), bytes(8)),
    "cut": npy("<f8", (3,), bytes(8)),
    "another version": npy("<f8", (1,), bytes(8), version=3),
    "a header without end": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{",
    "a deep header": npy("<f8", "(" * 3000),
    "signs without end": npy("<f8", "-" * 5000 + "1"),
    "no array": b"text",
    "nothing": b"",
}


def peak(read, path):
    """Bytes that a refused reading took at most, and the message."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as told:
            read(path)
        return tracemalloc.get_traced_memory()[1], str(told.value)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", PROMISES.values(), ids=PROMISES)
@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_a_header_that_promises_too_much_is_refused_without_memory(kind, content, tmp_path):
    file = tmp_path / f"a.{kind}"
    if kind == "npz":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("x.npy", content)
    else:
        file.write_bytes(content)
    bytes_, message = peak(getattr(array_files, f"read_{kind}"), file)
    assert bytes_ < 2**22 and str(file) in message


def bomb(file, size=2**28):
    """An .npz of some MiB's zeros, said to be `size`."""
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w") as member,
    ):
        member.write(npy("|u1", (size,)))
        for _ in range(size // 2**24):
            member.write(bytes(2**24))


def test_a_zip_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path):
    bomb(tmp_path / "a.npz")
    bytes_, message = peak(array_files.read_npz, tmp_path / "a.npz")
    assert bytes_ < 2**22 and "the archive promises 268,4" in message


def test_arrays_that_compress_well_are_read(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(2**25, np.uint8))  # 1000 times as long
    assert array_files.read_npz(tmp_path / "a.npz")["x"].shape == (2**25,)


def test_the_hole_of_a_sparse_file_does_not_count(tmp_path):
    file = tmp_path / "a.npy"
    file.write_bytes(npy("|u1", (2**40,)))
    os.truncate(file, 2**41)
    bytes_, message = peak(array_files.read_npy, file)
    assert bytes_ < 2**22 and "promises 1,099,511,627,776 bytes" in message


def test_a_damaged_archive_is_named(tmp_path):
    np.savez(tmp_path / "a.npz", **ARRAYS)
    whole = (tmp_path / "a.npz").read_bytes()
    draw = np.random.default_rng(0)
    for number in range(300):
        content = bytearray(whole)
        for place in draw.integers(len(whole), size=3):
            content[place] = draw.integers(256)
        if number % 3 == 0:
            content = content[: draw.integers(len(content))]
        (tmp_path / "b.npz").write_bytes(content)
        try:
            array_files.read_npz(tmp_path / "b.npz")
        except InputError as error:
            assert str(tmp_path / "b.npz") in str(error)


def test_what_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="expected a file"):
            array_files.read_npz(path)


def test_a_member_s_bytes(tmp_path):
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", b"text")
    with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as archive:
        assert array_files.member_bytes(file, archive, "a") == b"text"
