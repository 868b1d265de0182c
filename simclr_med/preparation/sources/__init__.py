"""Public data sets, and one's own, each read by one small module of this package.

    source = load("pad_ufes")
    records = source.read(pathlib.Path("PAD-UFES-20"), options)

A source is a module with
  TITLE      what it is, in one line;
  LOOKS_FOR  the files that it wants below --input;
  WHERE      where its users get them: nothing is ever downloaded;
  OPTIONS    flag to keyword arguments of `argparse.ArgumentParser.add_argument`, {} for none;
  read       (folder or file, options by name) -> `source_table.Records`.

To add a source, add a module: it is found by its name.
"""

import importlib
import pkgutil

from simclr_med.errors import InputError

FORMER = {"table": "csv"}


def names():
    """Return the names of all sources."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def current_name(name):
    """Return the name of a source for a name that it has or had."""
    return FORMER.get(name, name)


def load(name):
    """Return the module of the source `name`.

    Raises:
      InputError: there is none.
    """
    name = current_name(name)
    if name not in names():
        raise InputError(f"--source={name}: is not one of {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}")
