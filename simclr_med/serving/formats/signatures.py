"""Signatures of a SavedModel: of encoded images, of pixels, of tf.Examples and of cases.

module = server(trained, labels)
tf.saved_model.save(module, folder, signatures=module.signatures())

An image that cannot be read is answered by itself: `error` says why, its probabilities are -1 (no
probability, so that nobody takes it for a healthy one), its names and features empty and 0.
"""

import tensorflow as tf

from simclr_med import graphs
from simclr_med.serving.formats.encoded_images import read_views
from simclr_med.serving.formats.saved_model_client import ENCODED
from simclr_med.serving.formats.views_server import ViewsServer
from simclr_med.serving.trained import Trained
from simclr_med.training.models import objective
from simclr_med.training.models.bags import IN_LOGITS, case_logits

TOP = 5
NO_ANSWER = -1.0
STRINGS = tf.TensorSpec([None], tf.string, "images")


class EncoderServer(ViewsServer):
    """Signatures of an encoder alone.

    Args:
      trained: a `Trained`.
    """

    def __init__(self, trained):
        super().__init__(trained)
        # Traced once, for all signatures.
        self.read_views = graphs.function(self._read_views, input_signature=[STRINGS])
        self.features_of_views = graphs.function(self._features, input_signature=[self.views()])

    def signatures(self):
        """Return name to function, for `tf.saved_model.save`."""
        return {
            "serving_default": self.signature(self.features, STRINGS),
            "features": self.signature(self.features, STRINGS),
            "images": self.signature(self.serve_views, self.views()),
        }

    def signature(self, function, *specs):
        """Return a function with the names and types of its arguments."""
        return graphs.function(function, input_signature=specs)

    def features(self, images):
        """Return {"features": `[B, D]`, "error": `[B]`} of encoded images `[B]`."""
        views, errors = self.read_views(images)
        features = self.features_of_views(views)
        return {"features": tf.where((errors == "")[:, None], features, 0.0), "error": errors}

    def serve_views(self, images):
        """Return {"features": `[B, D]`} of views `[B, S, S, 3]` in [0, 1]."""
        return {"features": self.features_of_views(images)}

    def _read_views(self, images):
        return read_views(images, self.trained.contract)

    def _features(self, images):
        encoder = self.trained.nets.encoder
        return _of_any_batch(lambda views: encoder(views, training=False), images)


