"""Positions of a run become batches of views, with tf.data.

positions = Positions(cases, batch_size=512, seed=0, positives="case")
batches = contrastive_batches(positions, Recipe.named("full", 224), steps=1000)

"""

from functools import partial

import numpy as np
import tensorflow as tf

from simclr_med.data.data_service import AHEAD, ahead, at_once, distributed
from simclr_med.data.positions import VIEW, key
from simclr_med.views import augment, crops
from simclr_med.views.changing import change_each
from simclr_med.views.decode import read

PLACES = ("host", "device")


def contrastive_batches(positions, recipe, **running):
    """Batches of two views: of one image (SimCLR), or of two images of one case (MICLe).

    Args:
      positions: `Positions` of two images.
      recipe: a `Recipe`.
      running: see `_batches`.

    Returns:
      A `tf.data.Dataset` of "view1" and "view2", float32 `[B, S, S, 3]` in [0, 1] (with "device",
      crops that a `ChangeView` makes views of with "draws1" and "draws2"); "image1" and
      "image2", int64 `[B]` rows of `cases.paths`; "case", int64 `[B]` rows of `cases`. No unit
      comes twice in a batch, unless it stands in for an unreadable one.
    """

    def example(images, views, draws):
        return {
            **{f"view{number}": view for number, view in enumerate(views, 1)},
            **{f"draws{number}": part for number, part in enumerate(draws, 1)},
            "image1": images[0],
            "image2": images[1],
            "case": positions.owner[images[0]],
        }

    return _batches(positions, recipe, example, **running)


def labelled_batches(positions, recipe, **running):
    """Batches of one view of one image, drawn anew each time, of each case.

    Args:
      positions: `Positions` of one image.
      recipe: a `Recipe`.
      running: see `_batches`.

    Returns:
      A `tf.data.Dataset` of "images", float32 `[B, S, S, 3]`, as the views of
      `contrastive_batches` (with "draws"), and "targets", float32 `[B, K]`. No case comes twice in
      a batch, unless it stands in for one whose images are unreadable.
    """
    targets = tf.constant(positions.cases.targets)

    def example(images, views, draws):
        part = {"draws": draws[0]} if draws else {}
        return {"images": views[0], "targets": targets[positions.owner[images[0]]], **part}

    return _batches(positions, recipe, example, **running)


def bag_batches(positions, recipe, **running):
    """Batches of several images of each case, a view of each.

    Args:
      positions: `Positions` of N images of cases.
      recipe: a `Recipe`.
      running: see `_batches`.

    Returns:
      A `tf.data.Dataset` of "images", float32 `[B, N, S, S, 3]`, as those of `labelled_batches`
      (with "draws"), "counted", bool `[B, N]`, false of further views of a case that has fewer
      images, and "targets", float32 `[B, K]`.
    """
    targets = tf.constant(positions.cases.targets)
    sizes = tf.constant(np.diff(positions.offsets))

    def example(images, views, draws):
        case = positions.owner[images[0]]
        part = {"draws": tf.stack(draws)} if draws else {}
        counted = tf.range(positions.images, dtype=tf.int64) < sizes[case]
        return {"images": tf.stack(views), "counted": counted, "targets": targets[case], **part}

    return _batches(positions, recipe, example, **running)


def _batches(
    positions,
    recipe,
    example,
    *,
    steps,
    start_step=0,
    share=(0, 1),
    pieces=1,
    threads=0,
    augment_on="host",
    data_service="",
):
    """Batches of examples.

    Args:
      positions: `Positions`.
      recipe: a `Recipe`.
      example: (images, views, draws) to an example's dict of tensors.
      steps, start_step: `steps - start_step` batches come, those from `start_step` on.
      share: (w, W): of each batch comes the part of worker w of W.
      pieces: that part comes in so many batches.
      threads: parallel calls; 0 for two a core.
      augment_on: "host", or "device", where views are crops that are yet to be changed.
      data_service: address of a tf.data service that does the work; "" for this process.
    """
    if augment_on not in PLACES:
        raise ValueError(f"augment_on {augment_on!r}; expected one of {PLACES}")
    part = positions.batch_size // share[1]
    if part * share[1] != positions.batch_size or part % pieces:
        raise ValueError(f"{positions.batch_size} do not divide by {share[1]} times {pieces}")
    changes = change_each(recipe)
    # A service's workers have other cores than this machine.
    calls = (threads or tf.data.AUTOTUNE) if data_service else at_once(threads)

    def seen(position, images):
        cut, draws = crops_at(positions, recipe, position, images)
        if augment_on == "device":
            return example(images, cut, tf.unstack(draws))
        return example(images, changes(cut, draws), [])

    def batches(first, last, size):
        examples = positions.drawn(first, last, share).map(
            seen, num_parallel_calls=calls, deterministic=True
        )
        return examples.batch(size, drop_remainder=True)

    if data_service:
        whole = distributed(partial(batches, size=part), start_step, steps, data_service)
        return whole.rebatch(part // pieces, drop_remainder=True) if pieces > 1 else whole
    return ahead(batches(start_step, steps, part // pieces), pool=at_once(0))


def crops_at(positions, recipe, position, images, again=0):
    """The crops of an example's views, and the numbers that a `ChangeView` wants with them.

    Args:
      positions: `Positions`.
      recipe: a `Recipe`.
      position: of the example in the run.
      images: int64 `[V]`, of its views.
      again: another number gives other views.

    Returns:
      V crops, float32 `[S, S, 3]`, and the numbers `[V, n]`.
    """
    place, draws = augment.draw(key(positions.seed, VIEW, position, again), positions.images)
    originals = positions.originals

    def of_one():
        return originals.crops(images[0], place, recipe)

    def of_each():
        return [
            originals.crops(images[v], place[v : v + 1], recipe)[0] for v in range(positions.images)
        ]

    if not positions.by_case or positions.images == 1:
        return of_one(), draws
    # One image twice is read and decoded once.
    return tf.cond(tf.reduce_all(images == images[0]), of_one, of_each), draws


def batches_ahead(data_service: str) -> int:
    """Return the batches in work beyond the next one, see `Positions.recovering`."""
    return AHEAD if data_service else 1


def batch_settings(config) -> dict:
    """Return the arguments of the functions above for a training run."""
    return {
        "steps": config.train.steps,
        "threads": config.data.threads,
        "augment_on": config.augment.augment_on,
        "data_service": config.data.data_service,
    }


def evaluation_batches(paths, *, batch_size, size, proportion=crops.CROP_PROPORTION, threads=0):
    """Batches `[b, size, size, 3]`, in [0, 1], of the evaluation view of every image, in order.

    The last batch holds what is left.
    """
    views = tf.data.Dataset.from_tensor_slices(np.asarray(paths, str)).map(
        lambda path: evaluation_view(read(path), size, proportion),
        num_parallel_calls=at_once(threads),
        deterministic=True,
    )
    return ahead(views.batch(batch_size))


def evaluation_view(image, size, proportion):
    """The view of a decoded image in evaluation and serving: `[size, size, 3]` in [0, 1]."""
    return augment.clip(crops.evaluation_view(image, size, proportion) / 255)
