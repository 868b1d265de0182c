"""The parser of a verb's options: errors are `InputError`s; an option may have a former name."""

import argparse
import sys

from simclr_med.config.fields import FIELDS
from simclr_med.errors import InputError


class Parser(argparse.ArgumentParser):
    """A parser that shows a module's docstring as its help."""

    def error(self, message):
        """Raise `InputError`, which the command tells with exit code 2."""
        raise InputError(f"{message}; {self.prog} --help lists the options")


class Renamed(argparse.Action):
    """An option under its former name: it is taken, and the name of today is told."""

    def __init__(self, option_strings, dest, **more):
        super().__init__(
            option_strings, dest, help=argparse.SUPPRESS, default=argparse.SUPPRESS, **more
        )

    def __call__(self, parser, namespace, values, option_string=None):
        """Take the value."""
        print(f"note: {option_string} is called --{self.dest} now", file=sys.stderr)
        setattr(namespace, self.dest, values)


def parser(doc, *, allow_abbrev=True):
    """Return the parser of a verb.

    Args:
      doc: the verb's docstring.
      allow_abbrev: whether an option may be cut short.
    """
    return Parser(
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=allow_abbrev,
    )


FORMERLY = {
    "bootstrap_replicates": "replicates",
    "bootstrap_unit": "unit",
    "bootstrap_interval": "interval",
}
BOOTSTRAP = ("bootstrap_replicates", "confidence", "bootstrap_unit", "bootstrap_interval")


def add_bootstrap(parser, names=BOOTSTRAP):
    """Add the settings of the bootstrap, as evaluation has them, under their former names too."""
    for name in names:
        field = FIELDS[name][1]
        choices = field.metadata["check"] if field.type is str else None
        help = f"{field.metadata['help']} (default {field.default})"
        given = {"type": field.type, "choices": choices}
        parser.add_argument(f"--{name}", default=field.default, help=help, **given)
        if name in FORMERLY:
            parser.add_argument(f"--{FORMERLY[name]}", dest=name, action=Renamed, **given)