class HeadServer(EncoderServer):
    """Signatures of a trained head."""

    def __init__(self, trained, labels):
        """Take a `Trained` and the path of a file with a class a line, which goes along."""
        super().__init__(trained)
        self.labels = tf.saved_model.Asset(labels)
        self.of_views = graphs.function(self._probabilities, input_signature=[self.views()])
        if trained.config.head.bag in IN_LOGITS:  # bulk.models knows such a model by this
            self.outputs_of_views = graphs.function(self._outputs, input_signature=[self.views()])

    def signatures(self):
        """Return name to function, for `tf.saved_model.save`."""
        examples = tf.TensorSpec([None], tf.string, "inputs")
        cases = tf.TensorSpec([None], tf.int64, "cases")
        return super().signatures() | {
            "serving_default": self.signature(self.serve, STRINGS),
            "images": self.signature(self.serve_views, self.views()),
            "classify": self.signature(self.classify, examples),
            "cases": self.signature(self.serve_cases, STRINGS, cases),
        }

    def serve(self, images):
        """Return the answers of encoded images `[B]`, with "error", strings `[B]`."""
        probabilities, errors = self.probabilities(images)
        return self.named(probabilities, errors == "") | {"error": errors}

    def serve_views(self, images):
        """Return the answers of views `[B, S, S, 3]` in [0, 1]."""
        return self.named(self.of_views(images), tf.ones([tf.shape(images)[0]], bool))

    def classify(self, inputs):
        """Return "classes" and "scores", `[B, K]`, of serialised tf.Examples `[B]`."""
        feature = {ENCODED: tf.io.FixedLenFeature([], tf.string, default_value="")}
        images = tf.io.parse_example(inputs, feature)[ENCODED]
        probabilities, _ = self.probabilities(images)
        return {"classes": self.names(probabilities), "scores": probabilities}

    def serve_cases(self, images, cases):
        """Return one answer a case, in the order of first appearance, as evaluation has it.

        Args:
          images: encoded, strings `[B]`.
          cases: int64 `[B]`; images with one number belong together.

        Returns:
          As `serve`, with C rows, and "cases", int64 `[C]`, and "images", the number of
          readable images of each. "error" names the others, by their places in the batch.
        """
        views, errors = self.read_views(images)
        numbers, owner = tf.unique(cases)
        count = tf.size(numbers)
        readable = errors == ""
        used = tf.math.unsorted_segment_sum(tf.cast(readable, tf.int64), owner, count)  # [C]
        answers = tf.where(
            (used > 0)[:, None], self.of_cases(views, owner, used, readable), NO_ANSWER
        )
        place = tf.strings.as_string(tf.range(tf.size(errors)))
        said = tf.where(readable, "", tf.strings.join(["image ", place, " ", errors, "; "]))
        error = tf.strings.unsorted_segment_join(said, owner, count)
        error = tf.strings.regex_replace(error, "; $", "")
        return self.named(answers, used > 0) | {"cases": numbers, "images": used, "error": error}

    def of_cases(self, views, owner, used, readable):
        """Return the probabilities `[C, K]` of cases; of one without an image they mean nothing.

        Args:
          views: of images, `[B, S, S, 3]`.
          owner: number of each image's case, `[B]`.
          used: number of readable images of each case, `[C]`.
          readable: bool `[B]`.
        """
        bag, task = self.trained.config.head.bag, self.trained.task.task
        if bag in IN_LOGITS:
            outputs = self.outputs_of_views(views)
            logits = case_logits(outputs, owner, tf.size(used), bag, task, readable)
            return objective.probabilities(logits, task)
        kept = tf.where(readable[:, None], tf.cast(self.of_views(views), tf.float64), 0)
        sums = tf.math.unsorted_segment_sum(kept, owner, tf.size(used))
        means = tf.math.divide_no_nan(sums, tf.cast(used, tf.float64)[:, None])
        return tf.cast(means, tf.float32)

    def probabilities(self, images):
        """Return probabilities `[B, K]` of encoded images `[B]`, and errors `[B]`."""
        views, errors = self.read_views(images)
        return tf.where((errors == "")[:, None], self.of_views(views), NO_ANSWER), errors

    def _probabilities(self, images):
        logits = _of_any_batch(self.trained.nets.logits, images)
        return objective.probabilities(logits, self.trained.task.task)

    def _outputs(self, images):
        return _of_any_batch(self.trained.nets.outputs, images)

    def named(self, probabilities, answered):
        """Return probabilities `[B, K]` beside the classes' names, and the highest of them.

        Args:
          probabilities: float32.
          answered: bool `[B]`; the others have no names among the highest.
        """
        top, order = tf.math.top_k(probabilities, min(TOP, len(self.trained.task.classes)))
        names = tf.gather(tf.constant(self.trained.task.classes), order)
        return {
            "classes": self.names(probabilities),
            "probabilities": probabilities,
            "top_classes": tf.where(answered[:, None], names, ""),
            "top_probabilities": top,
        }

    def names(self, probabilities):
        """Return the classes' names, strings `[B, K]`, for each row of probabilities."""
        return tf.tile(tf.constant([self.trained.task.classes]), [tf.shape(probabilities)[0], 1])


def _of_any_batch(network, images):
    """Return a network's outputs of `[B, ...]`; TensorFlow's fused ops fail where B is 0."""
    count = tf.shape(images)[0]
    blank = tf.zeros([1, *images.shape[1:]])
    return network(tf.cond(count > 0, lambda: images, lambda: blank))[:count]


def server(trained: Trained, labels: str) -> EncoderServer:
    """Return the module of a `Trained`; `labels` is the path of a file with a class a line."""
    return HeadServer(trained, labels) if trained.task else EncoderServer(trained)
