"""Features of whole data sets, and their quality by nearest neighbours while a run goes on."""

import numpy as np

from simclr_med import graphs, progress
from simclr_med.data.batches import evaluation_batches
from simclr_med.data.cases import label_fraction
from simclr_med.data.unreadable import naming_unreadable
from simclr_med.evaluation import predictions
from simclr_med.evaluation.metrics import scoring

NEIGHBOURS, SHARPNESS = 20, 1 / 0.07  # Wu et al. 2018, section 3.4, but for fewer neighbours
BATCH = 64  # images at a time
WATCHED = 2000  # cases of a split that a monitor looks at


def extract(model, paths, config):
    """Return the features of the evaluation view of each image, float32 `[M, D]`.

    Args:
      model: images `[B, S, S, 3]` in [0, 1] to `[B, D]`; used in inference mode.
      paths, config: see `outputs_of_images`, as for what it raises.
    """
    return outputs_of_images(inference(model), paths, config)


def inference(model):
    """Return `model` in inference mode, a compiled function of a batch."""
    return graphs.function(lambda batch: model(batch, training=False), reduce_retracing=True)


def outputs_of_images(infer, paths, config, batch_size=BATCH, label="features"):
    """Return the outputs of `infer` for the evaluation view of each image, `[M, D]`.

    Args:
      infer: a compiled function of images `[b, S, S, 3]` in [0, 1], to `[b, D]`.
      paths: M addresses of images.
      config: a `Config`.
      batch_size: b, but of the last.
      label: of the progress on stderr.

    Raises:
      InputError: an image cannot be decoded; says which.
    """
    images = evaluation_batches(
        paths,
        batch_size=batch_size,
        size=config.augment.image_size,
        proportion=config.augment.eval_crop,
        threads=config.data.threads,
    )
    total = -(-len(paths) // batch_size)
    with naming_unreadable(paths):
        batches = progress.followed(images, label, "batch", total)
        return np.concatenate([infer(batch).numpy() for batch in batches])


def neighbours_vote(features, bank, labels):
    """Return the votes of the nearest neighbours in a bank, by cosine (Wu et al. 2018).

    Args:
      features: `[N, D]`.
      bank: `[M, D]`.
      labels: `[M, K]`, of the bank; NaN is unknown, and has no vote.

    Returns:
      Probabilities `[N, K]`; 0.5 where nobody has a vote.
    """
    features, bank = (unit_rows(x) for x in (features, bank))
    similarities = features @ bank.T  # [N, M]
    k = min(NEIGHBOURS, len(bank))
    nearest = np.argpartition(-similarities, k - 1, axis=1)[:, :k]
    weights = np.exp(np.take_along_axis(similarities, nearest, axis=1) * SHARPNESS)[..., None]
    votes = labels[nearest]  # [N, k, K]
    known = ~np.isnan(votes)
    totals = (weights * known).sum(axis=1)
    sums = (weights * np.where(known, votes, 0)).sum(axis=1)
    return np.divide(sums, totals, out=np.full_like(sums, 0.5), where=totals > 0)


def unit_rows(rows):
    """Return rows `[M, D]` at length 1; those of nothing but zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


def knn_monitor(encoder, data, config):
    """Return a function to the metrics that the training split's neighbours give in validation.

    For `run_log.Monitor`.

    Args:
      encoder: a Keras model, images `[B, S, S, 3]` in [0, 1] to features `[B, D]`.
      data: a `Manifest`.
      config: a `Config`: its seed, image size, crop of evaluation, and threads.

    Raises:
      DataError: one of the two splits is empty.
    """
    bank, watched = (_some(data, split, config.seed) for split in ("train", "validation"))
    labels = np.repeat(bank.targets, np.diff(bank.offsets), axis=0)
    if data.info.task == "multiclass":
        labels = labels / labels.sum(axis=1, keepdims=True)

    infer = inference(encoder)

    def monitor():
        found, known = (outputs_of_images(infer, part.paths, config) for part in (watched, bank))
        by_image = neighbours_vote(found, known, labels)
        predicted = predictions.average_over_images(watched, by_image, data.info)
        scores = scoring.score_all_cases(predicted)
        return {f"knn_{name}": value for name, value in scores.items()}

    return monitor


def _some(data, split, seed):
    cases = data.cases([split])
    return label_fraction(cases, WATCHED / len(cases), seed)
