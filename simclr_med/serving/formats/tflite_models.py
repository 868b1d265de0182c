"""TFLite (LiteRT) models of one image: float, float16 and int8, with their loss on validation.

Their input is evaluation's view, float32 `[1, S, S, 3]` in [0, 1]; input.json beside them says
how such images are made.
"""

import pathlib
import zipfile

import numpy as np
import tensorflow as tf

from simclr_med import quiet
from simclr_med.errors import RunError
from simclr_med.files import atomic
from simclr_med.serving.formats import accuracy, evidence
from simclr_med.serving.formats.usage import ORIGINALS, VIEW, Usage, shown
from simclr_med.serving.formats.views_server import ViewsServer, refuse_bags
from simclr_med.serving.sample import Sample
from simclr_med.serving.trained import Trained

ASK = """import tensorflow as tf
interpreter = tf.lite.Interpreter("model.tflite")
answer = interpreter.get_signature_runner()(images=views)
"""
LABELS = "labels.txt"
FLOAT, HALF, INT8 = "model.tflite", "model_float16.tflite", "model_int8.tflite"


def refuse(trained: Trained) -> None:
    """Raise `InputError` where a case's answer is made of its bag."""
    refuse_bags("tflite", trained)


def usage(trained: Trained) -> Usage:
    """Return the way a model is asked in TensorFlow's interpreter."""
    last = shown(trained, 'answer["probabilities"][0]', 'answer["features"][0]')
    return Usage(
        library="tflite",
        takes="Each model takes one view, float32 [1, S, S, 3] in [0, 1], as `images`. "
        + ORIGINALS,
        gives="It gives `features`" + " and `probabilities`." * bool(trained.task),
        examples=(VIEW + ASK + last,),
    )


def write(folder: pathlib.Path, trained: Trained, sample: Sample) -> list[str]:
    """Write the three models into a new folder, with the evidence of their check.

    The float one has to give evaluation's numbers; the loss of the others is measured and written.
    Weights of int8 are quantised by channel, activations by the range that the `Sample` shows.

    Args:
      folder: a path, which is there and empty.
      trained: a `Trained`.
      sample: a `Sample` of real images.

    Returns:
      Sentences on the loss of each.

    Raises:
      RunError: the float model does not give evaluation's numbers, or another gives none.
    """
    server = ViewsServer(trained)
    expected = server.expected(sample)
    differences = {}
    for name, content in _converted(server, sample).items():
        atomic.write_bytes(folder / name, content)
        _add_classes(folder / name, trained)
        found = OneByOne(folder / name)(sample.views)
        differences[name] = {
            key: evidence.largest_difference(found[key], values) for key, values in expected.items()
        }
    evidence.refuse_differences(differences[FLOAT])
    _refuse_no_numbers(differences)
    models = {name: OneByOne(folder / name) for name in (HALF, INT8)}
    asked = {
        name: lambda views, model=model: model(views)["probabilities"]
        for name, model in models.items()
    }
    measured = accuracy.on_validation(trained, sample.data, asked)
    evidence.write(folder, sample, differences[FLOAT], quantised=differences, validation=measured)
    return accuracy.sentences(measured)


def _converted(server, sample):
    """Return the models' bytes by name."""
    one = server.function().get_concrete_function(server.views(batch=1))

    def examples():
        for view in sample.views:
            yield {"images": view[None]}

    def converted(**settings):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([one], server)
        for name, value in settings.items():
            setattr(converter, name, value)
        with quiet.native_errors_dropped():  # what it has chosen
            return converter.convert()

    smaller = {"optimizations": [tf.lite.Optimize.DEFAULT]}
    half = {"target_spec": tf.lite.TargetSpec(supported_types=[tf.float16])}
    return {
        FLOAT: converted(),
        HALF: converted(**smaller, **half),
        INT8: converted(**smaller, representative_dataset=examples),
    }


def _add_classes(file, trained):
    """Append labels.txt, zipped, as TFLite's metadata have it; readers of models ignore it."""
    if trained.task:
        with zipfile.ZipFile(file, "a") as archive:
            entry = zipfile.ZipInfo(LABELS)  # without the time of day
            archive.writestr(entry, "".join(f"{name}\n" for name in trained.task.classes))


class OneByOne:
    """A model of one image: views `[M, S, S, 3]` to its outputs, name to `[M, ...]`.

    Args:
      path: of the file.
    """

    def __init__(self, path: pathlib.Path):
        with quiet.native_errors_dropped():  # notices of what computes it, and of LiteRT's package
            self.interpreter = tf.lite.Interpreter(model_path=str(path))
            self.interpreter.allocate_tensors()
        self.asked = self.interpreter.get_signature_runner()

    def __call__(self, views):
        """Return the outputs of float32 views in [0, 1], asked one by one."""
        answers = [self.asked(images=view[None]) for view in np.asarray(views)]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def _refuse_no_numbers(differences):
    for name, values in differences.items():
        if not np.isfinite(list(values.values())).all():
            raise RunError(f"{name} gives what is no number; nothing was exported")
