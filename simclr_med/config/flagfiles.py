"""Files of flags: `--flagfile=FILE` of a command line, replaced by the lines of the file.

    expanded(["--flagfile=flags/sweep_derm.cfg", "--steps=5"])

A line is a flag, empty, a comment (# or //), or another --flagfile. Text is UTF-8, with or without
a byte-order mark. The package brings files of flags: `paper/NAME` is one of them from any folder.
"""

import pathlib

from simclr_med.errors import InputError
from simclr_med.files import paths

FLAG = "flagfile"
SHIPPED = pathlib.Path(__file__).resolve().parent.parent / "flags"


def found(text: str, within=(), name: str = f"--{FLAG}") -> pathlib.Path:
    """Return the path of a file of flags: as given, beside the file that names it, or shipped.

    Args:
      text: a path, or paper/NAME of a shipped one.
      within: paths of the files that it is named in, the outermost first.
      name: of the flag, for a message.

    Raises:
      InputError: there is none, or it is no regular file.
    """
    path = pathlib.Path(text)
    places = [path, *(file.parent / path.name for file in within[-1:])]
    if path.parts[:-1] in (("paper",), (SHIPPED.name,)):
        places += [SHIPPED / path.name, SHIPPED / f"{path.name}.cfg"]
    for place in places:
        if place.is_file():
            return place.resolve()
    return paths.file_to_read(text, name).resolve()  # which says what is wrong


def expanded(arguments, within=()) -> list:
    """Return command-line arguments with the contents of each `--flagfile` in its place.

    Args:
      arguments: texts; behind "--" nothing is a flag.
      within: paths of the files that they are from, the outermost first.

    Raises:
      InputError: a file is missing, no regular file, no UTF-8, or includes itself.
    """
    found, rest = [], list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, file = argument.lstrip("-").partition("=")
        if argument == "--":
            return [*found, argument, *rest]
        if not argument.startswith("-") or name != FLAG:
            found.append(argument)
            continue
        if not equals:
            if not rest:
                raise InputError(f"--{FLAG} is missing its file")
            file = rest.pop(0)
        if file:
            lines, chain = _lines(file, f"--{FLAG}=", within)
            found += expanded([part for line in lines for part in _parts(line)], chain)
    return found


def expanded_at(arguments, within=()) -> list:
    """Return command-line arguments with the lines of FILE in the place of each @FILE.

    Arguments and errors are those of `expanded`; a line is an argument, and may be another @FILE.
    """
    found = []
    for argument in arguments:
        if argument.startswith("@"):
            found += expanded_at(*_lines(argument[1:], "@", within))
        else:
            found.append(argument)
    return found


def _lines(file, given, within):
    """Return the lines of a file, without comments, and the files that they are from.

    Args:
      file: its path, a text.
      given: the beginning of the argument that names it.
      within: files that the argument is from, the outermost first.
    """
    name = given.rstrip("=")
    path = found(file, within, name)
    if path in within:
        chain = " -> ".join(map(str, (*within, path)))
        raise InputError(f"{given}{file} includes itself: {chain}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{given}{file}: the file is not text in UTF-8: {error}") from None
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "//"))], (*within, path)


def _parts(line):
    """Return the arguments of a line: one, or of "--flagfile FILE" both."""
    first, _, rest = line.partition(" ")
    return (first, rest.strip()) if first.lstrip("-") == FLAG and rest else (line,)
