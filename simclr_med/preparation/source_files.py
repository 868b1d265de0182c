"""A source's files: the tables that it looks for, and where the images lie that they name."""

import os

from simclr_med.errors import InputError

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp",
)  # fmt: skip


def find_file(folder, names, source):
    """Return the first of the files `names` that lies in `folder`, or in one directly below it.

    Args:
      source: the asking module; its LOOKS_FOR and WHERE are told where nothing is found.

    Raises:
      InputError: none of them is there.
    """
    for pattern in (*names, *(f"*/{name}" for name in names)):
        for path in sorted(folder.glob(pattern)):
            return path
    raise not_found(folder, source)


def not_found(folder, source):
    """Return an `InputError` that says what `source` looks for and where it comes from."""
    return InputError(
        f"--input={folder}: not found: {source.LOOKS_FOR}\n{source.TITLE} comes from {source.WHERE}"
    )


def locate(folder, names):
    """Return where the images called `names` lie below `folder`, as paths relative to it.

    A name is a path, a file's name or its stem; the first that fits counts, in this order, a name
    without a file stays as it is (what looks at the images will miss it).

    Raises:
      InputError: two files below `folder` fit one name.
    """
    names = list(names)
    missing = {name for name in names if not (folder / name).is_file()}
    if not missing:
        return names
    by_name, by_stem, twice = {}, {}, set()
    for path in image_files(folder):
        name = path.rpartition("/")[2]
        for key, paths in ((name, by_name), (name.rpartition(".")[0], by_stem)):
            if key in paths:
                twice.add(key)
            paths.setdefault(key, path)
    ambiguous = sorted(missing & twice)
    if ambiguous:
        raise InputError(f"--input={folder}: two images are called {ambiguous[0]}; keep one")
    found = {name: by_name.get(name) or by_stem.get(name) or name for name in missing}
    return [found.get(name, name) for name in names]


def image_files(folder, suffixes=IMAGE_SUFFIXES):
    """Return paths of the image files below `folder`, relative, sorted, with forward slashes."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = os.path.relpath(parent, folder).replace(os.sep, "/")
        prefix = "" if inside == "." else f"{inside}/"
        found += [
            prefix + name
            for name in names
            if name.lower().endswith(suffixes) and not name.startswith(".")
        ]
    return sorted(found)
