"""The command: flags to a `Config`, and that to one mode.

python -m simclr_med.run --mode=pretrain --data_dir=my_data --work_dir=work/simclr
"""

import pathlib
import sys

from absl import app, flags, logging

import simclr_med
from simclr_med import devices, quiet
from simclr_med.config.checked_config import for_existing_run, make_config
from simclr_med.config.fields import FIELDS
from simclr_med.config.flagfiles import expanded
from simclr_med.config.setting import BULK, HEADS, MODES
from simclr_med.errors import InputError, run_main
from simclr_med.files import paths

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
    for name, (section, field) in FIELDS.items():
        DEFINE[field.type](name, None, _help(field), module_name=f"simclr_med {section}")
    # --helpshort shows the flags and the words of the main module, which for the console command
    # is its script.
    for name in ("mode", "work_dir", "seed", *FIELDS):
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


def dispatch(arguments):
    """Run the mode; TensorFlow is imported here and not before.

    Raises:
      InputError: flags are missing or wrong; see also the modes' `run`.
    """
    if len(arguments) > 1:
        raise InputError(f"unexpected {arguments[1]!r}: flags begin with --")
    mode, given = FLAGS.mode, given_flags()
    if mode is None:
        raise InputError(f"--mode is missing: one of {', '.join(MODES)}")
    if mode in ("evaluate", "export"):
        config = for_existing_run(mode, given.pop("work_dir", ""), given)
    else:
        config = make_config(mode, given)
    paths.folder_to_write(config.work_dir, "--work_dir")
    if mode == "report":
        _report(config)
    else:
        compute(config)


def compute(config):
    """Run a mode that computes on devices, with TensorFlow.

    Raises:
      InputError: see the modes' `run`.
    """
    _quiet()
    devices.multiply_as_asked(config.distribute)
    if config.mode == "pretrain":
        from simclr_med.training import pretrain as module
    elif config.mode in HEADS:
        from simclr_med.training.heads import train_head as module
    elif config.mode == "sweep":
        from simclr_med.training.sweep import train_sweep as module
    elif config.mode == "evaluate":
        evaluate(config)
        return
    elif config.mode in BULK:
        from simclr_med.serving.bulk import run as module
    else:
        from simclr_med.serving import export as module
    module.run(config)


def evaluate(config):
    """Evaluate the head in `config.work_dir`: predictions of all splits, then files and a summary.

    Raises:
      InputError: see `predict.predict_splits`; nothing is written then.
    """
    from simclr_med.encoders import networks
    from simclr_med.evaluation.evaluate import former_results, summary
    from simclr_med.training.predict import predict_splits

    former_results(config.work_dir)  # a damaged file is told before the work
    head = networks.load_trained(config.work_dir)
    made = predict_splits(config, head)
    print(f"{pathlib.Path(config.work_dir).name}: weights of {made.weights}")
    results = made.write(config.work_dir, config.evaluate, config.seed)
    _draw_gradcam(config.bulk.gradcam, config.work_dir, config.data.data_dir, head, made.splits)
    for split, result in results.items():
        print(summary(pathlib.Path(config.work_dir).name, split, result))


def _draw_gradcam(count, work_dir, data_dir, head, splits):
    """Write gradcam/ of `count` errors of each split, see `gradcam_of_errors.write`; 0 for none."""
    if count:
        from simclr_med.data import manifest
        from simclr_med.serving.explain import gradcam_of_errors

        gradcam_of_errors.write(work_dir, manifest.read(data_dir), head, splits, count)


def _report(config):
    from simclr_med.evaluation import evaluated_runs, report
    from simclr_med.evaluation.intervals.bootstrap import settings_of

    chosen = config.report
    options = report.Options(
        title=chosen.title,
        settings=settings_of(config.evaluate, config.seed),
        baseline=chosen.baseline,
        formats=chosen.format,
        errors_shown=chosen.errors_shown,
        margin=chosen.margin or None,
    )
    for path in report.write_report(evaluated_runs.named(chosen.runs), config.work_dir, options):
        print(f"report: {path}")


def _quiet():
    # TensorFlow's notes on CPU features and drivers say nothing that a user can act on; errors
    # still show.
    quiet.import_tensorflow()
    import tensorflow as tf

    from simclr_med import compat  # noqa: F401  # first: it refuses another backend of Keras

    tf.get_logger().setLevel("ERROR")
    logging.set_verbosity(logging.WARNING)  # absl's, through which Keras and SavedModel report


def _parse(arguments):
    try:
        return FLAGS([arguments[0], *expanded(arguments[1:])])
    except SystemExit:  # only the help flags leave here, and absl's do so with 1
        sys.exit(0)
    except flags.Error as error:
        raise InputError(str(error).removeprefix("ERROR:: ")) from None


def entry_point():
    """Run the console command `simclr-med`."""
    if "mode" not in FLAGS:
        define_flags()
    sys.exit(run_main(_main))


def _main():
    _refuse_another_package()
    app.run(dispatch, flags_parser=_parse)  # leaves by SystemExit


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
