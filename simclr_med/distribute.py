"""Devices and machines, with tf.distribute: one strategy a run, chosen by flag.

    strategy = distribute.strategy_of(config.distribute)  # before TensorFlow has used a device
    with strategy.scope():
        ...

Within a replica's computation `gather` and `sum_of_replicas` reach over all replicas, their
gradients too; on one replica they are the identity.
"""

import contextlib
import functools
import hashlib
import json
import os
import socket

import numpy as np
import tensorflow as tf

from simclr_med import graphs, quiet
from simclr_med.errors import InputError


def strategy_of(settings):
    """Return the tf.distribute strategy of a `DistributeConfig`.

    Raises:
      InputError: the hardware is not there; names it.
    """
    if settings.cpu_devices > 1:
        _split_cpu(settings.cpu_devices)
    made = _MAKERS[settings.strategy](settings)
    quiet.first_compilation()  # it uses a device: not before there is a strategy
    return made


def _one(settings):
    return tf.distribute.get_strategy()


def _split_cpu(devices):
    (cpu,) = tf.config.list_physical_devices("CPU")
    logical = [tf.config.LogicalDeviceConfiguration()] * devices
    try:
        tf.config.set_logical_device_configuration(cpu, logical)
    except RuntimeError:  # this process has used its devices already
        if len(tf.config.list_logical_devices("CPU")) < devices:
            raise


@functools.cache  # the collectives of a second one in a process would be taken for the first's
def _mirrored(settings):
    if settings.cpu_devices > 1:
        return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(settings.cpu_devices)])
    gpus = tf.config.list_logical_devices("GPU")
    if len(gpus) < 2:
        raise InputError(
            f"--strategy=mirrored looked for two or more GPUs; TensorFlow sees {len(gpus)}. "
            "--cpu_devices=2 tries it on a CPU"
        )
    return tf.distribute.MirroredStrategy()


def _multi_worker(settings):
    text = os.environ.get("TF_CONFIG", "")
    try:
        content = json.loads(text)
        workers, task = content["cluster"]["worker"], content["task"]
        found = task["type"] == "worker" and task["index"] < len(workers)
    except (ValueError, KeyError, TypeError):
        found = False
    if not found:
        raise InputError(
            "--strategy=multi_worker looked for the machines in the environment's TF_CONFIG and "
            f"found {text or 'nothing'}; expected, on the first of two, "
            '{"cluster": {"worker": ["HOST1:PORT", "HOST2:PORT"]}, '
            '"task": {"type": "worker", "index": 0}}'
        )
    return tf.distribute.MultiWorkerMirroredStrategy()


def _tpu(settings):
    name, zone, project = settings.tpu, settings.tpu_zone, settings.gcp_project
    if name.startswith("grpc://"):
        refuse_unanswered(name, "TPU")  # TensorFlow would abort
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
            name or None, zone=zone or None, project=project or None
        )
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        looked = f"a TPU named {name!r}" if name else "a TPU, without --tpu,"
        looked += f" in {zone}" if zone else ""
        why = str(error).splitlines()[0].partition(" used by ")[0]
        raise InputError(f"--strategy=tpu looked for {looked} and found none: {why}") from None
    return tf.distribute.TPUStrategy(resolver)


_MAKERS = {"one": _one, "mirrored": _mirrored, "multi_worker": _multi_worker, "tpu": _tpu}


def micro_batches(settings, strategy):
    """Return the number of micro-batches in a step of a `TrainConfig`; 1 for a whole batch at once.

    Raises:
      InputError: the batch does not divide so.
    """
    batch, micro = settings.batch_size, settings.micro_batch
    each = batch / strategy.num_replicas_in_sync
    count = each / (micro or each)
    if each % 1 or count % 1:
        raise InputError(
            f"--batch_size={batch} does not divide by {strategy.num_replicas_in_sync} replicas"
            + (f" of --micro_batch={micro}" if micro else "")
        )
    return int(count)


