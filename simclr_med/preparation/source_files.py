"""A source's files: the tables that it looks for, and the images below a folder."""

import os
from typing import NamedTuple

from simclr_med.data.info import Problem
from simclr_med.errors import InputError
from simclr_med.preparation.images.formats import SUFFIXES

OF_SYSTEMS = "__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"


class Tree(NamedTuple):
    """Files below a folder: paths relative to it, sorted, with forward slashes.

    Hidden files and folders are passed over, and folders in which systems keep things of their own;
    folders that are links are looked into.

    Attributes:
      files: of any kind.
      broken: links that lead nowhere, or back to a folder that they lie in; pipes, devices and
        sockets that are called as images are.
    """

    files: list
    broken: list

    def images(self):
        """Return the files that are images, by their suffix."""
        return [path for path in self.files if path.lower().endswith(SUFFIXES)]

    def problems(self, folder):
        """Return a `Problem` for each broken link."""
        reason = "is no file, or a link that leads nowhere or back to where it lies"
        return [Problem(str(folder), None, "file", path, reason) for path in self.broken]


def find_file(folder, names, source):
    """Return the first of the files `names` that lies in `folder`, or in one directly below it.

    Args:
      source: the asking module; its LOOKS_FOR and WHERE are told where nothing is found.

    Raises:
      InputError: none of them is there, or one in several folders below.
    """
    for name in names:
        for path in sorted(folder.glob(name)):
            return path
    for name in names:
        found = sorted(folder.glob(f"*/{name}"))
        if len({path.parent for path in found}) > 1:
            raise InputError(
                f"--input={folder}: holds {found[0].relative_to(folder)} and "
                f"{found[-1].relative_to(folder)}: give the folder of one of them"
            )
        if found:
            return found[0]
    raise not_found(folder, source)


def not_found(folder, source):
    """Return an `InputError` that names the files `source` looks for, and its origin."""
    return InputError(
        f"--input={folder}: not found: {source.LOOKS_FOR}\n{source.TITLE} comes from {source.WHERE}"
    )


def walk(folder):
    """Return the `Tree` of files below `folder`.

    Raises:
      OSError: a folder below it cannot be read.
    """
    tree = Tree([], [])
    _walk(str(folder), "", (os.path.realpath(folder),), tree)
    return Tree(sorted(tree.files), sorted(tree.broken))


def _walk(folder, prefix, above, tree):
    """Add the files in `folder` to `tree`, under `prefix`; `above`: real paths down to it."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in OF_SYSTEMS:
                continue
            inside = prefix + entry.name
            if entry.is_dir():
                real = os.path.realpath(entry.path) if entry.is_symlink() else None
                if real in above:
                    tree.broken.append(inside)
                else:
                    here = real or os.path.join(above[-1], entry.name)
                    _walk(entry.path, f"{inside}/", (*above, here), tree)
            elif entry.is_file():
                tree.files.append(inside)
            elif entry.is_symlink() or inside.lower().endswith(SUFFIXES):
                tree.broken.append(inside)
