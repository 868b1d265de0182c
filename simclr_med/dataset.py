"""Cases to batches of views, with tf.data.

Everything random is keyed by (seed, purpose, position in the run, view): a run resumed at any step
sees what an uninterrupted one sees, whatever the number of threads.
"""

import contextlib
import re

import numpy as np
import tensorflow as tf

from simclr_med import augment
from simclr_med.errors import InputError

POSITIVES = ("augmentation", "case")

# Purposes of random numbers.
ORDER, IMAGE, VIEW = range(3)

UNREADABLE = (
    tf.errors.InvalidArgumentError,
    tf.errors.DataLossError,
    tf.errors.NotFoundError,
    tf.errors.PermissionDeniedError,
    tf.errors.FailedPreconditionError,
)


def contrastive_batches(
    cases,
    *,
    batch_size,
    size,
    augmentation,
    strength,
    min_area,
    positives,
    seed,
    steps,
    start_step=0,
    threads=0,
    proportion=augment.CROP_PROPORTION,
):
    """Batches of two views: of one image (SimCLR), or of two images of one case (MICLe).

    Args:
      cases: `Cases` with M images in all.
      batch_size: B pairs.
      size, augmentation, strength, min_area, proportion: see `augment.random_view`.
      positives: "augmentation", where each image is a unit of its own, or "case", where two
        different images of a case are drawn; a case with one image gives it twice.
      seed: int.
      steps, start_step: `steps - start_step` batches come, those from `start_step` on.
      threads: parallel calls; 0 lets tf.data choose.

    Returns:
      A `tf.data.Dataset` of "view1" and "view2", float32 `[B, size, size, 3]`; "image1" and
      "image2", int64 `[B]` rows of `cases.paths`; "case", int64 `[B]` rows of `cases`. No unit
      comes twice in a batch.

    Raises:
      InputError: the batch holds more units than there are.
    """
    if positives not in POSITIVES:
        raise ValueError(f"positives {positives!r}; expected one of {POSITIVES}")
    by_case = positives == "case"
    units = cases if by_case else cases.each_image_alone()
    per_epoch = _per_epoch(units, batch_size, "cases" if by_case else "images")
    offsets, paths = tf.constant(units.offsets), tf.constant(units.paths)
    owner = tf.constant(np.repeat(np.arange(len(cases)), np.diff(cases.offsets)))

    def pair(position, unit):
        image1, image2 = _two_images(offsets, unit, seed, position)
        decoded1 = read(paths[image1])
        if by_case:
            decoded2 = tf.cond(image1 == image2, lambda: decoded1, lambda: read(paths[image2]))
        else:
            decoded2 = decoded1
        view1, view2 = (
            augment.random_view(
                decoded,
                key(seed, VIEW, position, number),
                size,
                augmentation,
                strength,
                min_area,
                proportion=proportion,
            )
            for number, decoded in enumerate((decoded1, decoded2))
        )
        return {
            "view1": view1,
            "view2": view2,
            "image1": image1,
            "image2": image2,
            "case": owner[image1],
        }

    units_in_order = order(len(units), per_epoch, seed, start_step * batch_size, steps * batch_size)
    return _batches(units_in_order, pair, batch_size, threads)


def labelled_batches(
    cases,
    *,
    batch_size,
    size,
    augmentation,
    strength,
    min_area,
    seed,
    steps,
    start_step=0,
    threads=0,
    proportion=augment.CROP_PROPORTION,
):
    """Batches of one view of one image, drawn anew each time, of each case.

    Args: as of `contrastive_batches`.

    Returns:
      A `tf.data.Dataset` of "images", float32 `[B, size, size, 3]`, and "targets", float32
      `[B, K]`. No case comes twice in a batch.

    Raises:
      InputError: the batch holds more cases than there are.
    """
    per_epoch = _per_epoch(cases, batch_size, "cases")
    offsets, paths = tf.constant(cases.offsets), tf.constant(cases.paths)
    targets = tf.constant(cases.targets)

    def example(position, case):
        image, _ = _two_images(offsets, case, seed, position)
        view = augment.random_view(
            read(paths[image]),
            key(seed, VIEW, position, 0),
            size,
            augmentation,
            strength,
            min_area,
            proportion=proportion,
        )
        return {"images": view, "targets": targets[case]}

    cases_in_order = order(len(cases), per_epoch, seed, start_step * batch_size, steps * batch_size)
    return _batches(cases_in_order, example, batch_size, threads)


