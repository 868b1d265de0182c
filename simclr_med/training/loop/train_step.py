"""One `train_step` of a model on every replica: of a whole batch, or of micro-batches.

    step = compiled_step(model, strategy, micro_batches=4)
    step([batch1, batch2, batch3, batch4])
    model.last_step.scalars()  # waits for the step

A batch is one replica's part of it.
"""

from simclr_med import distribute
from simclr_med.training.models.micro_batches import micro_step


def compiled_step(model, strategy, micro_batches=1, jit_compile=False):
    """Return a function of a step's batches, a list, that takes the step and does not wait for it.

    Args:
      model: a `MeasuredModel`, compiled in the strategy's scope; its `last_step` has the step's
        scalars.
      strategy: of tf.distribute.
      micro_batches: number of batches in a step.
      jit_compile: True to compile it by XLA.
    """

    def compiled(function):
        return distribute.compiled(function, strategy, jit_compile)

    if micro_batches > 1:
        return micro_step(model, compiled)
    whole = compiled(model.train_step)

    def step(batches):
        (batch,) = batches
        whole(batch)

    return step