def batches(make, strategy, micro_batches):
    """Return an iterable of the parts of a run's batches for each worker and replica.

    Args:
      make: called with `share` and `pieces`, see `dataset`, to a `tf.data.Dataset`.
      strategy: of tf.distribute.
      micro_batches: that many of the result are a step.
    """

    def of_worker(context):
        workers = context.num_input_pipelines
        replicas = strategy.num_replicas_in_sync // workers
        share = (context.input_pipeline_id, workers)
        return make(share=share, pieces=replicas * micro_batches)

    return strategy.distribute_datasets_from_function(of_worker)


def refuse_disagreement(strategy, what, value):
    """Raise `InputError`, on all workers, unless all call it with a value that prints the same.

    Args:
      strategy: of tf.distribute.
      what: name of the value, for the message.
      value: has a `repr` that tells it from others.
    """
    if workers(strategy)[1] == 1:
        return
    digest = np.frombuffer(hashlib.sha256(repr(value).encode()).digest(), np.uint8)
    given = digest.astype(np.float32)
    sums = value_of_first_replica(strategy, _summed(strategy)(tf.constant(given))).numpy()
    differ = not np.array_equal(sums, given * strategy.num_replicas_in_sync)
    if any_worker(strategy, differ):
        raise InputError(
            f"the machines differ in {what}: all need the same flags and data, and a --work_dir "
            "that each of them sees"
        )


def any_worker(strategy, flag):
    """Return True if `flag` is set on any worker; all call it at the same step."""
    if workers(strategy)[1] == 1:
        return flag
    flags = _summed(strategy)(tf.constant(float(flag)))
    return float(value_of_first_replica(strategy, flags)) > 0


@functools.cache
def _summed(strategy):
    # The flag comes from no device; its copy is of the replica's.
    return compiled(lambda flag: sum_of_replicas(tf.identity(flag)), strategy)


def replicas():
    """Return the number of replicas of the current strategy."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def workers(strategy):
    """Return (index of this worker, number of workers); one that drives a TPU slice is alone."""
    resolver = strategy.cluster_resolver
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 0, 1
    return resolver.task_id, len(resolver.cluster_spec().as_dict()["worker"])


def is_chief(strategy):
    """Return True in the process that writes the work folder."""
    return workers(strategy)[0] == 0


def gather(values):
    """Return the `[n, ...]` of each of R replicas as `[R n, ...]`, in the replicas' order."""
    if replicas() == 1:
        return values
    return tf.distribute.get_replica_context().all_gather(values, axis=0)


def sum_of_replicas(values):
    """Return a tensor, or a nest of them, summed over the replicas."""
    if replicas() == 1:
        return values
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def assign_each(variables, values):
    """Assign `values` to a replica's copies of `variables`, lists; within its computation."""

    def assign(strategy, values):
        for variable, value in zip(variables, values, strict=True):
            strategy.extended.update(variable, lambda copy, own: copy.assign(own), args=(value,))

    tf.distribute.get_replica_context().merge_call(assign, args=(values,))


def rows_before(count):
    """Return the number of rows of the replicas before this one, int32 scalar.

    Args:
      count: of this replica's rows, int32 scalar; each may have another.
    """
    if replicas() == 1:
        return tf.constant(0)
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    return tf.reduce_sum(gather(tf.reshape(count, [1]))[:number])


def compiled(function, strategy, jit_compile=False):
    """Return `function`, compiled and run by every replica.

    Arguments and results, tensors, stay with their replica.

    Args:
      function: computes one replica's part.
      strategy: of tf.distribute.
      jit_compile: by XLA; on one replica.
    """
    if jit_compile:
        function = graphs.function(function, jit_compile=True)

    @graphs.function
    def run(*arguments):
        return strategy.run(function, arguments)

    return run


def value_of_first_replica(strategy, values):
    """Return the first local replica's part of the result of a `compiled` function."""
    return tf.nest.map_structure(lambda v: strategy.experimental_local_results(v)[0], values)


SECONDS = 10  # that an answer may take


def refuse_unanswered(address, who):
    """Raise `InputError` where nobody answers.

    Args:
      address: grpc://HOST:PORT.
      who: is expected there, for the message.
    """
    host, port = address.removeprefix("grpc://").rsplit(":", 1)
    try:
        with contextlib.closing(socket.create_connection((host, int(port)), SECONDS)):
            pass
    except OSError as error:
        raise InputError(f"no {who} answers at {address}: {error}") from None
