"""Base of the models that are trained here: an optimizer's step, and the scalars that it measured.

A subclass has Keras's `train_step`, a training step on one replica: `fit` and the command train by
it.
"""

import keras
import tensorflow as tf

from simclr_med import compat, distribute

# Keras finds a layer within a saved network, and a schedule of an optimizer, by its registration
# alone: who loads a model of ours has to have those that such models are made of.
from simclr_med.encoders import bit, normalization  # noqa: F401
from simclr_med.training.models import schedule  # noqa: F401
from simclr_med.training.models.optimizer import LARS, trust_ratios
from simclr_med.training.models.rate_factors import ScaledSteps


class LastStep:
    """Scalars of the last training step: on the device, until somebody reads them.

    Args:
      names: of the scalars, in order.
    """

    def __init__(self, names):
        self.names = tuple(names)
        # Every replica has the same sums; the first's are as good as any.
        self._values = tf.Variable(
            tf.zeros([len(self.names)]),
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            name="last_step",
        )

    def assign(self, scalars):
        """Note `scalars`, a dict of this step's tensors by name; within the step's graph.

        Raises:
          ValueError: they are not those that were announced.
        """
        if tuple(scalars) != self.names:
            raise ValueError(f"the step measured {tuple(scalars)}; announced were {self.names}")
        values = [tf.cast(value, tf.float32) for value in scalars.values()]
        self._values.assign(tf.stack(values))

    def tensor(self):
        """Return the values, float32 `[n]`, without waiting; later steps do not alter them."""
        return tf.identity(self._values)

    def scalars(self, values=None):
        """Return `{name: float}` of an array of values, by default of the last step, waited for."""
        values = self.tensor().numpy() if values is None else values
        return dict(zip(self.names, values.tolist(), strict=True))


class EpochMeans:
    """Keras metrics of a model that are none of its weights: a file of weights has them not.

    Args:
      names: of the scalars that are averaged.
    """

    def __init__(self, names):
        # Keras 2 counts the variables of a model's metrics as weights where it finds them; in an
        # object that is none of its own it does not look.
        self.metrics = [keras.metrics.Mean(name=name) for name in names]

    def update(self, scalars, weight):
        """Add a batch: `scalars` by name, which are the means of `weight` examples."""
        # In `fit` a data set may end within the step, which then counts nowhere; a weight that is a
        # constant needs no data.
        with tf.control_dependencies([*scalars.values()]):
            for metric in self.metrics:
                metric.update_state(scalars[metric.name], sample_weight=weight)


class MeasuredModel(compat.ReplicatedModel):
    """A Keras model with a loss of its own, whose training steps are measured.

    Attributes:
      objectives: names of the loss's scalars, "loss" first: Keras metrics of each epoch.
      epoch_means: those. Every replica adds the scalars of all, so that the sum of replicas, which
        a metric is, has the same mean.
      last_step: the `LastStep` of a compiled model; callbacks read log.csv's rows from it.
      rate_factors: path of a weight to the factor of its learning rate, see
        `rate_factors.rate_factors`.
    """

    objectives: tuple[str, ...] = ("loss",)
    rate_factors: dict[str, float] = {}

    def __init__(self, **keras_settings):
        super().__init__(**keras_settings)
        self.epoch_means = EpochMeans(self.objectives)

    @property
    def metrics(self):
        """Return the epoch's means, and the metrics that `compile` was given."""
        others = [metric for metric in super().metrics if metric.name not in self.objectives]
        return [*self.epoch_means.metrics, *others]

    def compile(self, optimizer="rmsprop", **settings):
        """Make the model ready for `fit`, or for steps; in the strategy's scope.

        Args:
          optimizer: an optimizer or its name.
          settings: of `keras.Model.compile`, but for a loss, which the model has.

        Raises:
          ValueError: a loss is given.
        """
        if settings.get("loss") is not None:
            raise ValueError(f"{type(self).__name__} has its own loss: compile it without one")
        # Keras 3 would compile by XLA wherever it can, on a CPU too, where that is slower.
        super().compile(optimizer=optimizer, **{"jit_compile": False} | settings)
        if all(part.built for part in self.parts().values()):
            compat.build_optimizer(self.optimizer, self.trainable_variables)
        self.last_step = LastStep(self.objectives + self._measured_of_update())

    def compile_from_config(self, config):
        """Compile as the saved model was compiled."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    def parts(self):
        """Return the Keras models that this one is made of, by the names of their weights."""
        raise NotImplementedError

    def update(self, gradients, scalars):
        """Apply the sum of the replicas' gradients, and note the step's scalars.

        Args:
          gradients: of this replica, of its share of the loss, times the loss scale; in the order
            of `trainable_variables`.
          scalars: a dict; this replica's share of each, which are summed.

        Returns:
          The step's scalars, of all replicas: those given, the learning rate, the gradient's norm,
          for LARS its trust ratios, for float16 its loss scale.

        Raises:
          ValueError: the loss does not depend on a variable that is to be trained.
        """
        self._refuse_untrained(gradients)
        gradients = compat.unscaled(self.optimizer, distribute.sum_of_replicas(gradients))
        variables = self.trainable_variables
        rate = compat.learning_rate(self.optimizer)  # before the step is counted
        ratios = trust_ratios(compat.inner(self.optimizer), gradients, variables)
        # In `fit` a data set may end within the step: that must not count as one, and what counts
        # steps needs no data.
        with tf.control_dependencies([tf.group(gradients)]):
            steps = ScaledSteps(variables, self.rate_factors)
            compat.apply_sums(self.optimizer, gradients, variables)
            steps.scale()
        scalars = {
            **distribute.sum_of_replicas(scalars),
            "learning_rate": rate,
            "gradient_norm": tf.linalg.global_norm(gradients),
            **ratios,
            **compat.loss_scale(self.optimizer),
        }
        self.last_step.assign(scalars)
        return scalars

    def _refuse_untrained(self, gradients):
        pairs = zip(gradients, self.trainable_variables, strict=True)
        untrained = [compat.path(variable) for gradient, variable in pairs if gradient is None]
        if untrained:
            raise ValueError(
                f"the loss does not depend on {', '.join(untrained)}; set `trainable` to False on "
                "the layers that hold them, or leave them out"
            )

    def _measured_of_update(self):
        trust = ("trust_min", "trust_median", "trust_max")
        return (
            "learning_rate",
            "gradient_norm",
            *(trust if isinstance(compat.inner(self.optimizer), LARS) else ()),
            *compat.loss_scale(self.optimizer),
        )


def sums_of_each(tensors, others):
    """Return the sums of two lists' tensors, pair by pair."""
    return [one + other for one, other in zip(tensors, others, strict=True)]


def serialized(part):
    """Return the Keras configuration of a model or layer; None of None.

    Raises:
      ValueError: `part` is a function, which no file holds.
    """
    if part is not None and not isinstance(part, keras.layers.Layer):
        raise ValueError(f"{part} is a function: to be saved it has to be a Keras layer")
    return part and keras.saving.serialize_keras_object(part)


def deserialized(config, names):
    """Return `config` with the objects in the place of the configurations called `names`."""
    found = {name: config[name] for name in names if config[name] is not None}
    return config | {
        name: keras.saving.deserialize_keras_object(value) for name, value in found.items()
    }
