"""The supervised model as a Keras model, against Keras's own losses as oracle."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import simclr_med
from simclr_med import distribute
from simclr_med.config.sections.running import DistributeConfig
from simclr_med.config.splits import TASKS
from simclr_med.training.models import objective

N, K, D, BATCH = 14, 3, 5, 4  # the last batch has 2


def network():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential([keras.Input([D]), layers.Dense(8, activation="relu"), layers.Dense(K)])


def model(task="multiclass", **compiled):
    made = simclr_med.SupervisedModel(network(), task=task)
    made.compile(**{"optimizer": keras.optimizers.SGD(0.3)} | compiled)
    return made


def examples(task):
    draw = np.random.default_rng(1)
    x = draw.standard_normal([N, D]).astype(np.float32)
    if task == "multiclass":
        y = np.eye(K, dtype=np.float32)[draw.integers(0, K, N)]
    else:
        y = draw.integers(0, 2, [N, K]).astype(np.float32)
    return x, y, draw.random(N).astype(np.float32)


LOSSES = {
    "multiclass": keras.losses.CategoricalCrossentropy(from_logits=True),
    "multilabel": keras.losses.BinaryCrossentropy(from_logits=True),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_fit_and_evaluate_are_those_of_keras_with_its_loss(task, weighted):
    x, y, weight = examples(task)
    data = (x, y, weight) if weighted else (x, y)
    batches = tf.data.Dataset.from_tensor_slices(data).batch(BATCH)
    ours, theirs = model(task), network()
    theirs.compile(keras.optimizers.SGD(0.3), loss=LOSSES[task])
    histories = [m.fit(batches, epochs=3, verbose=0).history["loss"] for m in (ours, theirs)]
    np.testing.assert_allclose(*histories, rtol=1e-5)
    assert histories[0][2] < histories[0][0]
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        ours.evaluate(batches, verbose=0), theirs.evaluate(batches, verbose=0), rtol=1e-5
    )
    np.testing.assert_allclose(
        ours.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-4, atol=1e-5
    )


SMOOTHED = {
    "multiclass": keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.3),
    "multilabel": keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.3),
}


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_label_smoothing_is_that_of_keras_in_training_and_none_in_evaluation(task):
    x, y, _ = examples(task)
    ours, theirs = simclr_med.SupervisedModel(network(), task, label_smoothing=0.3), network()
    ours.compile(keras.optimizers.SGD(0.3))
    theirs.compile(keras.optimizers.SGD(0.3), loss=SMOOTHED[task])
    fit = {"batch_size": BATCH, "epochs": 3, "shuffle": False, "verbose": 0}
    histories = [m.fit(x, y, **fit).history["loss"] for m in (ours, theirs)]
    np.testing.assert_allclose(*histories, rtol=1e-5)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    plain = LOSSES[task](y, theirs.predict(x, verbose=0))
    np.testing.assert_allclose(ours.evaluate(x, y, verbose=0), plain, rtol=1e-4)


def test_what_is_unknown_stays_so_with_label_smoothing():
    nan = np.nan
    logits = tf.Variable([[1.0, -2.0, 3.0]])
    with tf.GradientTape() as tape:
        loss = objective.summed_loss(
            np.float32([[1, nan, 0]]), logits, "multilabel", label_smoothing=0.2
        )
    expected = [1 / (1 + np.exp(-1)) - 0.9, 0, 1 / (1 + np.exp(-3)) - 0.1]
    np.testing.assert_allclose(tape.gradient(loss, logits)[0], expected, rtol=1e-5)


def test_a_dict_and_class_numbers_train_the_same():
    x, y, _ = examples("multiclass")
    numbers = y.argmax(1)
    trained = [model(), model(), model()]
    settings = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    trained[0].fit({"images": x, "targets": y}, **settings)
    trained[1].fit(x, numbers, **settings)
    trained[2].fit(x, numbers[:, None].astype(np.uint8), **settings)
    for a, b, c in zip(*[each.get_weights() for each in trained], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
        np.testing.assert_array_equal(b, c)
    with pytest.raises(ValueError, match="a batch is .images, targets. or a dict"):
        trained[0].fit({"images": x}, **settings)


def test_a_single_finding_may_be_a_vector():
    x, y, _ = examples("multilabel")
    losses = []
    for part in (y[:, 0], y[:, :1]):
        keras.utils.set_random_seed(0)
        one = keras.Sequential([keras.Input([D]), keras.layers.Dense(1)])
        trained = simclr_med.SupervisedModel(one, task="multilabel")
        trained.compile("sgd")
        losses.append(trained.evaluate(x, part, verbose=0))
    assert losses[0] == losses[1]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_of_a_single_output_targets_are_no_class_numbers(task, shape):
    found = objective.as_rows(tf.reshape([0.25, 1.0], shape), 1, task)
    np.testing.assert_array_equal(found, [[0.25], [1.0]])


@pytest.mark.parametrize(
    ("task", "targets", "problem"),
    [
        ("multiclass", np.eye(K + 1)[[0] * N], r"targets are \[B, 3\], or class numbers \[B\]"),
        ("multilabel", np.ones(N), r"multilabel targets are \[B, 3\], as the network has 3"),
        ("multiclass", np.full(N, K), "class numbers are 0 to 2; a batch has"),
        ("multiclass", np.full(N, -1), "class numbers are 0 to 2; a batch has"),
    ],
)
def test_targets_that_do_not_fit_the_network_are_told(task, targets, problem):
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=problem):
        model(task).fit(examples(task)[0], targets, verbose=0)


def test_metrics_of_class_numbers_see_class_numbers():
    x, y, _ = examples("multiclass")
    trained = model(metrics=["sparse_categorical_accuracy", "accuracy"])
    found = trained.evaluate(x, y.argmax(1), return_dict=True, verbose=0)
    hits = trained.predict(x, verbose=0).argmax(1) == y.argmax(1)
    for name in ("sparse_categorical_accuracy", "accuracy"):
        np.testing.assert_allclose(found[name], hits.mean(), rtol=1e-6)


def test_unknown_findings_count_nowhere():
    x, y, _ = examples("multilabel")
    y[np.random.default_rng(0).random(y.shape) < 0.5] = np.nan
    trained = model("multilabel")
    logits = trained.predict(x, verbose=0)
    p = 1 / (1 + np.exp(-logits[~np.isnan(y)]))
    known = y[~np.isnan(y)]
    expected = -np.mean(known * np.log(p) + (1 - known) * np.log(1 - p))
    found = trained.evaluate(x, y, batch_size=BATCH, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_metrics_of_keras_see_probabilities_and_validation_data():
    x, y, _ = examples("multiclass")
    trained = model(optimizer="sgd", metrics=["accuracy", keras.metrics.AUC(name="auc")])
    history = trained.fit(x, y, validation_data=(x, y), verbose=0).history
    assert set(history) == {f"{p}{n}" for p in ("", "val_") for n in ("loss", "accuracy", "auc")}
    hits = trained.predict(x, verbose=0).argmax(1) == y.argmax(1)
    np.testing.assert_allclose(history["val_accuracy"], [hits.mean()], rtol=1e-6)
    assert 0 < history["val_auc"][0] <= 1


def test_two_replicas_tell_what_one_does():
    x, y, weight = examples("multilabel")
    y[:3] = np.nan
    data = tf.data.Dataset.from_tensor_slices((x, y, weight)).batch(BATCH, drop_remainder=True)
    told = []
    strategy = distribute.strategy_of(DistributeConfig(strategy="mirrored", cpu_devices=2))
    for chosen in (tf.distribute.get_strategy(), strategy):
        with chosen.scope():
            trained = model("multilabel", metrics=[keras.metrics.MeanSquaredError(name="mse")])
        history = trained.fit(data, epochs=2, verbose=0).history
        told.append([*history["loss"], trained.evaluate(data, verbose=0)[0]])
    np.testing.assert_allclose(told[0], told[1], rtol=1e-5)


def test_a_saved_model_evaluates_and_trains_as_before(tmp_path):
    x, y, _ = examples("multilabel")
    fit = {"x": x, "y": y, "batch_size": BATCH, "shuffle": False, "verbose": 0}
    trained = model("multilabel", optimizer=simclr_med.LARS(0.3, trust_coefficient=0.1))
    trained.fit(**fit)
    trained.save(tmp_path / "a.keras")
    loaded = keras.models.load_model(tmp_path / "a.keras")
    assert loaded.task == "multilabel"
    losses = [m.evaluate(x, y, verbose=0) for m in (trained, loaded)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
    losses = [m.fit(**fit).history["loss"] for m in (trained, loaded)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_another_task_is_refused():
    with pytest.raises(ValueError, match="task 'regression'; expected one of multiclass"):
        simclr_med.SupervisedModel(network(), task="regression")
