"""Models for new images: a run's networks, or an exported SavedModel.

model = load("work/probe", "probabilities")
for values, errors in model.answers(listing, first=0, batch_size=64, threads=0):
    ...
"""

import hashlib
import os
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from simclr_med import graphs
from simclr_med.errors import InputError
from simclr_med.files import atomic, paths, stored
from simclr_med.preparation.images import dicom_image
from simclr_med.preparation.images.rewriting import png
from simclr_med.runs import layout
from simclr_med.runs.input_contract import Contract
from simclr_med.serving import trained
from simclr_med.serving.bulk.in_order import in_order
from simclr_med.serving.bulk.listing import Listing
from simclr_med.serving.formats.encoded_images import AT_ONCE, CANNOT_BE_DECODED, view_or_error
from simclr_med.serving.rest.exported import FILE, classes_of, loaded, newest
from simclr_med.training import features
from simclr_med.training.models import objective
from simclr_med.training.models.bags import IN_LOGITS

PROBABILITIES, FEATURES = "probabilities", "features"
BOTH = "probabilities, then what the head reads"
NOT_FINITE = "the model's answer is not finite: are its weights damaged?"
_NOT_DECODED, _NOTHING = (np.array(text, object) for text in (CANNOT_BE_DECODED.encode(), b""))


def load(
    folder: str | pathlib.Path, output: str, of_run_alone: tuple[str, ...] = ()
) -> "OfRun | OfExport":
    """Return the model in a folder: an `OfRun` or an `OfExport`.

    Args:
      folder: of a run that has ended, of imported weights, of an export or of one of its versions.
      output: `PROBABILITIES`, `FEATURES` or, of a run, `BOTH`.
      of_run_alone: flags that are asked for, and that an export cannot answer.

    Raises:
      InputError: it is none of these, is damaged, or has no such output.
    """
    folder = paths.folder_to_read(folder, "--model")
    if layout.holds_run(folder):
        return OfRun(folder, output)
    if (folder / FILE).exists() or any(folder.glob(f"*/{FILE}")):
        if of_run_alone:
            raise InputError(
                f"{', '.join(of_run_alone)}: --model={folder} is an export; expected a run"
            )
        return OfExport(newest(folder), output)
    raise InputError(
        f"--model={folder}: expected the work folder of a run, imported weights, or an export"
    )


class OfRun:
    """A run's networks, as evaluation asks them.

    Args:
      folder: its work folder.
      output: see `load`.

    Attributes:
      classes: K names, of probabilities.
      task: "multiclass" or "multilabel"; "" where it is not known.
      fingerprint: SHA-256 of its weights and of its input contract.
    """

    def __init__(self, folder: pathlib.Path, output: str):
        self.trained = found = trained.load(folder)
        if output != FEATURES and found.task is None:
            raise _without_head(folder)
        if output != FEATURES and found.config.head.bag in IN_LOGITS:
            raise _no_mean(folder)
        self.classes = () if output == FEATURES else found.task.classes
        self.task = found.task.task if found.task else ""
        digest = hashlib.sha256(repr((found.contract, output)).encode())
        for _, variable in sorted(found.nets.variables().items()):
            digest.update(variable.numpy().tobytes())
        self.fingerprint = digest.hexdigest()
        self.infer = features.inference(found.nets.encoder)
        if self.classes:
            self.infer = self._probabilities(with_read=output == BOTH)

    def _probabilities(self, with_read):
        nets, task = self.trained.nets, self.trained.task.task

        @graphs.function(reduce_retracing=True)
        def infer(batch):
            read = nets.inputs(batch, training=False)
            shares = objective.probabilities(nets.head(read, training=False), task)
            return tf.concat([shares, read], axis=1) if with_read else shares

        return infer

    def answers(self, listing: Listing, first: int, batch_size: int, threads: int) -> Iterator:
        """Yield (values `[b, n]`, errors `[b]` texts, "" where there is none) batch by batch.

        Args:
          listing: a `Listing`.
          first: number of the image to begin with.
          batch_size: b, but of the last batch.
          threads: images that are read at a time; 0 for as many as the processor can.
        """
        for views, errors in self.views(listing, first, batch_size, threads):
            yield _finite(self.infer(views).numpy(), errors.astype(str))

    def views(self, listing: Listing, first: int, batch_size: int, threads: int) -> Iterator:
        """Yield `views_of` the run's contract; arguments as of `answers`."""
        return views_of(self.trained.contract, listing, first, batch_size, threads)


