"""Warm-up requests, which TensorFlow Serving sends itself before it lets clients in."""

import pathlib

import tensorflow as tf

from simclr_med import packages
from simclr_med.serving.trained import Trained

FILE = "assets.extra/tf_serving_warmup_requests"
BATCHES = (1, 8)


def write(folder: pathlib.Path, trained: Trained) -> list[str]:
    """Write the warm-up requests of a SavedModel, of a grey picture: no one's image leaves so.

    Args:
      folder: of the SavedModel.
      trained: a `Trained`.

    Returns:
      Sentences for the user: that they were left out, where the extra is missing.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError:
        return [
            "no warm-up requests were written, which need tensorflow-serving-api: "
            + packages.command("serving")
        ]
    size = trained.contract.size
    picture = tf.io.encode_png(tf.fill([size, size, 3], tf.constant(128, tf.uint8)))
    names = ["serving_default", "features"]
    (folder / FILE).parent.mkdir()
    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for name in names:
            for batch in BATCHES:
                request = predict_pb2.PredictRequest()
                request.model_spec.name = "default"
                request.model_spec.signature_name = name
                request.inputs["images"].CopyFrom(tf.make_tensor_proto(tf.fill([batch], picture)))
                log = prediction_log_pb2.PredictLog(request=request)
                entry = prediction_log_pb2.PredictionLog(predict_log=log)
                writer.write(entry.SerializeToString())
    return []
