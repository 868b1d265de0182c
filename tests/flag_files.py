"""Files of flags, as absl reads them."""

from conftest import ROOT

from simclr_med.config.fields import FIELDS


def texts(file):
    """Return flag to text of a file, with the files that it names; the later of two counts."""
    found = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("--"):
            name, _, text = line[2:].partition("=")
            found |= texts(ROOT / text) if name == "flagfile" else {name: text}
    return found


def value(name, text):
    """Return the value of a flag's text."""
    kind = int if name == "seed" else FIELDS[name][1].type if name in FIELDS else str
    if kind is tuple:
        return tuple(text.split(","))
    return text == "true" if kind is bool else kind(text)


def of_command(mode, files, flags):
    """Return the values that a command gives: flags first, then the last of `files`, and so on."""
    given = {name: str(text) for name, text in flags.items() if text}
    for file in files[::-1]:
        given = texts(file) | given
    assert given.pop("mode", mode) == mode
    return {name: value(name, text) for name, text in given.items()}
