"""HDF5 files of others: arrays are read where they lie, and no link is followed.

with Hdf5(path, path, size) as file:
    group = file.group(file.root, "layers")
    kernel = file.array(group, "conv2d/vars/0")
"""

import io
import os
import pathlib

import h5py
import numpy as np

from simclr_med.errors import InputError
from simclr_med.files import array_files


class Hdf5:
    """An open file, a context; `root` is its first group.

    Args:
      path: for messages.
      content: the same path, or a file within it as `io.BytesIO`.
      size: bytes of the content.
    """

    def __init__(self, path: pathlib.Path, content: os.PathLike | io.BytesIO, size: int):
        self.path, self.left = path, size
        self.root = h5py.File(content, "r")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.root.close()

    def group(self, parent: h5py.Group, name: str) -> h5py.Group | None:
        """Return the group `name` of a group, None where it has none."""
        if name not in parent:
            return None
        found = self._child(parent, name)
        if not isinstance(found, h5py.Group):
            raise self._refused(f"{found.name} is an array; expected a group")
        return found

    def groups(self, parent: h5py.Group) -> dict[str, h5py.Group]:
        """Return the groups of a group by name."""
        found = {name: self._child(parent, name) for name in parent}
        return {name: part for name, part in found.items() if isinstance(part, h5py.Group)}

    def array(self, parent: h5py.Group, name: str) -> np.ndarray:
        """Return the numbers of an array; `name` may be a path.

        Raises:
          InputError: it is none, or promises more than is stored.
          KeyError: there is none of that name.
        """
        found = parent
        for part in name.split("/"):
            if not isinstance(found, h5py.Group):
                raise KeyError(f"{found.name} holds no {part}")
            found = self._child(found, part)
        if not isinstance(found, h5py.Dataset):
            raise self._refused(f"{found.name} is a group; expected an array")
        if found.shape is None or found.dtype.kind not in array_files.NUMBERS:
            raise self._refused(f"{found.name} is {found.dtype}; expected numbers")
        self._refuse_unstored(found)
        return found[()]

    def texts(self, group: h5py.Group, name: str) -> list[str]:
        """Return the texts of an attribute, none where there is none."""
        texts = np.ravel(group.attrs.get(name, ()))
        return [text.decode() if isinstance(text, bytes) else str(text) for text in texts]

    def _child(self, parent, name):
        if not isinstance(parent.get(name, getlink=True), h5py.HardLink):
            raise self._refused(f"{parent.name}/{name} is a link to another place")
        found = parent[name]
        if isinstance(found, h5py.Dataset) and (found.is_virtual or found.external):
            raise self._refused(f"{found.name} lies in another file")
        return found

    def _refuse_unstored(self, found):
        stored = found.id.get_storage_size()
        compressed = found.id.get_create_plist().get_nfilters()
        allowed = max(array_files.FREE, array_files.EXPANSION * stored) if compressed else stored
        array_files.refuse_larger(self.path, found.name, found.nbytes, allowed)
        array_files.refuse_larger(self.path, found.name, stored, self.left)
        self.left -= stored

    def _refused(self, why):
        return InputError(f"{self.path} is no Keras model: {why}")
