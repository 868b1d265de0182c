"""TensorFlow Serving's REST API for an exported model, on one machine, for trying and tests.

    simclr-med serve work/probe/export
    curl -d '{"instances": [{"b64": "..."}]}' localhost:8501/v1/models/probe:predict

It prints its address once clients may come: there a person drops an image and sees the answer.
SIGTERM or Ctrl-C ends it, after what runs has been answered. It listens to this machine alone
unless --host says otherwise; there is no password. docs/serving.md has the addresses.
"""

import dataclasses
import pathlib
import re

from simclr_med import devices, packages, quiet
from simclr_med.command import parsing
from simclr_med.config.sections.running import DistributeConfig
from simclr_med.errors import InputError
from simclr_med.serving.rest.limits import Limits

LIMITS = dataclasses.fields(Limits)


def parse():
    """Return the command line's values."""
    parser = parsing.parser(__doc__)
    add = parser.add_argument
    add("export", metavar="EXPORT", type=pathlib.Path, help="folder of versions, or one of them")
    add("--name", help="of the model; by default its run's")
    add("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 lets others in")
    add("--port", type=int, default=8501, help="0 takes a free one")
    for limit in LIMITS:
        text = f"{limit.metadata['help']} (default {limit.default})"
        add(f"--{limit.name}", type=int, default=limit.default, help=text)
    flags = parser.parse_args()
    for limit in LIMITS:
        if getattr(flags, limit.name) < 1:
            parser.error(f"--{limit.name}={getattr(flags, limit.name)}: expected 1 or more")
    return flags


def main():
    """Serve until SIGTERM or SIGINT."""
    flags = parse()
    quiet.import_tensorflow()
    try:
        from simclr_med.serving.rest import server
    except ImportError as error:
        raise packages.missing("serving", f"serving needs {error.name}") from None
    from simclr_med.serving.rest.exported import Exported, newest

    name = flags.name or named(newest(flags.export))
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise InputError(f"--name={name}: expected letters, digits, _, . and -")
    devices.multiply_as_asked(DistributeConfig())  # as evaluation, whose numbers it is to give
    exported = Exported.load(flags.export, name)
    exported.warm_up()
    limits = Limits(**{limit.name: getattr(flags, limit.name) for limit in LIMITS})

    def ready(address):
        print(f"{address} serves {name}, version {exported.version}", flush=True)

    server.run(exported, limits, flags.host, flags.port, ready)


def named(version):
    """Return the name of the model in a version's folder: its run's name, or its own folder's."""
    folder = version.absolute().parent
    return folder.parent.name if folder.name == "export" else folder.name
