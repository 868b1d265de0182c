"""The .safetensors format: each length of header, each type, arrays as the library reads them."""

import json
import pathlib
import pickle

import numpy as np
import pytest
from torch_drawn import drawn, shapes_of

from simclr_med.encoders import importers
from simclr_med.encoders.checkpoint import named_variables, values_of
from simclr_med.encoders.encoder import build_encoder
from simclr_med.encoders.importers.safetensors_format import read_header
from simclr_med.encoders.torch_names import to_torch
from simclr_med.errors import InputError

library = pytest.importorskip("safetensors.numpy", reason="the extra safetensors is missing")

FULL = 64  # filters of a stem


def written(path, header, data=b"", length=None):
    """A file of a header, an object or bytes, that says it has `length`."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    path.write_bytes(size.to_bytes(8, "little") + text + data)
    return path


def test_each_length_of_header_is_read(tmp_path):
    """The first byte is that of a pickle in one of 256; only the format tells."""
    array = np.arange(4, dtype=np.float32)
    text = json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    seen = set()
    for size in (*range(256, 512), 0x7080, 0x0280, 0x4B50):
        path = written(tmp_path / "a", text.ljust(size), array.tobytes())
        np.testing.assert_array_equal(read_header(path).array("a"), array)
        np.testing.assert_array_equal(library.load_file(path)["a"], array)
        seen.add(path.read_bytes()[0])
    assert seen == set(range(256))


@pytest.mark.parametrize("size", [0x0280, 0x7080, 0x4B50])
def test_a_file_cut_within_its_header_is_no_pickle(size, tmp_path):
    path = written(tmp_path / "a", b'{"a": 1', length=size)
    with pytest.raises(InputError, match="a is no .safetensors file of numbers, or damaged"):
        read_header(path)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_pickles_of_each_protocol_are_named(protocol, tmp_path):
    (tmp_path / "a").write_bytes(pickle.dumps({"conv1.weight": np.zeros(9)}, protocol))
    with pytest.raises(InputError, match="a is a pickle, which may run code"):
        read_header(tmp_path / "a")


def test_arrays_are_those_that_the_library_reads(tmp_path):
    draw = np.random.default_rng(0)
    arrays = {
        f"{np.dtype(dtype).name}{shape}": draw.standard_normal(shape).astype(dtype)
        for dtype in (np.float16, np.float32, np.float64)
        for shape in ((), (0,), (3,), (2, 3, 4, 5))
    }
    library.save_file(arrays, tmp_path / "a", metadata={"architecture": "x", "format": "pt"})
    header = read_header(tmp_path / "a")
    assert header.metadata == {"architecture": "x", "format": "pt"}
    assert set(header.entries) == set(arrays)
    for name, array in library.load_file(tmp_path / "a").items():
        np.testing.assert_array_equal(header.array(name), array, strict=True)


def test_bf16_is_its_float32(tmp_path):
    """Every one of the 65,536."""
    halves = np.arange(2**16, dtype="<u2")
    entry = {"dtype": "BF16", "shape": [256, 256], "data_offsets": [0, 2**17]}
    header = read_header(written(tmp_path / "a", {"a": entry}, halves.tobytes()))
    bits = halves.astype(np.uint32) << 16
    assert header.array("a").dtype == np.float32
    np.testing.assert_array_equal(header.array("a").view(np.uint32).ravel(), bits)
    assert header.array("a")[0x3F, 0x80] == 1.0 and header.array("a")[0xC0, 0x49] == -3.140625


@pytest.mark.parametrize(
    ("dtype", "said"),
    [("F8_E4M3", "F8_E4M3"), ("F8_E5M2", "F8_E5M2"), ("F4", "F4"), ("I8", "int8"),
     ("BOOL", "bool"), ("NEW", "NEW")],
)  # fmt: skip
def test_a_type_that_is_not_read_is_named(dtype, said, tmp_path):
    entry = {"dtype": dtype, "shape": [4], "data_offsets": [0, 4]}
    path = written(tmp_path / "a", {"w": entry}, bytes(4))
    with pytest.raises(InputError, match=f"w is {said}; expected floats: F64, F32, F16, BF16"):
        read_header(path).array("w")


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
WRONG = {
    "deep": b'{"a":' + b"[" * 100_000,
    "a list": b"[1]",
    "no JSON": b"{]",
    "no UTF-8": b'{"\xff": 1}',
    "repeated": b'{"a": ' + json.dumps(ENTRY).encode() + b', "a": 1}',
    "no object": {"a": 1},
    "no type": {"a": {"shape": [2], "data_offsets": [0, 8]}},
    "a type of numbers": {"a": ENTRY | {"dtype": 5}},
    "a negative shape": {"a": ENTRY | {"shape": [-2]}},
    "a shape of texts": {"a": ENTRY | {"shape": "22"}},
    "a shape of truth": {"a": ENTRY | {"shape": [True, True]}},
    "a huge shape": {"a": ENTRY | {"shape": [10**30]}},
    "places beyond": {"a": ENTRY | {"shape": [10**12], "data_offsets": [0, 4 * 10**12]}},
    "places in disorder": {"a": ENTRY | {"data_offsets": [8, 0]}},
    "one place": {"a": ENTRY | {"data_offsets": [8]}},
    "bytes and shape": {"a": ENTRY | {"shape": [1]}},
    "one for many": {str(n): ENTRY for n in range(100)},
    "metadata": {"__metadata__": [1]},
}


@pytest.mark.parametrize("header", WRONG.values(), ids=WRONG)
def test_a_header_that_is_wrong_or_promises_too_much(header, tmp_path):
    path = written(tmp_path / "a", header, bytes(8))
    with pytest.raises(InputError, match="a is no .safetensors file of numbers, or damaged: "):
        read_header(path)


@pytest.mark.parametrize("length", [0, 1, 2**40, 2**63, 2**64 - 1])
def test_a_header_of_a_length_that_is_not_there(length, tmp_path):
    path = written(tmp_path / "a", {"a": ENTRY}, bytes(8), length)
    with pytest.raises(InputError, match="a is no .safetensors file"):
        read_header(path)
    (tmp_path / "b").write_bytes(path.read_bytes()[:5])
    with pytest.raises(InputError, match="b is no .safetensors file"):
        read_header(tmp_path / "b")


# Networks of full width


def imported(path, folder):
    read = importers.load("timm").read(path)
    importers.write(read, folder)
    return read


def test_a_resnet50_of_full_width_is_read(tmp_path):
    """Its header is 0x7080 bytes long, as torchvision's and timm's."""
    arrays = drawn(shapes_of([3, 4, 6, 3], True, 64, FULL))
    arrays |= {"fc.weight": np.zeros([1000, 2048], np.float32), "fc.bias": np.zeros(1000, "f4")}
    path = tmp_path / "model.safetensors"
    library.save_file(arrays, path)
    assert path.read_bytes()[:2] == b"\x80\x70"
    read = importers.load("torchvision").read(path)
    assert (read.encoder.encoder, read.encoder.width) == ("resnet50_torchvision", 1)
    assert len(read.weights) == 53 * 5
    kernel = read.weights["encoder/stage4_block3_conv2/kernel"]
    expected = arrays["layer4.2.conv2.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(kernel, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [f"resnet{depth}" for depth in (18, 34, 50, 101, 152)]
    + ["wide_resnet50_2", "wide_resnet101_2"],
)
def test_our_own_export_of_full_width_is_read_back(name, tmp_path):
    """Without a head, as an export of a pretrained run is."""
    named = values_of(named_variables(build_encoder(f"{name}_torchvision"), "encoder"))
    path = pathlib.Path(tmp_path / "model.safetensors")
    metadata = {"format": "pt", "architecture": name}
    path.write_bytes(library.save(to_torch(named), metadata))
    read = imported(path, tmp_path / "weights")
    assert (read.encoder.encoder, read.encoder.width) == (f"{name}_torchvision", 1)
    assert read.weights.keys() == named.keys()
    for key, array in named.items():
        np.testing.assert_array_equal(read.weights[key], array)
