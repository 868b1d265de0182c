"""A linear probe: a head on frozen features.

They are computed once, by the encoder in inference mode: its weights and statistics stay as they
were, and an image's feature does not depend on its neighbours in a batch.
"""

import tensorflow as tf

from simclr_med.encoders import checkpoint, heads
from simclr_med.training import exact_probe, kept_features, trainer
from simclr_med.training.epochs import batch_rows, refuse_large_batch
from simclr_med.training.head_loss import class_weights, loss_changes
from simclr_med.training.run_setup import configured_optimizer
from simclr_med.training.supervised import SupervisedModel
from simclr_med.training.validation import ValidationSplit


def train(config, nets, labelled, strategy, until=None):
    """Train a head on features, by steps or exactly; the arguments are `tuned_head.train`'s."""
    cases = labelled.cases.each_image_alone()
    if config.head.solver == "lbfgs":
        _solve(config, nets, cases, labelled.info.task)
        return
    size = config.train.batch_size
    refuse_large_batch(size, len(cases))
    found = kept_features.extract(nets.inputs, cases.paths, config)
    heads.standardise(nets.head, found)

    def batches(start_step):
        def indices():
            for step in range(start_step, config.train.steps):
                yield batch_rows(len(cases), size, config.seed, step, step + 1)[0]

        def gather(index):
            return {"images": tf.gather(found, index), "targets": tf.gather(targets, index)}

        targets = tf.constant(cases.targets)
        spec = tf.TensorSpec([size], tf.int64)
        return tf.data.Dataset.from_generator(indices, output_signature=spec).map(gather)

    task = labelled.info.task
    model = SupervisedModel(nets.head, task, **loss_changes(config, cases.targets, task))
    model.compile(configured_optimizer(config), jit_compile=config.train.jit_compile)
    trainer.train(
        model,
        nets.variables(),
        batches,
        config=config,
        strategy=strategy,
        validation=_validation_of(nets, labelled, config),
        until=until,
    )


def _validation_of(nets, labelled, config):
    if labelled.watched is None:
        return None
    seen = tf.constant(kept_features.extract(nets.inputs, labelled.watched.paths, config))
    return ValidationSplit(labelled.watched, labelled.info, lambda: nets.head(seen, training=False))


def _solve(config, nets, cases, task):
    """Leave the exact solution as the checkpoint of the last step."""
    steps = config.train.steps
    checkpoint.set_aside_newer(config.work_dir, 0)  # one that is there is damaged: see is_done
    seen = kept_features.extract(nets.inputs, cases.paths, config)
    heads.standardise(nets.head, seen)
    standardised = nets.head.get_layer("normalization")(seen).numpy()
    decay, logits = config.optimizer.weight_decay, nets.head.get_layer("logits")
    weights = class_weights(cases.targets, task, config.head.class_weights)
    kernel, bias = exact_probe.solve(standardised, cases.targets, decay, task, steps, weights)
    logits.kernel.assign(kernel)
    logits.bias.assign(bias)
    checkpoint.save(config.work_dir, checkpoint.values_of(nets.variables()), steps, keep=1)
