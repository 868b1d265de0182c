"""A source's files: the tables that it looks for, and the images below a folder."""

import os
from typing import NamedTuple

from simclr_med.data.info import Problem
from simclr_med.errors import InputError
from simclr_med.files.paths import escaped, is_utf8
from simclr_med.preparation.images import formats

IMAGE_SUFFIXES = formats.readable_suffixes()
BROKEN = "is a link that leads nowhere, or back to where it lies"
NOT_UTF8 = "is not a name in UTF-8; rename it"
OF_SYSTEMS = "__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"


class Tree(NamedTuple):
    """Files below a folder: paths relative to it, sorted, with forward slashes.

    Hidden files and folders are passed over, and folders in which systems keep things of their own;
    folders that are links are looked into.

    Attributes:
      files: of any kind.
      refused: name, escaped where it is not UTF-8, to the reason why it is not read: a link that
        leads nowhere or back, a name that no table can hold, a pipe or device.
    """

    files: list
    refused: dict

    def images(self) -> list[str]:
        """Return the files that are images, by their suffix."""
        return [path for path in self.files if formats.is_readable(path)]

    def problems(self, folder) -> list[Problem]:
        """Return a `Problem` for each refused name, and each image that needs another package."""
        unread = {path: formats.not_readable(path) for path in self.files}
        found = self.refused | {path: reason for path, reason in unread.items() if reason}
        return [Problem(str(folder), None, "file", *item) for item in sorted(found.items())]


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
    tree = Tree([], {})
    _walk(str(folder), "", (os.path.realpath(folder),), tree)
    return Tree(sorted(tree.files), dict(sorted(tree.refused.items())))


def _walk(folder, prefix, above, tree):
    """Add the files in `folder` to `tree`, under `prefix`; `above`: real paths down to it."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in OF_SYSTEMS:
                continue
            inside = prefix + entry.name
            if not is_utf8(inside):
                tree.refused[escaped(inside)] = NOT_UTF8
            elif entry.is_dir():
                real = os.path.realpath(entry.path) if entry.is_symlink() else None
                if real in above:
                    tree.refused[inside] = BROKEN
                else:
                    here = real or os.path.join(above[-1], entry.name)
                    _walk(entry.path, f"{inside}/", (*above, here), tree)
            elif entry.is_file():
                tree.files.append(inside)
            elif entry.is_symlink() and not os.path.exists(entry.path):
                tree.refused[inside] = BROKEN
            else:
                tree.refused[inside] = "is a pipe, a socket or a device; expected a file"