def views_of(
    contract: Contract, listing: Listing, first: int, batch_size: int, threads: int
) -> Iterator:
    """Yield (views `[b, S, S, 3]`, errors `[b]`) as a `Contract` describes them, see `in_order`.

    Other arguments as of `OfRun.answers`.
    """
    elements, content = _elements(listing, first)
    otherwise = (np.zeros([contract.size, contract.size, 3], np.float32), _NOT_DECODED)
    return in_order(
        elements, view_or_error(contract, content), otherwise, batch_size, _at_once(threads)
    )


class OfExport:
    """An exported SavedModel, asked with files; arguments and attributes as of `OfRun`."""

    def __init__(self, folder: pathlib.Path, output: str):
        self.module = loaded(folder)
        name = "serving_default" if output == PROBABILITIES else "features"
        self.infer, self.output = self.module.signatures[name], output
        if output not in self.infer.structured_outputs:
            raise _without_head(folder)
        if output == PROBABILITIES and hasattr(self.module, "outputs_of_views"):
            raise _no_mean(folder)
        self.classes = classes_of(self.module, folder) if output == PROBABILITIES else ()
        self.task = _task_of(folder)
        digest = hashlib.sha256(output.encode())
        for file in sorted((folder / "variables").iterdir()):
            digest.update(atomic.sha256(file).encode())
        digest.update(atomic.sha256(folder / FILE).encode())
        self.fingerprint = digest.hexdigest()

    def answers(self, listing: Listing, first: int, batch_size: int, threads: int) -> Iterator:
        """Yield as `OfRun.answers` does."""
        elements, content = _elements(listing, first)
        reading = in_order(
            elements, lambda *of: (content(*of),), (_NOTHING,), batch_size, _at_once(threads)
        )
        for (batch,) in reading:
            found = self.infer(images=tf.constant(batch, tf.string))
            errors = found["error"].numpy().astype(str)
            # What could not be read came as nothing.
            errors = np.where(batch == b"", CANNOT_BE_DECODED, errors)
            yield _finite(found[self.output].numpy(), errors)


def _finite(values, errors):
    """Return values `[b, n]` and errors `[b]`, with an error for an answer that is not finite."""
    wrong = ~np.isfinite(values).all(axis=1) & (errors == "")
    return values, np.where(wrong, NOT_FINITE, errors)


def _task_of(version):
    """Return the task that an export's input.json names, "" where an older one names none."""
    file = version / layout.INPUT
    content = stored.read_json(file, {}, "export the run again") if file.exists() else {}
    return content.get("task", "")


def _without_head(folder):
    return InputError(f"--model={folder} has no head: --mode=embed writes its features")


def _no_mean(folder):
    return InputError(
        f"--model={folder} answers for a case otherwise than by the mean of its images' "
        "probabilities (--bag): expected --mode=evaluate, or an export's signature cases"
    )


def _at_once(threads):
    return threads or max(AT_ONCE, os.cpu_count())


def _elements(listing, first):
    """Return a data set of the images from `first` on, and the function of one to its bytes."""
    places, is_dicom = listing.places[first:], listing.is_dicom[first:]
    if not listing.is_dicom.any():
        return tf.data.Dataset.from_tensor_slices((places,)), tf.io.read_file

    def content(place, is_dicom):
        return tf.cond(is_dicom, lambda: rendered(place), lambda: tf.io.read_file(place))

    def rendered(place):
        found = tf.numpy_function(
            lambda name: png(dicom_image.render(name.decode())), [place], tf.string
        )
        return tf.ensure_shape(found, [])

    return tf.data.Dataset.from_tensor_slices((places, is_dicom)), content
