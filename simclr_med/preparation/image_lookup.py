"""Look-up of the images that a table names, by any front of a path and in any spelling.

    images = locate(folder, table["Path"], notes)

A path in a table begins where its author kept the images: another machine, the folder as it was
called before, a folder above or below. So a name is looked for by its end.
"""

import collections
import os
import re
import unicodedata
import urllib.parse

from simclr_med.errors import InputError
from simclr_med.preparation.source_files import IMAGE_SUFFIXES, walk

SUFFIX = re.compile(rf"({'|'.join(map(re.escape, IMAGE_SUFFIXES))}|\.dcm|\.dicom)$")
SHOWN = 5  # fronts in a note


def locate(folder, names, notes):
    """Return the paths, relative to `folder`, of the images called `names`.

    A name that stands for a file as it is stays. For any other the longest end that it has in
    common with a file's path counts: first as it is written, then whatever the capitals, composed
    letters and %20, then whatever the suffix. A front of folders is left out of that only where it
    says nothing of the image: the front that all names share, or any where no two names end in the
    same file name and no folder of a name is where the table says. A name without a file stays
    (what looks at the images will miss it).

    Args:
      folder: the folder of the images, absolute.
      names: texts; paths with slashes or backslashes, file names, or these without a suffix.
      notes: a list to which sentences are added on what was taken for what.

    Raises:
      InputError: two files fit one name equally well.
    """
    plain = {name: _as_it_stands(folder, name) for name in dict.fromkeys(names)}
    missing = [name for name, path in plain.items() if path is None]
    if missing:
        plain |= _by_ends(folder, missing, _droppable(plain), notes)
    return [plain[name] for name in names]


def without_suffix(names):
    """Return a column of names of files without their suffix."""
    return names.str.replace(r"\.[^.]*$", "", regex=True)


def jpegs(ids):
    """Return a column of the files' names of images that have ids; "" where one is unknown."""
    return (ids + ".jpg").where(ids != "", "")


def parts_of(name):
    """Return the folders and the file of a path, written with slashes or backslashes."""
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]


def _as_it_stands(folder, name):
    """Return the path of the file that a name stands for in `folder`, or None."""
    parts = parts_of(name)
    if ".." in parts or not parts:
        return None
    # As written, or from a folder above: /data/folder/a.jpg, folder/a.jpg
    starts = [0] + [i + 1 for i, part in enumerate(parts[:-1]) if part == folder.name]
    for start in starts:
        path = "/".join(parts[start:])
        if os.path.isfile(f"{folder}/{path}"):
            return path
    return None


def _droppable(names):
    """Return a test of the folders `front` of a name: true where they tell nothing of an image.

    Dropped without need they would make patient 3's missing image patient 9's.

    Args:
      names: name to the path of the file that it stands for as it is, or None.
    """
    parts = [path for path in map(parts_of, names) if path]
    rooted = any(path and "/" in path for path in names.values())
    if not rooted and len({path[-1] for path in parts}) == len(parts):
        return lambda front: True
    shared = os.path.commonprefix([path[:-1] for path in parts])
    return lambda front: front == shared[: len(front)]


def _by_ends(folder, names, droppable, notes):
    """Return name to path of those that have no file as they stand."""
    found = {name: "/".join(parts_of(name)) for name in names}
    files = walk(folder).images()
    fronts, respelt = collections.Counter(), {}
    for spelling in (str, _loose, _loose_stem) if files else ():
        ends = _ends(files, spelling)
        left = []
        for name in names:
            path, front = _longest_end(folder, name, ends, spelling, droppable)
            if path is None:
                left.append(name)
                continue
            found[name] = path
            if front:
                kept = len(parts_of(name)) - len(front)
                fronts["/".join(front), "/".join(path.split("/")[:-kept])] += 1
            if spelling is not str:
                respelt[name] = path
        names = left
    notes += _said(fronts, respelt)
    return found


def _ends(files, spelling):
    """Return every end of every path, as the spelling has it, to the files that have it."""
    ends = {}
    for path in files:
        parts = spelling(path).split("/")
        for start in range(len(parts)):
            ends.setdefault("/".join(parts[start:]), []).append(path)
    return ends


def _longest_end(folder, name, ends, spelling, droppable):
    """Return the one file of the longest end of a name, and the folders before that; or None."""
    parts = parts_of(name)
    for start in range(len(parts)):
        files = ends.get(spelling("/".join(parts[start:])), ())
        if files and droppable(parts[:start]):
            if len(files) > 1:
                raise InputError(
                    f"{folder}: two images fit {name!r}: {files[0]} and {files[1]}; keep one, or "
                    "write more of its path into the table"
                )
            return files[0], parts[:start]
    return None, ()


def _loose(path):
    return unicodedata.normalize("NFC", urllib.parse.unquote(path)).casefold()


def _loose_stem(path):
    return SUFFIX.sub("", _loose(path))


def _said(fronts, respelt):
    """Return sentences on folders that were taken for others, and names for other names."""
    said = [
        f"{count} images: {front!r} in the table was taken for {there or '.'!r} on disk."
        for (front, there), count in fronts.most_common(SHOWN)
    ]
    rest = fronts.most_common()[SHOWN:]
    if rest:
        said.append(f"{sum(count for _, count in rest)} images: so were {len(rest)} other folders.")
    if respelt:
        name, path = next(iter(respelt.items()))
        said.append(
            f"{len(respelt)} images have names that differ from the table's in capitals, signs or "
            f"suffix, such as {path!r} for {name!r}."
        )
    return said
