"""Modes of a run, each by its `Config`, for the command and the Python API.

modes.run(make_config("pretrain", {"data_dir": "my_data", "work_dir": "work/a"}))
"""

import importlib
import logging
import pathlib
from typing import Any

from simclr_med import devices, progress, quiet
from simclr_med.config import config_files
from simclr_med.config.checked_config import make_config
from simclr_med.config.fields import Config
from simclr_med.errors import InputError
from simclr_med.files import paths
from simclr_med.runs import layout

MOST_HOURS = 24 * 365
MODULES = {  # mode to the module whose `run` does it, with TensorFlow
    "pretrain": "training.pretrain",
    "linear_probe": "training.heads.train_head",
    "finetune": "training.heads.train_head",
    "sweep": "training.sweep.train_sweep",
    "predict": "serving.bulk.run",
    "embed": "serving.bulk.run",
    "export": "serving.export",
}


def run(config: Config) -> Any:
    """Run a mode; TensorFlow is imported here and not before. Return an export's folder.

    Raises:
      InputError: flags, data or folders are wrong; see also the modes' `run`.
      RunError: it cannot go on; what was saved stays.
      StoppedError, KeyboardInterrupt: a training was stopped by a signal, and has been saved.
    """
    paths.folder_to_write(config.work_dir, "--work_dir")
    if config.mode == "report":
        return report(config)
    return compute(config)


def planned(mode: str, images: Any, given: dict[str, Any]) -> Config:
    """Return the `Config` of a training on a data set folder, or on images of which one is made.

    Args:
      mode: one of `setting.TRAINING`, or "sweep".
      images: a data set folder, or what `any_images.data_set` takes.
      given: explicitly given values by flat name, but for `data_dir`.

    Raises:
      InputError: a value is wrong, which is told before anything is made; or the images are.
    """
    from simclr_med.preparation import any_images  # late: --help needs no pandas

    config = make_config(mode, {**given, "data_dir": any_images.NOT_YET})
    paths.folder_to_write(config.work_dir, "--work_dir")
    _quiet()  # reading images may load TensorFlow
    folder = any_images.data_set(
        images, config.work_dir, cases=config.data.cases, labelled=mode != "pretrain"
    )
    return any_images.with_data(config, folder)


def fitted(images: Any, given: dict[str, Any], hours: float) -> Config:
    """Return the `Config` of a pretraining whose settings are chosen for the images and machine.

    A work folder that holds a run goes on with its settings.

    Args:
      images, given: as of `planned`.
      hours: that it may take where `given` has no steps; above 0.

    Raises:
      InputError: see `planned`.
    """
    from simclr_med.training import fit_to_machine

    if not 0 < hours <= MOST_HOURS:
        raise InputError(f"--hours={hours}: expected above 0, at most {MOST_HOURS}")
    work_dir = given.get("work_dir", "")
    if work_dir and layout.holds_run(work_dir):
        there = config_files.read(pathlib.Path(work_dir) / layout.CONFIG, "pretrain")[1]
        return planned("pretrain", images, there | given)
    probe = planned("pretrain", images, {"batch_size": 2} | given)
    config, chosen = fit_to_machine.fit(
        given, data_dir=probe.data.data_dir, work_dir=probe.work_dir, hours=hours
    )
    fit_to_machine.tell(chosen)
    if chosen:
        fit_to_machine.save(chosen, config.work_dir)
    return config


def compute(config: Config) -> Any:
    """Run a mode that computes on devices, with TensorFlow.

    Raises:
      InputError: see the modes' `run`.
    """
    _quiet()
    devices.multiply_as_asked(config.distribute)
    if config.mode == "evaluate":
        return evaluate(config)
    return importlib.import_module(f"simclr_med.{MODULES[config.mode]}").run(config)


def evaluate(config: Config) -> None:
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
    progress.say(f"{pathlib.Path(config.work_dir).name}: weights of {made.weights}")
    results = made.write(config.work_dir, config.evaluate, config.seed)
    _draw_gradcam(config.bulk.gradcam, config.work_dir, config.data.data_dir, head, made.splits)
    for split, result in results.items():
        progress.say(summary(pathlib.Path(config.work_dir).name, split, result))


def _draw_gradcam(count, work_dir, data_dir, head, splits):
    """Write gradcam/ of `count` errors of each split, see `gradcam_of_errors.write`; 0 for none."""
    if count:
        from simclr_med.data import manifest
        from simclr_med.serving.explain import gradcam_of_errors

        gradcam_of_errors.write(work_dir, manifest.read(data_dir), head, splits, count)


def report(config: Config) -> None:
    """Write the page that `config.report` asks for, see `report.write_report`."""
    from simclr_med.evaluation import evaluated_runs
    from simclr_med.evaluation.intervals.bootstrap import settings_of
    from simclr_med.evaluation.report import Options, write_report

    chosen = config.report
    options = Options(
        title=chosen.title,
        settings=settings_of(config.evaluate, config.seed),
        baseline=chosen.baseline,
        formats=chosen.format,
        errors_shown=chosen.errors_shown,
        margin=chosen.margin or None,
    )
    for path in write_report(evaluated_runs.named(chosen.runs), config.work_dir, options):
        progress.say(f"report: {path}")


def _quiet():
    # TensorFlow's notes on CPU features and drivers say nothing that a user can act on; errors
    # still show.
    quiet.import_tensorflow()
    import tensorflow as tf

    from simclr_med import compat  # noqa: F401  # first: it refuses another backend of Keras

    tf.get_logger().setLevel("ERROR")
    # Keras and SavedModel report through it.
    logging.getLogger("absl").setLevel(logging.WARNING)