def evaluation_batches(paths, *, batch_size, size, proportion=augment.CROP_PROPORTION, threads=0):
    """Batches `[b, size, size, 3]` of the evaluation view of every image, in order.

    The last batch holds what is left.
    """
    views = tf.data.Dataset.from_tensor_slices(np.asarray(paths, str)).map(
        lambda path: augment.evaluation_view(read(path), size, proportion),
        num_parallel_calls=threads or tf.data.AUTOTUNE,
        deterministic=True,
    )
    return views.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def order(n, per_epoch, seed, start, stop):
    """Which of n units stand at the positions `start` to `stop` of a run.

    Each epoch is a permutation of its own, of which the first `per_epoch` units are used. (It is
    drawn whole: `tf.random.experimental.index_shuffle` is far from uniform.)

    Returns:
      A `tf.data.Dataset` of (position, unit), int64 scalars.
    """

    def epoch(number):
        all_units = tf.range(n, dtype=tf.int64)
        units = tf.random.experimental.stateless_shuffle(all_units, key(seed, ORDER, number))
        positions = number * per_epoch + tf.range(per_epoch, dtype=tf.int64)
        return tf.data.Dataset.from_tensor_slices((positions, units[:per_epoch]))

    epochs = tf.data.Dataset.range(start // per_epoch, -(-stop // per_epoch)).flat_map(epoch)
    return epochs.skip(start % per_epoch).take(stop - start)


def key(seed, purpose, position, view=0):
    """The seed, int64 `[2]`, of the random numbers of one view of one example."""
    key = tf.constant([seed, purpose], tf.int64)
    for part in (position, view):
        key = tf.random.experimental.stateless_fold_in(key, tf.cast(part, tf.int64))
    return key


IN_SHARD = r"(.*)@(\d+)\+(\d+)/(\d+)"


def read(path):
    """The image at `path`, a string scalar as in `Cases.paths`: uint8 `[H, W, 3]`."""
    in_shard = tf.strings.regex_full_match(path, IN_SHARD)
    return decode(tf.cond(in_shard, lambda: _part(path), lambda: tf.io.read_file(path)))


def _part(path):
    """A part of a file: of TensorFlow's ops this data set alone reads from a given place."""
    file, *numbers = (tf.strings.regex_replace(path, IN_SHARD, rf"\{i}") for i in range(1, 5))
    offset, length, size = (tf.strings.to_number(text, tf.int64) for text in numbers)
    footer = size - offset - length
    part = tf.data.FixedLengthRecordDataset(file, length, header_bytes=offset, footer_bytes=footer)
    return part.get_single_element()


def decode(content):
    """JPEG, PNG, GIF or BMP bytes, a string scalar, to uint8 `[H, W, 3]`; a GIF's first frame."""
    image = tf.io.decode_image(content, channels=3, expand_animations=False)
    return tf.ensure_shape(image, [None, None, 3])


@contextlib.contextmanager
def naming_bad_images(paths):
    """While batches of `paths` are read: turns TensorFlow's error into one that names the file.

    Raises:
      InputError: an image cannot be read or decoded.
    """
    try:
        yield
    except UNREADABLE as error:
        found = find_corrupt(paths)
        if found is None:
            raise
        raise found from error


def find_corrupt(paths):
    """An `InputError` naming the first image that cannot be decoded, or None if all can."""
    for path in paths:
        try:
            read(path)
        except UNREADABLE as error:
            reason = re.sub(r"\{\{.*?\}\} | \[Op:.*", "", error.message.splitlines()[0])
            return InputError(f"cannot decode image {path}: {reason}")
    return None


def _per_epoch(units, batch_size, what):
    if batch_size > len(units):
        raise InputError(f"--batch_size {batch_size} is more than the {len(units)} {what}")
    return len(units) // batch_size * batch_size


def _two_images(offsets, unit, seed, position):
    """Rows of two images of a unit, each pair as likely; different where it has two or more."""
    first, count = offsets[unit], offsets[unit + 1] - offsets[unit]
    draws = tf.random.stateless_uniform([2], key(seed, IMAGE, position))
    places = tf.cast(tf.stack([count, count - 1]), tf.float32)
    here, ahead = tf.unstack(tf.cast(draws * places, tf.int64))
    return first + here, first + (here + 1 + ahead) % count


def _batches(positions, example, batch_size, threads):
    examples = positions.map(
        example, num_parallel_calls=threads or tf.data.AUTOTUNE, deterministic=True
    )
    return examples.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
