"""Makes a data set folder from a public set, a table, a folder of images or DICOM files.

    simclr-med prepare --source=pad_ufes --input=PAD-UFES-20 --output=my_data

With --source=NAME --help the source's own flags are listed too. docs/data.md explains them all.
Flags that are not known here go to Apache Beam where --shards is given.
"""

import argparse
import logging
import os
import pathlib
import sys

from tqdm import tqdm

from simclr_med import quiet
from simclr_med.command import parsing
from simclr_med.data.info import NOT_MENTIONED
from simclr_med.preparation import any_images, sources
from simclr_med.preparation.prepare import prepare
from simclr_med.preparation.settings import CHECKS, Settings

HELP = {
    "splits": "shares or numbers, train=0.7,validation=0.1,test=0.2; or a name the source knows",
    "seed": "of the splits",
    "check_images": "how far images are looked at",
    "allow_problems": "how many wrong rows may be left out",
    "on_leak": "what happens when a patient, case or image stands in two splits",
    "on_contradiction": "what happens when copies of an image have labels that contradict",
    "near_duplicates": "copies stay together: differing bits of 256 at most; 0: equal pixels",
    "top_conditions": "keep so many conditions, those most frequent in train; 0: all",
    "min_cases": "each with so many training cases at least",
    "other": "the class of all other conditions; empty: leave them out",
    "classes": "'paper' (its 26) or a file with one name a line: these classes and no others",
    "mapping": "a CSV (from,to) that renames conditions or findings",
    "map_to": "a data set folder whose classes are used; the cases become external",
    "uncertain": "ones, zeros or ignore; or by finding: Edema:ones,Consolidation:zeros",
    "not_mentioned": "what an empty finding means",
    "unlabelled": "folders, with commas between, whose images join the unlabelled split",
    "shortest_side": "rewrite images: upright, 8 bits, at most so large; 0: at their own size",
    "shards": "write so many TFRecord shards through Apache Beam; 0: files",
}
CHOICES = {
    "check_images": CHECKS,
    "on_leak": ("refuse", "drop"),
    "on_contradiction": ("keep", "refuse"),
    "not_mentioned": tuple(NOT_MENTIONED),
}
WHOLE = ("seed", "allow_problems", "near_duplicates", "top_conditions", "min_cases",
         "shortest_side", "shards")  # fmt: skip
MOST = 2**32 - 1  # of any whole number; NumPy's seeds end there


def build_parser(source):
    """The flags of every source, and those of `source`, a module or None."""
    parser = parsing.parser(__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("given", nargs="*", metavar="INPUT OUTPUT", help="the same as --input and --output")
    add("--source", type=sources.current_name, choices=sources.names(),
        help="reader; by default folders, dicom for DICOM files, csv for a file")  # fmt: skip
    add("--input", type=pathlib.Path, help="folder or file that the source reads")
    add("--output", type=pathlib.Path, help="new data set folder")
    for name, text in HELP.items():
        kind = {"type": _count} if name in WHOLE else {}
        default = getattr(Settings, name)
        if isinstance(default, tuple):
            default = ""
        shown = f"{text} (default: {default})" if default not in ("", None) else text
        parser.add_argument(
            f"--{name}", default=default, help=shown, choices=CHOICES.get(name), **kind
        )
    if source is not None and source.OPTIONS:
        group = parser.add_argument_group(f"of --source={source.__name__.rpartition('.')[2]}")
        for name, arguments in source.OPTIONS.items():
            group.add_argument(f"--{name}", **arguments)
    return parser


def _count(text):
    if not text.isdecimal() or int(text) > MOST:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 to {MOST}")
    return int(text)


def _source():
    """Return the name of the source that the command line asks for, or that its input is for."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("given", nargs="*")
    first.add_argument("--source", type=sources.current_name)
    first.add_argument("--input")
    flags = first.parse_known_args()[0]
    path = flags.input or next(iter(flags.given), None)
    if flags.source or path is None or not os.path.exists(path):
        return flags.source
    return any_images.reader(pathlib.Path(path))


def _take_given(parser, flags):
    """Put arguments without a name into the places of --input and --output."""
    for name in ("input", "output"):
        if flags.given and getattr(flags, name) is None:
            setattr(flags, name, pathlib.Path(flags.given.pop(0)))
        if getattr(flags, name) is None:
            parser.error(f"--{name} is missing")
    if flags.given:
        parser.error(f"unexpected {flags.given[0]!r}")


def main():
    """Read the command line and prepare."""
    os.environ.setdefault(quiet.LEVEL, "3")
    logging.basicConfig(level=logging.ERROR)  # Beam has much to say
    # Its workers may be processes of their own, which find the package by this.
    os.environ["PYTHONPATH"] = os.pathsep.join([sys.path[0], os.environ.get("PYTHONPATH", "")])
    name = _source()
    source = sources.load(name) if name in sources.names() else None
    parser = build_parser(source)
    flags, rest = parser.parse_known_args()
    _take_given(parser, flags)
    flags.source = flags.source or name
    if flags.shards:
        quiet.import_tensorflow()
    if rest and not flags.shards:
        parser.error(f"unknown: {' '.join(rest)}")
    given = {name: getattr(flags, name) for name in HELP}
    given["unlabelled"] = tuple(part for part in flags.unlabelled.split(",") if part)
    settings = Settings(**given, beam_options=tuple(rest))
    options = {name: getattr(flags, name) for name in source.OPTIONS}
    with tqdm(unit="", leave=False, disable=None) as bar:

        def progress(what, done, total):
            bar.set_description(what, refresh=False)
            bar.total = total
            bar.update(done - bar.n)

        done = prepare(flags.source, flags.input, flags.output, settings, options, progress)
    print("\n".join(done))
