"""SavedModel for TensorFlow Serving, checked in a process without this package.

write("work/probe/export/.1.tmp", trained, sample)
"""

import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np
import tensorflow as tf

from simclr_med.errors import RunError
from simclr_med.files.glob_signs import without_signs
from simclr_med.serving.formats import evidence, saved_model_client, signatures, warm_up
from simclr_med.serving.formats.usage import Usage, shown
from simclr_med.serving.sample import Sample
from simclr_med.serving.trained import Trained

LABELS = "labels.txt"
ASK = """import json
import tensorflow as tf
expected = json.load(open("input.json", encoding="utf-8"))
model = tf.saved_model.load(".")
answer = model.signatures["serving_default"](images=tf.constant([open("a.png", "rb").read()]))
"""
REST = """(printf '{"instances": [{"b64": "'; base64 -w0 a.png; printf '"}]}') > request.json
curl -d @request.json localhost:8501/v1/models/NAME:predict"""


def refuse(trained: Trained) -> None:
    """Refuse nothing: a SavedModel holds every network, and answers for cases."""


def usage(trained: Trained) -> Usage:
    """Return the way a SavedModel is asked: in Python, and of TensorFlow Serving."""
    answer = 'answer["probabilities"].numpy()[0]'
    features = 'answer["features"].numpy()[0]'
    return Usage(
        library="tf-keras",
        takes="The signature serving_default takes encoded images, JPEG or PNG files.",
        gives="For each it gives probabilities, the highest classes and an error."
        if trained.task
        else "For each it gives features and an error.",
        examples=(ASK + shown(trained, answer, features), REST),
    )


def write(folder: pathlib.Path, trained: Trained, sample: Sample) -> list[str]:
    """Write the SavedModel of a `Trained` into a new folder, with its warm-up and evidence.

    Args:
      folder: a path, which is there and empty.
      trained: a `Trained`.
      sample: a `Sample` of real images.

    Returns:
      Sentences for the user.

    Raises:
      RunError: the model does not give evaluation's numbers.
    """
    save(folder, trained)
    notes = warm_up.write(folder, trained)
    differences = compared(answers_alone(folder, sample), sample)
    evidence.refuse_differences(differences)
    evidence.write(folder, sample, differences)
    return notes


def save(folder: pathlib.Path, trained: Trained) -> None:
    """Write the SavedModel alone, unchecked, into a folder that is there and empty.

    Raises:
      RunError: it cannot be written.
    """
    with tempfile.TemporaryDirectory() as beside:
        labels = pathlib.Path(beside) / LABELS
        classes = trained.task.classes if trained.task else ()
        labels.write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")
        server = signatures.server(trained, str(labels))
        try:
            tf.saved_model.save(server, str(folder), signatures=server.signatures())
        except tf.errors.OpError as error:  # a disk that is full
            raise RunError(f"{folder} cannot be written: {error.message}") from None
    if trained.task:
        # TensorFlow 2 calls all signatures Predict's; Serving's Classify asks for its own.
        of_serving = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(folder))
        of_serving.replace_method_name("classify", saved_model_client.CLASSIFY)
        of_serving.save()


def answers_alone(folder: pathlib.Path, sample: Sample) -> dict[str, np.ndarray]:
    """Return the answers of the SavedModel to a `Sample`, asked in a fresh process.

    See `saved_model_client.answers`.

    Raises:
      RunError: that process failed.
    """
    with tempfile.TemporaryDirectory() as elsewhere:
        requests, answered = (str(pathlib.Path(elsewhere, name)) for name in ("in.npz", "out.npz"))
        images = {f"image/{i}": np.frombuffer(c, np.uint8) for i, c in enumerate(sample.contents)}
        asked: dict[str, Any] = images | {"views": sample.views, "cases": sample.owners}
        np.savez(requests, **asked)
        # -I: no folder of ours, nor what PYTHONPATH names. oneDNN as TensorFlow has it by itself.
        env = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
        script = [
            sys.executable,
            "-I",
            saved_model_client.__file__,
            str(without_signs(folder).absolute()),
        ]
        done = subprocess.run(
            [*script, requests, answered], cwd=elsewhere, env=env, capture_output=True, text=True
        )
        if done.returncode:
            raise RunError(f"the exported model cannot be loaded and asked:\n{done.stderr[-2000:]}")
        with np.load(answered) as found:
            return dict(found)


def compared(found: dict[str, np.ndarray], sample: Sample) -> dict[str, float]:
    """Return each output's largest difference from a `Sample`: whole, of one image, and of none.

    Args:
      found: of `answers_alone`.
      sample: a `Sample`.
    """
    expected: dict[str, Any] = {"features/features": sample.features}
    if sample.probabilities is None:
        expected["serving_default/features"] = expected["images/features"] = sample.features
    else:
        for name in ("serving_default/probabilities", "images/probabilities", "classify/scores"):
            expected[name] = sample.probabilities
        expected["cases/probabilities"] = sample.by_case
    differences = {}
    for name, values in expected.items():
        differences[name] = evidence.largest_difference(found[name], values)
        first = sample.probabilities if name == "cases/probabilities" else values
        signature, output = name.split("/")
        for count in (1, 0):
            some = found[f"{signature}/{count}/{output}"]
            differences[f"{name}, batch of {count}"] = evidence.largest_difference(
                some, first[:count]
            )
    return differences
