"""The .safetensors format: a header of names, types, shapes and places, then the arrays' bytes.

    header = read_header(pathlib.Path("resnet50.safetensors"))
    header.metadata, header.entries, header.array("conv1.weight")

https://huggingface.co/docs/safetensors. Read without its library, whose NumPy side knows no BF16.
"""

import dataclasses
import json
import math
import pathlib

import numpy as np

from simclr_med.errors import InputError
from simclr_med.files import array_files, paths

LONGEST_HEADER = 100_000_000  # bytes, as the library has it
TYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "BOOL": "bool",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8",
}  # fmt: skip
FLOATS = ("F64", "F32", "F16", "BF16")
LAST_PROTOCOL = 5  # of pickle


@dataclasses.dataclass(frozen=True)
class Entry:
    """An array in a file.

    Attributes:
      dtype: the format's name, such as "F32".
      shape: of the array.
      begin, end: its bytes' place in the file.
    """

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclasses.dataclass(frozen=True)
class Header:
    """The arrays of a file by name, and its metadata, texts by text."""

    path: pathlib.Path
    entries: dict[str, Entry]
    metadata: dict[str, str]

    def array(self, name: str) -> np.ndarray:
        """Return a float array; BF16 as float32, which holds it exactly.

        Raises:
          InputError: it is of another type.
        """
        entry = self.entries[name]
        if entry.dtype not in FLOATS:
            raise InputError(
                f"{self.path}: {name} is {TYPES.get(entry.dtype, entry.dtype)}; expected floats: "
                f"{', '.join(FLOATS)}; in PyTorch, save the state_dict of model.float()"
            )
        brief = entry.dtype == "BF16"
        dtype = np.dtype("<u2" if brief else TYPES[entry.dtype]).newbyteorder("<")
        count = math.prod(entry.shape)
        array = np.fromfile(self.path, dtype, count, offset=entry.begin)
        if brief:  # the upper half of a float32
            array = (array.astype(np.uint32) << 16).view(np.float32)
        return array.reshape(entry.shape)


def read_header(path: pathlib.Path) -> Header:
    """Return the `Header` of a file, all of whose arrays lie within it.

    Raises:
      InputError: it is a pickle, no .safetensors, damaged, or promises more than it holds.
    """
    length = array_files.length(paths.file_to_read(path))
    with open(path, "rb") as file:
        start = file.read(9)
        size = int.from_bytes(start[:8], "little")
        fits = len(start) == 9 and size <= min(LONGEST_HEADER, length - 8)
        if not (fits and start.endswith(b"{")):
            _refuse_pickle(path, start)
            raise _damaged(path, "it does not begin with a header's length and a header")
        file.seek(8)
        text = file.read(size)
    try:
        content = json.loads(text, object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"its header is no JSON: {error}") from None
    metadata = content.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise _damaged(path, "__metadata__ is no object")
    entries = {
        name: _entry(path, name, fields, 8 + size, length) for name, fields in content.items()
    }
    if sum(entry.end - entry.begin for entry in entries.values()) > length - size - 8:
        raise _damaged(path, "its arrays lie upon each other")
    return Header(path, entries, {k: v for k, v in metadata.items() if isinstance(v, str)})


def _refuse_pickle(path, start):
    """Raise `InputError` where a file's first bytes are a pickle's, bare or in PyTorch's zip."""
    # A header's length may begin with 0x80 too, but a header follows it, or the file is cut.
    bare = start[:1] == b"\x80" and 0 < (start[1:2] or b"\0")[0] <= LAST_PROTOCOL
    if start.startswith(b"PK\x03\x04") or bare and not start.endswith(b"\0\0\0\0{"):
        raise InputError(
            f"{path} is a pickle, which may run code and is not read: save it anew with "
            "safetensors.torch.save_file(model.state_dict(), NAME.safetensors)"
        )


def _entry(path, name, fields, data, length):
    """Return the `Entry` of a header's `fields`; arrays' places count from `data`."""
    try:
        dtype, shape, (begin, end) = fields["dtype"], fields["shape"], fields["data_offsets"]
        whole = all(type(n) is int and n >= 0 for n in (*shape, begin, end))
    except (TypeError, ValueError, KeyError):
        whole = False
    if not whole or not isinstance(dtype, str):
        raise _damaged(path, f"{name} is without a type, shape and place")
    if not begin <= end <= length - data:
        raise _damaged(path, f"{name} promises bytes up to {end:,}; the file has {length - data:,}")
    width = np.dtype(TYPES[dtype].replace("bfloat16", "uint16")).itemsize if dtype in TYPES else 0
    if width and math.prod(shape) * width != end - begin:
        raise _damaged(path, f"{name}: {dtype} {shape} in {end - begin:,} bytes")
    return Entry(dtype, tuple(shape), data + begin, data + end)


def _without_repetition(pairs):
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("a name stands twice")
    return names


def _damaged(path, why):
    return InputError(f"{path} is no .safetensors file of numbers, or damaged: {why}")
