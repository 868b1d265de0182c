"""Client of a SavedModel in a process without this package, started as a script.

python -I saved_model_client.py FOLDER REQUESTS ANSWERS

The last two are .npz files. REQUESTS has "image/0", "image/1" ..., the bytes of files, "cases",
int64 `[M]`, and "views", float32 `[M, S, S, 3]`; ANSWERS has "SIGNATURE/OUTPUT" of all M, and of
the first 1 and 0 "SIGNATURE/1/OUTPUT", "SIGNATURE/0/OUTPUT".
"""

import os
import sys

if __name__ == "__main__":  # before TensorFlow is imported
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # the process that asks may hold all of a GPU
    sys.modules["simclr_med"] = None  # type: ignore[assignment]  # importing it fails

from typing import Any

import numpy as np
import tensorflow as tf

CLASSIFY = "tensorflow/serving/classify"  # the method of a signature of :classify
ENCODED = "image/encoded"  # of tf.Examples, as TensorFlow's tools call it


def answers(
    folder: str, images: list[bytes], cases: np.ndarray, views: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the outputs of each signature of the SavedModel in `folder`, name to array.

    Args:
      folder: of the SavedModel.
      images: bytes of M encoded images, a list.
      cases: int64 `[M]`.
      views: float32 `[M, S, S, 3]`.
    """
    model = tf.saved_model.load(folder)
    encoded = tf.constant(images, tf.string)
    inputs = {
        "serving_default": {"images": encoded},
        "images": {"images": tf.constant(views)},
        "features": {"images": encoded},
        "cases": {"images": encoded, "cases": tf.constant(cases, tf.int64)},
        "classify": {"inputs": tf.constant([example(image) for image in images], tf.string)},
    }
    found = {}
    for name, values in inputs.items():
        if name in model.signatures:
            for part, count in (("", len(images)), ("/1", 1), ("/0", 0)):
                some = {key: value[:count] for key, value in values.items()}
                for key, value in model.signatures[name](**some).items():
                    if value.dtype != tf.string:
                        found[f"{name}{part}/{key}"] = value.numpy()
    return found


def example(image: bytes) -> bytes:
    """Return a serialised tf.Example of an encoded image."""
    value = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))
    features = tf.train.Features(feature={ENCODED: value})
    return tf.train.Example(features=features).SerializeToString()


def main(folder: str, requests: str, answered: str) -> None:
    """Answer the requests of a file in another."""
    with np.load(requests) as file:
        count = sum(name.startswith("image/") for name in file.files)
        images = [file[f"image/{i}"].tobytes() for i in range(count)]
        found: dict[str, Any] = answers(folder, images, file["cases"], file["views"])
        np.savez(answered, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
