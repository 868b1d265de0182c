"""Images at every position of a run, and the seeds of the numbers drawn there.

    positions = Positions(cases, batch_size=512, seed=0, positives="case")
    for position, images in positions.drawn(start_step=100, stop_step=200): ...

Everything random is keyed by (seed, purpose, position in the run, view): a run resumed at any step
sees what an uninterrupted one sees, whatever the number of threads, workers and machines.
"""

import numpy as np
import tensorflow as tf

from simclr_med.data.originals import Decoded
from simclr_med.data.requirements import refuse_large_batch

POSITIVES = ("augmentation", "case")

# Purposes of random numbers.
ORDER, IMAGE, VIEW = range(3)


class Positions:
    """Images at every position of a run.

    Args:
      cases: `Cases` with M images in all.
      batch_size: B units a step, over all workers.
      seed: int.
      positives: "augmentation", where each image is a unit of its own and both of its views come
        from it; "case", where two different images of a case are drawn (a case with one image
        gives it twice).
      images: how many are drawn of a unit: 2 for pairs, 1 for a labelled example, more for a bag;
        of a case that has fewer some come again, after all that it has.
      substitutes: int64 `[M]`, the image that is read in the place of each; None for itself.
      originals: `Decoded` images, in the cases' order; None decodes them at each visit.

    Raises:
      InputError: the batch holds more units than there are.
    """

    def __init__(
        self,
        cases,
        *,
        batch_size,
        seed,
        positives="case",
        images=2,
        substitutes=None,
        originals=None,
    ):
        if positives not in POSITIVES:
            raise ValueError(f"positives {positives!r}; expected one of {POSITIVES}")
        self.cases, self.batch_size, self.seed, self.images = cases, batch_size, seed, images
        self.by_case = positives == "case"
        units = cases if self.by_case else cases.each_image_alone()
        refuse_large_batch(batch_size, len(units), "cases" if self.by_case else "images")
        self.offsets = units.offsets
        # Tensors that each graph captures, not makes anew: the case of each image, its path.
        self.owner = tf.constant(np.repeat(np.arange(len(cases)), np.diff(cases.offsets)))
        self.paths = tf.constant(cases.paths)
        self.originals = originals or Decoded(cases.paths)
        self.substitutes = np.arange(len(cases.paths)) if substitutes is None else substitutes
        self._shuffled = None, None  # an epoch, and its order

    def drawn(self, start_step, stop_step, share=(0, 1)):
        """A `tf.data.Dataset` of (position, images): int64 scalar, int64 `[images]`.

        Args:
          start_step, stop_step: of the run.
          share: (w, W): the part of each batch that worker w of W takes.
        """
        offsets, substitutes = tf.constant(self.offsets), tf.constant(self.substitutes, tf.int64)

        def images(position, unit):
            if self.by_case and self.images > 2:
                drawn = _some_images(offsets, unit, self.seed, position, self.images)
            elif self.by_case:
                drawn = _two_images(offsets, unit, self.seed, position)[: self.images]
            else:
                drawn = [unit] * self.images
            return position, tf.gather(substitutes, drawn)

        n = len(self.offsets) - 1
        return order(n, self.batch_size, self.seed, start_step, stop_step, share).map(images)

    def true_pairs(self, step):
        """Return the share of the pairs of a step, counted from 1, that are of two images."""
        n = len(self.offsets) - 1
        epoch, place = divmod(step - 1, n // self.batch_size)
        if self._shuffled[0] != epoch:
            self._shuffled = epoch, shuffled(n, self.seed, epoch).numpy()
        units = self._shuffled[1][place * self.batch_size :][: self.batch_size]
        return float(np.mean(np.diff(self.offsets)[units] > 1))

    def recovering(self, stand_ins, steps, ahead):
        """A function for `trainer.train`: stands in for unreadable images after so many steps.

        Args:
          stand_ins: `StandIns`, whose substitutes these are.
          steps: of the run.
          ahead: the failed batch is one of so many; the next one but for a data service, which
            makes later ones meanwhile.
        """

        def recover(done):
            for step in range(done, min(done + ahead, steps)):
                rows = [images for _, images in self.drawn(step, step + 1).as_numpy_iterator()]
                if stand_ins.add(np.concatenate(rows)):
                    return True
            return False

        return recover


def order(n, batch_size, seed, start_step, stop_step, share=(0, 1)):
    """The units, of n, at the positions of the steps `start_step` to `stop_step`.

    Position p is of step p // B. Each epoch is a permutation of its own, of which the first
    B (n // B) units are used. (It is drawn whole: `tf.random.experimental.index_shuffle` is far
    from uniform.)

    Returns:
      A `tf.data.Dataset` of (position, unit), int64 scalars, of worker w's part of each batch.
    """
    per_epoch = n // batch_size * batch_size
    start, stop = start_step * batch_size, stop_step * batch_size
    worker, workers = share

    def epoch(number):
        units = shuffled(n, seed, number)
        places = tf.range(
            tf.maximum(start - number * per_epoch, 0),
            tf.minimum(stop - number * per_epoch, per_epoch),
        )
        places = places[places % batch_size * workers // batch_size == worker]
        positions = number * per_epoch + places
        return tf.data.Dataset.from_tensor_slices((positions, tf.gather(units, places)))

    return tf.data.Dataset.range(start // per_epoch, -(-stop // per_epoch)).flat_map(epoch)


def shuffled(n, seed, epoch):
    """Return n units in the order of an epoch, int64 `[n]`."""
    units = tf.range(n, dtype=tf.int64)
    return tf.random.experimental.stateless_shuffle(units, key(seed, ORDER, epoch))


def key(seed, purpose, place, again=0):
    """The seed, int64 `[2]`, of the random numbers of a purpose at a place, a position or epoch."""
    # Each number of the four has bits of its own. Stateless ops mix a seed before they use it.
    low = tf.cast(place, tf.int64) + again * 2**48
    return tf.stack([tf.constant(8 * seed + purpose, tf.int64), low])


def _two_images(offsets, unit, seed, position):
    """Rows of two images of a unit, each pair as likely; different where it has two or more."""
    first, count = offsets[unit], offsets[unit + 1] - offsets[unit]
    draws = tf.random.stateless_uniform([2], key(seed, IMAGE, position))
    places = tf.cast(tf.stack([count, count - 1]), tf.float32)
    here, ahead = tf.unstack(tf.cast(draws * places, tf.int64))
    return first + here, first + (here + 1 + ahead) % count


def _some_images(offsets, unit, seed, position, images):
    """Rows of so many images of a unit, each subset as likely; all of them before any again."""
    rows = tf.range(offsets[unit], offsets[unit + 1])
    shuffled = tf.random.experimental.stateless_shuffle(rows, key(seed, IMAGE, position))
    return tf.gather(shuffled, tf.range(images) % tf.size(rows))
