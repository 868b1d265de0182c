"""The command: a verb of its own, or flags to a `Config`, and that to one mode.

simclr-med pretrain my_data --work_dir=work/simclr
python -m simclr_med.run --mode=pretrain --data_dir=my_data --work_dir=work/simclr
"""

import functools
import pathlib
import re
import sys

from absl import app, flags

import simclr_med
from simclr_med import modes, packages, progress
from simclr_med.command import help_pages, verbs
from simclr_med.config import config_files, fitting
from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.config.fields import FIELDS
from simclr_med.config.flagfiles import expanded
from simclr_med.config.setting import MODES, TRAINING
from simclr_med.errors import InputError, run_main

FLAGS = flags.FLAGS
DEFINE = {
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
    bool: flags.DEFINE_bool,
    tuple: flags.DEFINE_list,
}


def define_flags():
    """Define one flag a field; unset means the mode's default, which the help states."""
    flags.DEFINE_enum("mode", None, MODES, "Task to run")
    flags.DEFINE_string("work_dir", None, "Work folder of the run: everything is written there")
    flags.DEFINE_integer("seed", None, "Seed of all random numbers (default 0)")
    flags.DEFINE_enum(
        "preset",
        None,
        fitting.PRESETS,
        "Settings that are not given, of pretrain: fitted, chosen "
        "for the images and this machine; paper, the defaults of the flags",
    )
    flags.DEFINE_float("hours", None, "Time of a fitted pretraining without --steps (default 1)")
    flags.DEFINE_string("config", None, "File of settings: YAML, TOML, or a run's config.json")
    for name, (section, field) in FIELDS.items():
        DEFINE[field.type](name, None, _help(field), module_name=f"simclr_med {section}")
    # --helpshort shows the flags and the words of the main module, which for the console command
    # is its script.
    for name in ("mode", "work_dir", "seed", "config", "preset", "hours", *FIELDS):
        FLAGS.register_key_flag_for_module(sys.argv[0], FLAGS[name])
    sys.modules["__main__"].__doc__ = __doc__


def _help(field):
    def shown(value):
        return ",".join(value) if isinstance(value, tuple) else value

    meta = field.metadata
    defaults = [] if field.default in ("", ()) else [f"default {shown(field.default)}"]
    defaults += [f"{mode}: {shown(value)}" for mode, value in meta["by_mode"].items()]
    defaults.append(f"acts in {', '.join(meta['modes'])}")
    choices = meta["check"]
    listed = ""
    if choices and not callable(choices[-1]):
        listed = f"; one of {', '.join(map(str, choices))}"
    return f"{meta['help']}{listed} ({'; '.join(defaults)})"


def given_flags():
    """Return the explicitly given values, by flat name."""
    names = ["work_dir", "seed", *FIELDS]
    given = {name: FLAGS[name].value for name in names if FLAGS[name].value is not None}
    return {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}


def dispatch(arguments, verb=""):
    """Run the mode; TensorFlow is imported here and not before.

    Args:
      arguments: of the command line, the flags taken away.
      verb: that was given; its end is followed by the command that would come next.

    Raises:
      InputError: flags are missing or wrong; see also the modes' `run`.
    """
    if len(arguments) > 1:
        raise InputError(f"unexpected {arguments[1]!r}: flags begin with --")
    mode, given = FLAGS.mode, given_flags()
    if FLAGS.config:
        mode, of_file = config_files.read(FLAGS.config, mode or "")
        given = of_file | given
    if not mode:
        raise InputError(f"--mode is missing: one of {', '.join(MODES)}")
    if mode in ("evaluate", "export"):
        config = for_existing_run(mode, given.pop("work_dir", ""), given)
    else:
        config = _config(mode, given)
    modes.run(config)
    if verb and (following := verbs.what_next(config)):
        progress.say(f"next: {following}")


def _config(mode, given):
    """Return the `Config` of a mode; a training may be given a folder of images, or a table."""
    if FLAGS.hours is not None and (mode != "pretrain" or FLAGS.preset == fitting.PAPER):
        raise InputError(f"--hours={FLAGS.hours:g} has no effect with --mode={mode} or a preset")
    if mode not in (*TRAINING, "sweep") or not given.get("data_dir"):
        return make_config(mode, given)
    if mode == "pretrain" and FLAGS.preset == "fitted":
        return modes.fitted(given.pop("data_dir"), given, FLAGS.hours or 1.0)
    return modes.planned(mode, given.pop("data_dir"), given)


def _parse(arguments):
    try:
        return FLAGS([arguments[0], *expanded(arguments[1:])])
    except SystemExit:  # only the help flags leave here, and absl's do so with 1
        sys.exit(0)
    except flags.Error as error:
        raise InputError(str(error).removeprefix("ERROR:: ")) from None


def entry_point():
    """Run the console command `simclr-med`."""
    sys.exit(run_main(_main))


def _main():
    _refuse_another_package()
    if not sys.argv[1:]:
        return print(verbs.overview())
    if sys.argv[1:] == ["--version"]:
        return print(f"simclr_med {simclr_med.__version__}, {packages.versions()}")
    verb = verbs.chosen()
    if verb and verb not in verbs.VERBS:
        verbs.refuse_unknown(verb)
    if verb and verbs.VERBS[verb].module:
        sys.argv[:2] = [f"simclr-med {verb}"]
        return verbs.main(verb)
    if verb and {"--help", "-h", "-help"} & set(sys.argv[2:]):
        return print(help_pages.page(verb))
    if "mode" not in FLAGS:
        define_flags()
    if verb:
        sys.argv[1:] = verbs.as_flags(verb, sys.argv[2:])
        if not any(re.match("--?(flagfile|config)\\b", word) for word in sys.argv[1:]):
            FLAGS.set_default("preset", "fitted")  # a file of settings means the flags' defaults
    main = functools.partial(dispatch, verb=verb)
    return app.run(main, flags_parser=_parse)  # leaves by SystemExit


def _refuse_another_package():
    """Refuse to run as a part of a package whose `__init__` has not run.

    Python makes such a package of a folder called simclr_med, such as the clone in its parent: that
    would compute without oneDNN, more slowly, and other last bits.
    """
    if not hasattr(simclr_med, "__version__"):
        folder = pathlib.Path(__file__).resolve().parent.parent
        raise InputError(
            f"the folder {list(simclr_med.__path__)[0]} hides the package in {folder}: start the "
            "command in another folder, such as the clone itself"
        )


if __name__ == "__main__":
    entry_point()
